"""Listens to the bytes of connections and writes down what passes, from the client's end.

It never touches what it hears, and knows neither servers nor SDKs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.recorder import TraceSink
from roomkit_sim.sim.trace.websocket import Closing, Direction, Message, Upgrade
from roomkit_sim.sim.trace.wire_frames import HandleLabels, WireFrame, read_frame
from roomkit_sim.sim.world.connection import ObservedConnection

__all__ = ["Wiretap"]

_FLUSH_NS = 1_000_000_000
_MIME = re.compile(rb'"mime_?[tT]ype"\s*:\s*"([^"]*)"')
Way = Literal["sent", "received"]


class Wiretap:
    """Writes ``wire`` events: dial, open, rejected, sent, received, close. Made to observe a simulated network.

    Consecutive audio messages of a direction become one event ``{frame, bytes, frames, first_t_ns, payload}``, written
    when something else passes or after a second; ``payload`` counts bytes before compression. The client's have
    ``mime`` where they name one, and all of one event have the same.

    Args:
        sink_of: The trace of the call that a connection belongs to; nothing for one that belongs to no call.
        now_ns: Nanoseconds since the start of the run.
    """

    def __init__(self, sink_of: Callable[[ObservedConnection], TraceSink | None], now_ns: Callable[[], int]) -> None:
        self._sink_of = sink_of
        self._now_ns = now_ns
        self._taps: dict[int, _Tap] = {}
        self._labels: dict[int, HandleLabels] = {}

    def dialled(self, conn: ObservedConnection) -> None:
        """The client starts to connect."""
        sink = self._sink_of(conn)
        if sink is not None:
            # The handles of a call keep their names over its connections.
            labels = self._labels.setdefault(id(sink), HandleLabels())
            self._taps[conn.id] = _Tap(conn.id, sink, labels, self._now_ns)
            sink.emit("wire", "dial", conn=conn.id, host=conn.host)

    def established(self, conn: ObservedConnection) -> None:
        """TCP and TLS are up. The connection counts as open when the WebSocket is."""

    def client_sent(self, conn: ObservedConnection, data: bytes) -> None:
        """Bytes left the client."""
        self._feed(conn, "sent", data)

    def client_received(self, conn: ObservedConnection, data: bytes) -> None:
        """Bytes reached the client."""
        self._feed(conn, "received", data)

    def server_sent(self, conn: ObservedConnection, data: bytes) -> None:
        """Not of interest: the trace has the client's end."""

    def server_received(self, conn: ObservedConnection, data: bytes) -> None:
        """Not of interest: the trace has the client's end."""

    def closed(self, conn: ObservedConnection, side: str, error: str | None) -> None:
        """One end of the connection is gone."""
        tap = self._taps.get(conn.id)
        if tap is not None and (side == "client" or error is not None):
            tap.gone(side, error)

    def finish(self) -> None:
        """Write down what is still collected. For the end of a run."""
        for tap in self._taps.values():
            tap.flush()

    def _feed(self, conn: ObservedConnection, way: Way, data: bytes) -> None:
        tap = self._taps.get(conn.id)
        if tap is not None:
            tap.feed(way, data)


@dataclass
class _Audio:
    """Consecutive audio messages of one direction."""

    frame: str
    first_t_ns: int
    mime: str | None
    bytes: int = 0
    frames: int = 0
    payload: int = 0


