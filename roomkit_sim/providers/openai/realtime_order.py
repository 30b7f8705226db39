"""Puts the caller's words before the answer to them. Pure.

The service transcribes beside the conversation: the transcript of what the caller said may come when the answer is
spoken already, or the tool called. What must not be told before it waits here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from roomkit_sim.providers.realtime.events import LiveEvent, Transcript

__all__ = ["SpokenOrder"]


@dataclass(slots=True)
class _Words:
    """A place for what the caller said; ``None`` until it is transcribed."""

    item_id: str
    text: str | None = None


class SpokenOrder:
    """What is held back until the caller's words before it are known."""

    def __init__(self) -> None:
        self._waiting: deque[_Words | LiveEvent] = deque()

    @property
    def expects_words(self) -> bool:
        """Whether a transcript is to come."""
        return any(isinstance(entry, _Words) and entry.text is None for entry in self._waiting)

    @property
    def holds_events(self) -> bool:
        """Whether something is held back."""
        return any(not isinstance(entry, _Words) for entry in self._waiting)

    def committed(self, item_id: str) -> None:
        """The caller has said something whose transcript is to come."""
        self._waiting.append(_Words(item_id))

    def transcribed(self, item_id: str, text: str) -> list[LiveEvent]:
        """The transcript has come; ``""`` if there will be none. Returns what can be told now."""
        for entry in self._waiting:
            if isinstance(entry, _Words) and entry.item_id == item_id:
                entry.text = text
                return self._tellable()
        # Nobody waits for it any more, or ever did.
        return _final(text)

    def after(self, event: LiveEvent) -> list[LiveEvent]:
        """``event`` follows what the caller has said. Returns what can be told now."""
        if not self._waiting:
            return [event]
        self._waiting.append(event)
        return []

    def release(self) -> list[LiveEvent]:
        """Wait no longer. Returns all that was held back; transcripts still to come will be told when they come."""
        released: list[LiveEvent] = []
        while self._waiting:
            entry = self._waiting.popleft()
            released += _final(entry.text or "") if isinstance(entry, _Words) else [entry]
        return released

    def _tellable(self) -> list[LiveEvent]:
        told: list[LiveEvent] = []
        while self._waiting:
            entry = self._waiting[0]
            if isinstance(entry, _Words):
                if entry.text is None:
                    break
                told += _final(entry.text)
            else:
                told.append(entry)
            self._waiting.popleft()
        return told


def _final(text: str) -> list[LiveEvent]:
    text = text.strip()
    return [Transcript("user", text, True)] if text else []
