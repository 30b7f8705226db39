"""Which items of the conversation the caller's line was given how much audio of. Pure.

The service believes that all audio that it sent was heard. After an interruption it must be told where each item was
cut off (``conversation.item.truncate``), or the model goes on from words that nobody heard.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cut", "PlayedLedger"]

_KEPT_ITEMS = 32


@dataclass(frozen=True, slots=True)
class Cut:
    """Where an item was cut off.

    Args:
        item_id: The item.
        content_index: Which of its parts has the audio.
        audio_end_ms: How much of it was played.
        total_ms: How much of it there is.
    """

    item_id: str
    content_index: int
    audio_end_ms: int
    total_ms: int


@dataclass(slots=True)
class _Entry:
    item_id: str
    content_index: int
    bytes_given: int = 0


class PlayedLedger:
    """The audio of one connection, in the order in which it was given to the line.

    Args:
        rate_hz: Sample rate of the audio, PCM16 mono.
    """

    def __init__(self, rate_hz: int) -> None:
        self._bytes_per_ms = rate_hz * 2 / 1000
        self._entries: dict[str, _Entry] = {}
        self._cut: dict[str, None] = {}
        self._marked: tuple[tuple[str, int, int], ...] | None = None

    def given(self, item_id: str, content_index: int, size: int) -> None:
        """``size`` bytes of an item were given to the line."""
        entry = self._entries.get(item_id)
        if entry is None:
            entry = self._entries[item_id] = _Entry(item_id, content_index)
            while len(self._entries) > _KEPT_ITEMS:
                self._cut.pop(next(iter(self._entries)), None)
                self._entries.pop(next(iter(self._entries)))
        entry.bytes_given += size

    def mark(self) -> None:
        """The caller interrupts now: what comes later is no part of what was interrupted."""
        self._marked = self._present()

    def cut_off(self, unplayed_ms: float) -> list[Cut]:
        """Which items the caller did not hear to their end.

        Args:
            unplayed_ms: Of what was given before the last mark, how much at its end was not played.

        Returns:
            The items, newest first, each one once in the life of the ledger.
        """
        cuts: list[Cut] = []
        marked = self._marked if self._marked is not None else self._present()
        for item_id, content_index, size in reversed(marked):
            if unplayed_ms <= 0:
                break
            total_ms = size / self._bytes_per_ms
            played_ms = max(0.0, total_ms - unplayed_ms)
            unplayed_ms -= total_ms
            if item_id not in self._cut:
                # Before anything is sent: a second interruption may come while the first is being told.
                self._cut[item_id] = None
                cuts.append(Cut(item_id, content_index, int(played_ms), int(total_ms)))
        return cuts

    def given_of(self, item_id: str) -> Cut | None:
        """An item cut off where what was given of it ends; ``None`` if nothing was, or if it is cut off already."""
        entry = self._entries.get(item_id)
        if entry is None or item_id in self._cut:
            return None
        given_ms = int(entry.bytes_given / self._bytes_per_ms)
        return Cut(item_id, entry.content_index, given_ms, given_ms)

    def is_cut(self, item_id: str) -> bool:
        """Whether this item has been cut off: more audio of it is not wanted."""
        return item_id in self._cut

    def _present(self) -> tuple[tuple[str, int, int], ...]:
        return tuple((entry.item_id, entry.content_index, entry.bytes_given) for entry in self._entries.values())
