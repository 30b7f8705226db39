"""The way from the caller to the model: audio that is held while connections change, texts that wait their turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from roomkit_sim.providers.gemini.audio_ring import AudioRing
from roomkit_sim.providers.gemini.live_connection import LiveConnection

__all__ = ["HeldAudio", "PendingCalls", "QueuedText"]


@dataclass(frozen=True, slots=True)
class QueuedText:
    """A text for the model that could not be sent at once."""

    text: str
    role: str


CallId: TypeAlias = str


class HeldAudio:
    """Sends audio straight on, or holds it.

    In order, none lost, none twice: audio is either sent or in the ring, and the ring is emptied before audio goes
    straight on again. Callers send one chunk after the other.

    Args:
        ring: Where audio is held.
    """

    def __init__(self, ring: AudioRing) -> None:
        self._ring = ring
        self._holding = True

    @property
    def holding(self) -> bool:
        """Whether audio is held."""
        return self._holding

    def hold(self) -> None:
        """Hold audio from now on."""
        self._holding = True

    def keep(self, pcm: bytes) -> None:
        """Hold this chunk, and all after it."""
        self._holding = True
        self._ring.push(pcm)

    async def flush(self, connection: LiveConnection) -> bool:
        """Send what is held, then let audio go straight on. False if the connection broke: then it stays held."""
        while (chunk := self._ring.first()) is not None:
            try:
                await connection.send_audio(chunk)
            except Exception:
                # The reader of the connection finds out what is wrong with it and says so.
                return False
            self._ring.drop_first(chunk)
        self._holding = False
        return True

    def take_dropped_ms(self) -> float:
        """How much was dropped for want of room, in milliseconds, since the last time this was asked."""
        return self._ring.take_dropped_ms()


class PendingCalls:
    """The function calls of the present connection that wait for their results."""

    def __init__(self) -> None:
        self._names: dict[CallId, str] = {}
        self._cancelled: dict[CallId, None] = {}

    def __bool__(self) -> bool:
        return bool(self._names)

    def opened(self, call_id: CallId, name: str) -> None:
        """The model called ``name``."""
        self._names[call_id] = name

    def cancelled(self, call_ids: tuple[CallId, ...]) -> None:
        """The model took calls back."""
        for call_id in call_ids:
            self._names.pop(call_id, None)
            self._cancelled[call_id] = None

    def was_cancelled(self, call_id: CallId) -> bool:
        """Whether the model took this call back."""
        return call_id in self._cancelled

    def answered(self, call_id: CallId) -> str | None:
        """The name of the function, if the call waited for its result; it does no longer."""
        return self._names.pop(call_id, None)

    def connection_gone(self) -> None:
        """Nobody waits any more: no other connection knows these calls."""
        self._names.clear()
