"""Audio on its way from the event loop to the thread of a sound card."""

from __future__ import annotations

import threading

__all__ = ["PlayoutBuffer"]


class PlayoutBuffer:
    """A queue of bytes with a lock, because a sound card takes its audio in a thread of its own."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._pcm)

    def put(self, pcm: bytes) -> None:
        """Play ``pcm`` after what waits."""
        with self._lock:
            self._pcm += pcm

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes; silence where there are none."""
        with self._lock:
            pcm = bytes(self._pcm[:size])
            del self._pcm[:size]
        return pcm.ljust(size, b"\0")

    def clear(self) -> None:
        """Drop what waits."""
        with self._lock:
            self._pcm.clear()
