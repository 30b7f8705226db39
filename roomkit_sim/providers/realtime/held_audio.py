"""The caller's audio on its way to the model, held while connections change."""

from __future__ import annotations

from typing import Protocol

from roomkit_sim.providers.realtime.audio_ring import AudioRing

__all__ = ["HeldAudio", "TakesAudio"]


class TakesAudio(Protocol):
    """What audio is sent to."""

    async def send_audio(self, pcm: bytes) -> None:
        """Send PCM16 mono."""


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

    async def flush(self, connection: TakesAudio) -> bool:
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