@dataclass
class _Tap:
    """One connection."""

    conn: int
    sink: TraceSink
    labels: HandleLabels
    now_ns: Callable[[], int]
    closing: dict[Way, Closing] = field(default_factory=dict)
    first_closing: Way | None = None
    closed: bool = False

    def __post_init__(self) -> None:
        self._directions: dict[Way, Direction] = {"sent": Direction(), "received": Direction()}
        self._audio: dict[Way, _Audio] = {}
        self._dialled_ns = self.now_ns()
        self._asked_beta = ""

    def feed(self, way: Way, data: bytes) -> None:
        """Take bytes of one direction."""
        for item in self._directions[way].feed(data):
            match item:
                case Message():
                    self._message(way, item)
                case Closing():
                    self._close_frame(way, item)
                case Upgrade() if item.status is not None:
                    self._answered(item, item.status)
                case Upgrade():
                    self._asked_beta = item.headers.get("openai-beta", "")

    def gone(self, side: str, error: str | None) -> None:
        """An end of the connection is gone."""
        code, reason = (1006, error or "connection lost") if self.first_closing is None else (None, None)
        self._close(code, reason, side)

    def flush(self) -> None:
        """Write the collected audio of both directions."""
        for way in ("sent", "received"):
            self._flush(way)

    def _answered(self, head: Upgrade, status: int) -> None:
        if status != 101:
            self.sink.emit("wire", "rejected", conn=self.conn, status=status)
            return
        extensions = head.headers.get("sec-websocket-extensions", "")
        if "permessage-deflate" in extensions:
            self._directions["sent"].use_deflate(keep_context="client_no_context_takeover" not in extensions)
            self._directions["received"].use_deflate(keep_context="server_no_context_takeover" not in extensions)
        handshake_ms = (self.now_ns() - self._dialled_ns) / 1e6
        asked: dict[str, Json] = {"beta": self._asked_beta} if self._asked_beta else {}
        self.sink.emit("wire", "open", conn=self.conn, handshake_ms=handshake_ms, **asked)

    def _message(self, way: Way, message: Message) -> None:
        frame = read_frame(message.payload, self.labels)
        if frame.audio:
            self._collect(way, frame, message)
            return
        self._flush(way)
        data: dict[str, Json] = {
            "conn": self.conn,
            "frame": frame.name,
            "bytes": message.wire_bytes,
            "json": frame.json,
            **self._late(way),
        }
        self.sink.emit("wire", way, **data)

    def _late(self, way: Way) -> dict[str, Json]:
        """Says of a message that its sender had sent a close frame before it."""
        return {"after_close": True} if way in self.closing else {}

    def _collect(self, way: Way, frame: WireFrame, message: Message) -> None:
        now_ns = self.now_ns()
        mime = _mime(message.payload) if way == "sent" else None
        audio = self._audio.get(way)
        if audio is not None and (now_ns - audio.first_t_ns >= _FLUSH_NS or audio.mime != mime):
            self._flush(way)
            audio = None
        if audio is None:
            audio = self._audio[way] = _Audio(frame.name, now_ns, mime)
        audio.bytes += message.wire_bytes
        audio.frames += 1
        audio.payload += len(message.payload)

    def _flush(self, way: Way) -> None:
        audio = self._audio.pop(way, None)
        if audio is not None:
            data: dict[str, Json] = {
                "conn": self.conn,
                "frame": audio.frame,
                "bytes": audio.bytes,
                "frames": audio.frames,
                "first_t_ns": audio.first_t_ns,
                "payload": audio.payload,
                **({"mime": audio.mime} if audio.mime is not None else {}),
                **self._late(way),
            }
            self.sink.emit("wire", way, **data)

    def _close_frame(self, way: Way, closing: Closing) -> None:
        self._flush(way)
        self.closing[way] = closing
        self.first_closing = self.first_closing or way
        if len(self.closing) == 2:
            self._close(None, None, "")

    def _close(self, code: int | None, reason: str | None, side: str) -> None:
        """Write that the connection is over; the first close frame tells who ended it and why."""
        if self.closed:
            return
        self.closed = True
        self.flush()
        if self.first_closing is not None and code is None:
            first = self.closing[self.first_closing]
            code, reason = first.code, first.reason
            side = "client" if self.first_closing == "sent" else "server"
        self.sink.emit("wire", "close", conn=self.conn, code=code, reason=reason, by=side)


def _mime(payload: bytes) -> str | None:
    """What an audio message says that it is; keys stand before or after the audio, which is not searched."""
    found = _MIME.search(payload[:160]) or _MIME.search(payload[-120:])
    return found.group(1).decode("utf-8", "replace") if found else None
