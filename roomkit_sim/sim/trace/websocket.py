"""Reads WebSocket messages out of the bytes of a connection (RFC 6455, RFC 7692)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Closing", "Direction", "Message", "Upgrade"]

_TEXT, _BINARY, _CLOSE = 0x1, 0x2, 0x8
_HEAD_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The HTTP head that starts each direction: ``GET ... HTTP/1.1`` or ``HTTP/1.1 101 ...``."""

    first_line: str
    headers: dict[str, str]

    @property
    def status(self) -> int | None:
        """The status code of a response; nothing for a request."""
        parts = self.first_line.split(" ", 2)
        return int(parts[1]) if parts[0].startswith("HTTP/") and len(parts) > 1 and parts[1].isdigit() else None


@dataclass(frozen=True, slots=True)
class Message:
    """A complete text or binary message, unmasked and inflated.

    Args:
        payload: What it says.
        wire_bytes: How many payload bytes it took on the wire.
        binary: Whether it was sent as binary and not as text.
    """

    payload: bytes
    wire_bytes: int
    binary: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Closing:
    """A close frame. ``code`` is 1005 when the frame has none."""

    code: int
    reason: str


class Direction:
    """One direction of a connection: a pure parser that is fed bytes in any portions.

    What does not look like a WebSocket is skipped: a tap must never disturb what it listens to.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._upgraded = False
        self._lost = False
        self._parts = bytearray()
        self._wire_bytes = 0
        self._compressed = self._binary = False
        self._inflate: zlib._Decompress | None = None
        self._keep_context = True

    def use_deflate(self, *, keep_context: bool) -> None:
        """The handshake agreed on permessage-deflate for this direction."""
        self._inflate = zlib.decompressobj(wbits=-15)
        self._keep_context = keep_context

    def feed(self, data: bytes) -> Iterator[Upgrade | Message | Closing]:
        """Take bytes; give what is complete now, in order."""
        if self._lost:
            return
        self._buffer += data
        if not self._upgraded:
            head = self._head()
            if head is None:
                return
            yield head
            if head.status not in (None, 101):
                # What follows a refusal is its text.
                self._lost = True
                return
        while (frame := self._frame()) is not None:
            item = self._assemble(*frame)
            if item is not None:
                yield item

    def _head(self) -> Upgrade | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            self._lost = len(self._buffer) > _HEAD_LIMIT
            return None
        first, *rest = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        self._upgraded = True
        pairs = (line.partition(":") for line in rest)
        return Upgrade(first, {name.strip().lower(): value.strip() for name, _, value in pairs})

    def _frame(self) -> tuple[int, bool, bool, bytes] | None:
        """The next complete frame: opcode, final, compressed, unmasked payload."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 0x7F, 2
        if length >= 126:
            width = 2 if length == 126 else 8
            start += width
            length = int.from_bytes(buffer[2:start], "big")
        masked = buffer[1] & 0x80
        body = start + (4 if masked else 0)
        if len(buffer) < body + length:
            return None
        payload = bytes(buffer[body : body + length])
        if masked:
            payload = _unmask(payload, bytes(buffer[start:body]))
        first = buffer[0]
        del buffer[: body + length]
        return first & 0x0F, bool(first & 0x80), bool(first & 0x40), payload

    def _assemble(self, opcode: int, final: bool, compressed: bool, payload: bytes) -> Message | Closing | None:
        if opcode == _CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            return Closing(code, payload[2:].decode("utf-8", "replace"))
        if opcode > _BINARY:
            return None  # ping and pong
        if opcode in (_TEXT, _BINARY):
            self._parts.clear()
            self._wire_bytes = 0
            self._compressed = compressed
            self._binary = opcode == _BINARY
        self._parts += payload
        self._wire_bytes += len(payload)
        return Message(self._content(), self._wire_bytes, self._binary) if final else None

    def _content(self) -> bytes:
        content = bytes(self._parts)
        if not self._compressed or self._inflate is None:
            return content
        try:
            content = self._inflate.decompress(content + b"\x00\x00\xff\xff")
        except zlib.error:
            self._lost = True
            return b""
        if not self._keep_context:
            self._inflate = zlib.decompressobj(wbits=-15)
        return content


def _unmask(payload: bytes, mask: bytes) -> bytes:
    """XOR with the repeated mask, as one big integer: about a microsecond for a frame of audio."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
