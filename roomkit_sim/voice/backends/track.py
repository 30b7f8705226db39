"""What a line plays, laid on its clock. Pure."""

from __future__ import annotations

__all__ = ["PlayoutTrack"]


class PlayoutTrack:
    """The audio of one line from its beginning: what was sent is played at once, or after what is playing.

    All positions are samples from the beginning; audio is PCM16 mono.
    """

    def __init__(self) -> None:
        self._pcm = bytearray()

    @property
    def end(self) -> int:
        """The position at which all that was sent is played."""
        return len(self._pcm) // 2

    def append(self, pcm: bytes, now: int) -> None:
        """Play ``pcm``, whole samples, when the line is free."""
        self._silence_until(now)
        self._pcm += pcm

    def cut(self, now: int) -> int:
        """Drop what is not played yet; tells how much that was."""
        dropped = max(0, self.end - now)
        del self._pcm[2 * max(0, now) :]
        return dropped

    def pcm(self, length: int) -> bytes:
        """What was played up to the position ``length``, silence included."""
        self._silence_until(length)
        return bytes(self._pcm[: 2 * length])

    def _silence_until(self, position: int) -> None:
        self._pcm += bytes(max(0, 2 * position - len(self._pcm)))
