"""The server's end of a WebSocket in bytes: websockets' own parser, and frames that are sent when they are wanted.

The parser's answer to a close frame is not used: a recorded one has its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from roomkit_sim.sim.cassette.model import Close, RecordedConnection

if TYPE_CHECKING:
    from websockets.http11 import Request

__all__ = ["CLOSE", "NO_CODE", "WireEvent", "WireReader", "close_data", "frame", "refusal"]

CLOSE = 8
NO_CODE = 1005
_LONGEST_REASON = 123
_SWITCHING_PROTOCOLS = 101

WireEvent: TypeAlias = "Request | bytes | int"
"""A handshake, a message, or the code of a close frame."""


class WireReader:
    """Reads what a client sends."""

    def __init__(self) -> None:
        from websockets.server import ServerProtocol

        self._protocol = ServerProtocol(max_size=None)
        self._parts = bytearray()
        self._closed = False

    def feed(self, data: bytes) -> Iterator[WireEvent]:
        """Take bytes; give what is complete now, in order."""
        from websockets.frames import Close as WireClose
        from websockets.frames import Frame, Opcode
        from websockets.http11 import Request

        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                yield event
            elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                if event.opcode != Opcode.CONT:
                    self._parts.clear()
                self._parts += event.data
                if event.fin:
                    yield bytes(self._parts)
            elif isinstance(event, Frame) and event.opcode == Opcode.CLOSE:
                self._closed = True
                yield int(WireClose.parse(bytes(event.data)).code)

    def accept(self, request: Request) -> bytes | None:
        """The answer that opens the WebSocket; nothing when the request asks for none."""
        response = self._protocol.accept(request)
        if response.status_code != _SWITCHING_PROTOCOLS:
            return None
        self._protocol.send_response(response)
        return b"".join(self._protocol.data_to_send())

    def pongs(self) -> bytes:
        """What is to be sent at once."""
        answers = b"".join(self._protocol.data_to_send())
        return b"" if self._closed else answers


def frame(opcode: int, data: bytes) -> bytes:
    """A frame as a server sends it."""
    from websockets.frames import Frame, Opcode

    return Frame(Opcode(opcode), data).serialize(mask=False)


def close_data(close: Close) -> bytes:
    """What a close frame carries."""
    if close.code == NO_CODE:
        return b""
    return close.code.to_bytes(2, "big") + close.reason.encode()[:_LONGEST_REASON]


def refusal(recorded: RecordedConnection) -> bytes:
    """An answer that refuses the handshake, as recorded; its body was not."""
    headers = {**recorded.response_headers, "content-length": "0", "connection": "close"}
    lines = [f"{name}: {' '.join(value.split())}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {recorded.status} Recorded", *lines, "", ""]).encode("latin-1", "replace")
