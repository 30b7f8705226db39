"""One connection of a replay: the server's end of a WebSocket, as a protocol of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from roomkit_sim.sim.audio.pcm import from_bytes, to_bytes
from roomkit_sim.sim.audio.resampling import resample
from roomkit_sim.sim.cassette.canonical import address
from roomkit_sim.sim.cassette.client_side import Audio, ClientSide, Deviation, other_address
from roomkit_sim.sim.cassette.drift import Drift
from roomkit_sim.sim.cassette.ids import IdMap
from roomkit_sim.sim.cassette.model import Close, Frame, Loss, Note, RecordedConnection
from roomkit_sim.sim.cassette.pace import Pace
from roomkit_sim.sim.cassette.script import ClientStep, Script, ServerStep
from roomkit_sim.sim.cassette.speaking import MessageWriter
from roomkit_sim.sim.cassette.stage import Stage
from roomkit_sim.sim.cassette.wire import CLOSE, WireReader, close_data, frame, refusal
from roomkit_sim.sim.trace.recorder import TraceSink

if TYPE_CHECKING:
    from websockets.http11 import Request

__all__ = ["ReplayedConnection"]

HEARING_RATE_HZ = 16_000
SWITCHING_PROTOCOLS = 101
INTERNAL_ERROR = 1011
NS_PER_S = 1_000_000_000


class ReplayedConnection(asyncio.Protocol):
    """One connection.

    Args:
        stage: The replay.
    """

    def __init__(self, stage: Stage) -> None:
        self.conn = 0
        self.recorded: RecordedConnection | None = None
        self.script = Script([])
        self.skipped: list[ServerStep] = []
        self.is_open = True
        self._stage = stage
        self._wire = WireReader()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._client: ClientSide
        self._writer: MessageWriter
        self._sink: TraceSink | None = None
        self._closed_by_server = self._failed = False
        self._pace: Pace | None = None

    # The contract of a server's session

    @property
    def received(self) -> bytes | None:
        """All audio that arrived, PCM16 mono at 16 kHz; nothing before the handshake."""
        if self.recorded is None:
            return None
        track = self.recorded.tracks.get("sent")
        rate_hz = HEARING_RATE_HZ if track is None else track.rate_hz
        return to_bytes(resample(from_bytes(bytes(self._client.audio)), rate_hz, HEARING_RATE_HZ))

    def announce_end(self, time_left_ms: int) -> None:
        """A recording cannot be made to announce what it does not: see Mutation."""

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP and TLS are done."""
        # In a simulated network it is no asyncio.Transport of the loop's own.
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._made_ns = self._now_ns()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        for event in self._wire.feed(data):
            if self._failed:
                return
            match event:
                case bytes():
                    self._on_message(event)
                case int():
                    self._on_close(event)
                case _:
                    self._begin(event)
        if not self._transport.is_closing():
            self._transport.write(self._wire.pongs())
        self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        """TCP is over."""
        self.is_open = False
        self._cancel()

    # The handshake

    def _begin(self, request: Request) -> None:
        identity = self._stage.identify(self._transport.get_extra_info("peername")[:2])
        self.conn, self._sink = identity.conn, identity.sink
        path = self._stage.scrubber.url(request.path)
        answer = self._wire.accept(request)
        if answer is None:
            self._drift(Deviation("the client sent a request that is no WebSocket handshake", None, address(path)))
            return
        recorded = self._stage.claim((request.headers.get("host") or "").partition(":")[0], identity.call)
        if recorded is None:
            self._drift(Deviation("the client dialled once more than was recorded", None, address(path)))
            return
        ids = IdMap()
        self._pace = pace = self._stage.pace_of(recorded)
        self._client = ClientSide(
            recorded, self._stage.matching, self._stage.scrubber, ids, is_tolerant=pace is not None
        )
        self._writer = MessageWriter(recorded.number, ids)
        self.recorded = recorded
        deviation = other_address(recorded, path)
        if deviation is not None:
            self._drift(deviation)
            return
        self.script = self._stage.script_of(recorded, pace)
        opens_ns = self._made_ns + round(recorded.opened_ns * self._stage.scale)
        held_ns = None if pace is None else pace.held(opens_ns, recorded.opened_ns)
        opens_ns = opens_ns if held_ns is None else max(held_ns, self._made_ns)
        self._timer = self._at(opens_ns, lambda: self._answer(recorded, answer))

    def _answer(self, recorded: RecordedConnection, accepted: bytes) -> None:
        self._timer = None
        if recorded.status not in (None, SWITCHING_PROTOCOLS):
            self._transport.write(refusal(recorded))
            self._transport.close()
            self.script = Script([])
            return
        if recorded.status is not None:
            # Otherwise nothing came until the connection was lost.
            self._transport.write(accepted)
        self.script.opened(self._now_ns())
        self._go_on()

    # What the client does

    def _on_message(self, payload: bytes) -> None:
        match self._client.message(payload):
            case Deviation() as deviation:
                if not self._closed_by_server:
                    self._drift(deviation)
            case Audio(size):
                self.script.heard(size, self._now_ns())
            case _:
                self.script.told(self._now_ns())

    def _on_close(self, code: int) -> None:
        was_expected, step = self._client.expects_close, self._client.next
        verdict = self._client.closed(code)
        if isinstance(verdict, Deviation) and not self._closed_by_server and not self._stage.is_mutated:
            self._drift(verdict)
            return
        self.script.told(self._now_ns())
        if self._closed_by_server:
            return
        if step is not None and was_expected and self._is_its_moment(step):
            # It only thought faster: what came meanwhile comes.
            self.script.deafen()
            return
        if was_expected:
            # What it did not wait for does not come any more, and must not hold up the end.
            self.skipped += self.script.skip_before(self._client.told)
            return
        # The recorded connection ended without this: answer as any server does.
        self.skipped += self.script.left
        self.script = Script([])
        self._transport.write(frame(CLOSE, code.to_bytes(2, "big")))
        self._transport.close()

    def _is_its_moment(self, step: ClientStep) -> bool:
        return self._pace is not None and self._pace.held(self._now_ns(), step.event.t_ns) is not None

    # What the server does

    def _go_on(self) -> None:
        """Do what is due, and come back when more is."""
        if self._failed or self.recorded is None or not self.script.is_open:
            return
        self._cancel()
        while not self._transport.is_closing() and (due_ns := self.script.due_ns()) is not None:
            if due_ns > self._now_ns():
                self._timer = self._at(due_ns, self._go_on)
                return
            self._do(self.script.take(self._now_ns()))

    def _do(self, step: ServerStep) -> None:
        match step.event:
            case Frame(binary=binary, body=body):
                self._transport.write(frame(2 if binary else 1, self._writer.write(body, step)))
            case Close() as close:
                self._closed_by_server = True
                self._transport.write(frame(CLOSE, close_data(close)))
            case Note(kind=kind, data=data):
                if self._sink is not None:
                    self._sink.emit("server", kind, conn=self.conn, **data)
            case Loss(error=None):
                self._transport.close()
            case Loss():
                self._transport.abort()

    def _drift(self, deviation: Deviation) -> None:
        step = deviation.step
        known = self.recorded is not None
        drift = Drift(
            what=deviation.what,
            conn=self.conn,
            frame=step.number if step is not None else self._client.told + 1 if known else 0,
            t_ns=self._now_ns() - self._made_ns,
            recorded_t_ns=None if step is None else step.event.t_ns,
            recorded=deviation.recorded,
            actual=deviation.actual,
            path=None,
            line=step.event.line if step is not None else self.recorded.line if self.recorded is not None else 0,
        )
        self._failed = True
        self._cancel()
        self._stage.drifted(drift)
        if self.script.is_open:
            reason = b"the recording has no answer to this"
            self._transport.write(frame(CLOSE, INTERNAL_ERROR.to_bytes(2, "big") + reason))
        self._transport.close()

    def _now_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * NS_PER_S)

    def _at(self, when_ns: int, action: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_at(when_ns / NS_PER_S, action)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
