"""Keeps a caller's audio while there is no connection that could take it."""

from __future__ import annotations

from collections import deque

__all__ = ["AudioRing"]

_BYTES_PER_SAMPLE = 2


class AudioRing:
    """A queue of audio chunks that drops the oldest when it holds too much, and counts what it dropped.

    Args:
        capacity_ms: How much audio it holds, in milliseconds.
        rate_hz: Sample rate of the audio, PCM16 mono.
    """

    def __init__(self, capacity_ms: int, rate_hz: int) -> None:
        self._bytes_per_ms = rate_hz * _BYTES_PER_SAMPLE / 1000
        self._capacity_bytes = int(capacity_ms * self._bytes_per_ms)
        self._chunks: deque[bytes] = deque()
        self._held_bytes = 0
        self._dropped_bytes = 0

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def held_ms(self) -> float:
        """How much audio it holds."""
        return self._held_bytes / self._bytes_per_ms

    def push(self, chunk: bytes) -> None:
        """Add the newest chunk. The newest is kept whatever its length."""
        self._chunks.append(chunk)
        self._held_bytes += len(chunk)
        while self._held_bytes > self._capacity_bytes and len(self._chunks) > 1:
            oldest = self._chunks.popleft()
            self._held_bytes -= len(oldest)
            self._dropped_bytes += len(oldest)

    def first(self) -> bytes | None:
        """The oldest chunk, which stays; ``None`` when there is none."""
        return self._chunks[0] if self._chunks else None

    def drop_first(self, chunk: bytes) -> None:
        """Remove the oldest chunk if it still is ``chunk``: a full ring may have dropped it meanwhile."""
        if self._chunks and self._chunks[0] is chunk:
            self._held_bytes -= len(self._chunks.popleft())

    def take_dropped_ms(self) -> float:
        """How much was dropped since the last time this was asked, in milliseconds."""
        dropped, self._dropped_bytes = self._dropped_bytes, 0
        return dropped / self._bytes_per_ms
