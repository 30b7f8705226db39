"""Lets faults happen: to the links of a call, to what passes on them, to the service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from roomkit_sim.errors import NotSimulatedError
from roomkit_sim.sim.runner.fates import Fates, what_of
from roomkit_sim.sim.scenario.faults import (
    Close,
    Corrupt,
    Cut,
    Drop,
    Duplicate,
    Flip,
    GoAway,
    MessageFault,
    Moment,
    Refuse,
    Reorder,
    Slow,
    Stall,
)
from roomkit_sim.sim.servers.contract import ProtocolServer, ServerSession
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.connection import ObservedConnection, Side
from roomkit_sim.sim.world.link import Slowdown
from roomkit_sim.sim.world.message_gate import Alteration
from roomkit_sim.sim.world.refusals import Refusal

if TYPE_CHECKING:
    from roomkit_sim.sim.world.network import SimNetwork
    from roomkit_sim.sim.world.real_network import RealNetwork

__all__ = ["Strikes", "passes_gates"]

_MS = 1_000_000


def passes_gates(faults: Sequence[Moment]) -> bool:
    """Whether the server's messages have to be looked at one by one."""
    return any(isinstance(fault, MessageFault) or fault.frame is not None for fault in faults)


class Strikes:
    """Strikes the newest open connection of a call; while there is none, the next one. Observes the network.

    Emits ``world.fault`` {what, where, conn} when a fault has happened: a refusal when somebody was refused, a damage
    when the damaged message passed, a misbehaviour when the service misbehaved for the first time.

    Args:
        recorder: The trace of the call.
        owner: On whose behalf its connections are dialled.
        concerns: Whether a connection is the call's.
        sessions: The provider's sessions of the call, in order.
        network: Where its connections are.
        server: The service, where it is ours.
        fates: Is told what becomes of faults.
    """

    def __init__(
        self,
        recorder: Recorder,
        owner: str,
        concerns: Callable[[ObservedConnection], bool],
        sessions: Callable[[], list[ServerSession]],
        network: SimNetwork | RealNetwork,
        server: ProtocolServer | None,
        fates: Fates,
    ) -> None:
        self._fates = fates
        self._recorder = recorder
        self._owner = owner
        self._concerns = concerns
        self._sessions = sessions
        self._network = network
        self._server = server
        self._open: dict[int, None] = {}
        self._waiting: list[Moment] = []
        recorder.listen(self._hear)

    def strike(self, fault: Moment) -> None:
        """Let a fault happen, now or as soon as there is something for it to happen to."""
        self._fates.tried(fault)
        match fault:
            case Flip():
                self._flip(fault)
            case Refuse():
                self._refuse(fault)
            case GoAway():
                self._go_away(fault)
            case _ if self._open:
                self._strike_link(fault, [*self._open][-1])
            case _:
                self._waiting.append(fault)

    def _hear(self, event: TraceEvent) -> None:
        """A connection on which both ends have said that it is over is no target any more, before TCP has ended."""
        conn = event.data.get("conn")
        if event.name == "wire.close" and isinstance(conn, int):
            self._open.pop(conn, None)

    # What it sees of the network

    def dialled(self, connection: ObservedConnection) -> None:
        """Nothing can happen to it yet."""

    def established(self, connection: ObservedConnection) -> None:
        """What waits for a connection strikes this one."""
        if not self._concerns(connection):
            return
        self._open[connection.id] = None
        waiting, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        for fault in waiting:
            # The connection is being made: its ends do not know of it yet.
            loop.call_soon(self.strike, fault)

    def client_sent(self, connection: ObservedConnection, data: bytes) -> None:
        """Not of interest."""

    def client_received(self, connection: ObservedConnection, data: bytes) -> None:
        """Not of interest."""

    def server_sent(self, connection: ObservedConnection, data: bytes) -> None:
        """Not of interest."""

    def server_received(self, connection: ObservedConnection, data: bytes) -> None:
        """Not of interest."""

    def closed(self, connection: ObservedConnection, side: Side, error: str | None) -> None:
        """Nothing can happen to it any more."""
        if side == "client":
            self._open.pop(connection.id, None)

    # What happens

    def _strike_link(self, fault: Moment, conn: int) -> None:
        network = self._network
        try:
            match fault:
                case Cut():
                    network.cut(conn, fault.how, fault.direction)
                case Stall():
                    network.stall(conn, fault.ms * _MS, fault.direction)
                case Slow():
                    network.slow(conn, self._slowdown(fault), fault.direction)
                case Close():
                    network.close_with(conn, fault.code, fault.reason)
                case MessageFault():
                    for _ in range(fault.count):
                        network.alter_next_message(conn, _alteration(fault), lambda: self._happened(fault, conn))
                    return
        except NotSimulatedError as error:
            self._cannot(fault, str(error))
            return
        self._happened(fault, conn)

    def _slowdown(self, fault: Slow) -> Slowdown:
        until_ns = round(asyncio.get_running_loop().time() * 1e9) + fault.ms * _MS
        return Slowdown(until_ns, fault.latency_ms * _MS, None if fault.kbps is None else fault.kbps * 1000 / 8)

    def _refuse(self, fault: Refuse) -> None:
        for _ in range(fault.times):
            self._network.refusals.plan(self._owner, Refusal(fault.how, lambda conn: self._happened(fault, conn)))

    def _flip(self, fault: Flip) -> None:
        if self._server is None:
            self._cannot(fault, "the service is not ours")
            return
        switches = self._server.switches
        switches.on_act(fault.switch, lambda: self._happened(fault, next(reversed(self._open), 0)))
        switches.flip(fault.switch, uses=fault.uses)
        if fault.for_ms is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(fault.for_ms / 1000, lambda: switches.flip(fault.switch, on=False))

    def _go_away(self, fault: GoAway) -> None:
        if self._server is None:
            self._cannot(fault, "the service is not ours")
            return
        is_open = [session for session in self._sessions() if session.is_open]
        if is_open:
            is_open[-1].announce_end(fault.time_left_ms)
            self._happened(fault, is_open[-1].conn)
            return

        def once_open(event: object) -> None:
            if any(session.is_open for session in self._sessions()):
                stop()
                asyncio.get_running_loop().call_soon(self._go_away, fault)

        stop = self._recorder.listen(once_open)

    def _cannot(self, fault: Moment, why: str) -> None:
        self._fates.cannot(fault, why)
        self._recorder.emit("world", "fault", what=what_of(fault), where=fault.when, conn=None, why=why)

    def _happened(self, fault: Moment, conn: int) -> None:
        self._fates.struck(fault)
        self._recorder.emit("world", "fault", what=what_of(fault), where=fault.when, conn=conn)


def _alteration(fault: Moment) -> Alteration:
    match fault:
        case Duplicate():
            return "duplicate"
        case Reorder():
            return "reorder"
        case Corrupt():
            return fault.how
        case Drop():
            return "drop"
        case _:
            raise AssertionError(f"{fault!r} is no fault of messages")
