"""Cuts a stream of bytes into frames of one size."""

from __future__ import annotations

__all__ = ["Framer"]


class Framer:
    """Keeps what does not fill a frame until the rest arrives. No byte is lost or doubled.

    Args:
        frame_bytes: Bytes a frame; ``None`` passes every piece on as it comes.

    Raises:
        ValueError: The size is not positive.
    """

    def __init__(self, frame_bytes: int | None) -> None:
        if frame_bytes is not None and frame_bytes <= 0:
            raise ValueError(f"a frame must have at least one byte, got {frame_bytes}")
        self._frame_bytes = frame_bytes
        self._pending = b""

    @property
    def pending(self) -> bytes:
        """What waits for the rest of its frame."""
        return self._pending

    def feed(self, piece: bytes) -> list[bytes]:
        """The frames that ``piece`` completes, in order."""
        if self._frame_bytes is None:
            return [piece] if piece else []
        data = self._pending + piece
        whole = len(data) - len(data) % self._frame_bytes
        self._pending = data[whole:]
        return [data[at : at + self._frame_bytes] for at in range(0, whole, self._frame_bytes)]
