"""Lets bad things happen to single WebSocket messages on their way to the client (RFC 6455). Pure.

The bytes of a connection come in any portions and leave as whole messages, each as it was unless something was to
happen to it. Compressed messages can be dropped, doubled and swapped; damaged ones do not count as compressed any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Alteration", "MessageGate", "close_message"]

Alteration: TypeAlias = Literal["drop", "duplicate", "reorder", "no_json", "truncated", "bad_frame"]
"""What happens to a message; ``reorder``: it changes places with the next one."""

_HEAD_END = b"\r\n\r\n"
_CLOSE = 0x8
_FIRST_CONTROL = 0x8
_RESERVED = 0x3
_FINAL = 0x80
_NO_JSON = b"service temporarily unavailable"


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame of a server: it is not masked."""

    first: int
    payload: bytes
    raw: bytes

    @property
    def opcode(self) -> int:
        return self.first & 0x0F

    @property
    def final(self) -> bool:
        return bool(self.first & _FINAL)


class MessageGate:
    """The server's messages of one connection, on their way to the client.

    Args:
        arriving: Called with the number (from 1) and the payload of each message before it passes; may ask for
            alterations of this very message.
    """

    def __init__(self, arriving: Callable[[int, bytes], None] = lambda number, payload: None) -> None:
        self._arriving = arriving
        self._buffer = bytearray()
        self._upgraded = False
        self._closed = False
        self._message: list[_Frame] = []
        self._wanted: list[tuple[Alteration, Callable[[], None]]] = []
        self._held: list[bytes] = []
        self._count = 0

    def alter_next(self, alteration: Alteration, happened: Callable[[], None] = lambda: None) -> None:
        """Let something happen to the next message for which nothing is planned yet.

        Args:
            alteration: What.
            happened: Called when it has.
        """
        self._wanted.append((alteration, happened))

    def close(self, code: int, reason: str) -> bytes:
        """The bytes with which the server seems to close the connection; what it sends after them does not pass."""
        self._closed = True
        return close_message(code, reason)

    def feed(self, data: bytes) -> bytes:
        """Take what has arrived; give what passes."""
        if self._closed:
            return b""
        self._buffer += data
        passed = bytearray()
        if not self._upgraded:
            passed += self._head()
        if self._upgraded:
            for frame in self._frames():
                passed += self._take(frame)
        return bytes(passed)

    def _head(self) -> bytes:
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return b""
        head = bytes(self._buffer[: end + len(_HEAD_END)])
        if not head.startswith(b"HTTP/1.1 101"):
            # No WebSocket comes of it: a refusal passes with its text.
            end = len(self._buffer)
            head = bytes(self._buffer)
        else:
            self._upgraded = True
            end += len(_HEAD_END)
        del self._buffer[:end]
        return head

    def _frames(self) -> Iterator[_Frame]:
        while True:
            buffer = self._buffer
            if len(buffer) < 2:
                return
            length, start = buffer[1] & 0x7F, 2
            if length >= 126:
                start += 2 if length == 126 else 8
                if len(buffer) < start:
                    return
                length = int.from_bytes(buffer[2:start], "big")
            if len(buffer) < start + length:
                return
            raw = bytes(buffer[: start + length])
            del buffer[: start + length]
            yield _Frame(raw[0], raw[start:], raw)

    def _take(self, frame: _Frame) -> bytes:
        if frame.opcode >= _FIRST_CONTROL:
            # Control frames may come between the frames of a message.
            return self._released() + frame.raw if frame.opcode == _CLOSE else frame.raw
        self._message.append(frame)
        if not frame.final:
            return b""
        message, self._message = self._message, []
        self._count += 1
        self._arriving(self._count, b"".join(part.payload for part in message))
        if not self._wanted:
            return self._with_held(b"".join(part.raw for part in message))
        alteration, happened = self._wanted.pop(0)
        happened()
        return self._altered(alteration, message)

    def _altered(self, alteration: Alteration, message: list[_Frame]) -> bytes:
        raw = b"".join(part.raw for part in message)
        payload = b"".join(part.payload for part in message)
        kind = message[0].opcode
        match alteration:
            case "drop":
                return b""
            case "duplicate":
                return self._with_held(raw + raw)
            case "reorder":
                self._held.append(raw)
                return b""
            case "no_json":
                return self._with_held(_frame(kind, _NO_JSON))
            case "truncated":
                return self._with_held(_frame(kind, payload[: len(payload) // 2]))
            case "bad_frame":
                return self._with_held(_frame(_RESERVED, payload))

    def _with_held(self, raw: bytes) -> bytes:
        return raw + self._released()

    def _released(self) -> bytes:
        held, self._held = b"".join(self._held), []
        return held


def close_message(code: int, reason: str) -> bytes:
    """A close frame of a server."""
    return _frame(_CLOSE, code.to_bytes(2, "big") + reason.encode()[:123])


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([_FINAL | opcode, size]) + payload
    if size < 1 << 16:
        return bytes([_FINAL | opcode, 126]) + size.to_bytes(2, "big") + payload
    return bytes([_FINAL | opcode, 127]) + size.to_bytes(8, "big") + payload
