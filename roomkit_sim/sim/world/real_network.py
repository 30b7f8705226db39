"""Real sockets at production names: a name leads to a server of ours on the loopback address, or out into the world."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from roomkit_sim.errors import NotSimulatedError
from roomkit_sim.sim.world.connection import ConnectionObserver
from roomkit_sim.sim.world.link import Slowdown
from roomkit_sim.sim.world.loopback import ADDRESS, Loopback
from roomkit_sim.sim.world.message_gate import Alteration, MessageGate, close_message
from roomkit_sim.sim.world.network import Direction, Ending, Gates, connection_owner
from roomkit_sim.sim.world.real_tap import ClientEnd
from roomkit_sim.sim.world.refusals import Refusals

__all__ = ["RealConnection", "RealNetwork", "RealTimeLoop"]


@dataclass(eq=False, slots=True)
class RealConnection:
    """One connection.

    Args:
        id: Counted from 1 in the order of dialling.
        host: As it was dialled.
        owner: On whose behalf it was dialled (see ``connection_owner``).
        client_address: The client's end, once it is connected.
        end: The client's transport.
        gate: What the server's messages pass on their way to the client.
    """

    id: int
    host: str
    owner: str | None
    client_address: tuple[str, int] | None = None
    end: ClientEnd | None = None
    gate: MessageGate | None = None

    @property
    def leaves_machine(self) -> bool:
        """Whether it leads to another machine: a server on this one, or on a private network, may be ours."""
        peer = self.end.get_extra_info("peername") if self.end is not None else None
        try:
            return peer is not None and ipaddress.ip_address(peer[0]).is_global
        except ValueError:
            return False


class RealNetwork:
    """What is dialled, by whom, and what passes.

    Args:
        is_open: Whether names that are not routed lead to the real network. Otherwise they are not found.
    """

    def __init__(self, *, is_open: bool) -> None:
        self.is_open = is_open
        self.observers: list[ConnectionObserver] = []
        self.connections: dict[int, RealConnection] = {}
        self.refusals = Refusals()
        self.gates: Gates = lambda connection: None
        self._routes: dict[str, Loopback] = {}
        self._by_address: dict[tuple[str, int], RealConnection] = {}
        self._numbers = itertools.count(1)

    def route(self, name: str, to: Loopback) -> None:
        """Let a name lead to a server on the loopback address."""
        self._routes[name] = to

    def target_of(self, host: str) -> Loopback | None:
        """Where a name leads; nothing for the real network.

        Raises:
            socket.gaierror: Nowhere.
        """
        if host in self._routes or self.is_open:
            return self._routes.get(host)
        known = ", ".join(self._routes) or "none"
        raise socket.gaierror(
            socket.EAI_NONAME, f"no host {host!r} among those that are served (known: {known}); others are not reached"
        )

    def dial(self, host: str) -> RealConnection:
        """A client begins to connect."""
        number = next(self._numbers)
        connection = self.connections[number] = RealConnection(number, host, connection_owner.get())
        for observer in self.observers:
            observer.dialled(connection)
        return connection

    def established(self, connection: RealConnection) -> None:
        """The connection stands."""
        assert connection.client_address is not None
        self._by_address[connection.client_address] = connection
        connection.gate = self.gates(connection)
        for observer in self.observers:
            observer.established(connection)

    def by_client_address(self, address: tuple[str, int]) -> RealConnection:
        """The connection whose client has this address: how a server learns whose it is."""
        return self._by_address[address]

    def cut(self, connection_id: int, how: Ending = "reset", direction: Direction = "both") -> None:
        """End a connection; see ``SimNetwork.cut``."""
        end = self.connections[connection_id].end
        if end is None:
            return
        match how:
            case "reset":
                end.cut()
            case "close":
                end.end()
            case "silent":
                end.silence(direction)

    def stall(self, connection_id: int, duration_ns: int, direction: Direction = "both") -> None:
        """Let nothing of a connection pass for a while; then all of it passes, in order."""
        end = self.connections[connection_id].end
        if end is not None:
            end.stall(duration_ns / 1e9, direction)

    def slow(self, connection_id: int, slowdown: Slowdown, direction: Direction = "both") -> None:
        """Not possible here.

        Raises:
            NotSimulatedError: Always.
        """
        raise NotSimulatedError("a slow link needs simulated time: sockets of this machine have no speed to take away")

    def alter_next_message(
        self, connection_id: int, alteration: Alteration, happened: Callable[[], None] = lambda: None
    ) -> None:
        """Let something happen to the server's next message; see ``SimNetwork.alter_next_message``."""
        gate = self.connections[connection_id].gate
        assert gate is not None, "messages pass no gate: set RealNetwork.gates before anything is dialled"
        gate.alter_next(alteration, happened)

    def close_with(self, connection_id: int, code: int, reason: str = "") -> None:
        """Let a close frame of the server arrive now."""
        connection = self.connections[connection_id]
        if connection.end is not None:
            gate = connection.gate
            connection.end.receive(close_message(code, reason) if gate is None else gate.close(code, reason))


class RealTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, with names that lead to servers of ours.

    Args:
        network: Where names lead.
    """

    def __init__(self, network: RealNetwork) -> None:
        super().__init__()
        self._network = network

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **settings: Any
    ) -> Any:
        """Connect, listened to. On the way to a server of ours its certificate is the one that is trusted."""
        if host is None:
            # A socket that somebody else has connected, such as the loop's own.
            return await super().create_connection(protocol_factory, host, port, **settings)
        name = host.decode() if isinstance(host, bytes) else host
        target = self._network.target_of(name)
        if target is not None:
            name, port = ADDRESS, target.port
            if settings.get("ssl"):
                settings |= {"ssl": target.client_tls, "server_hostname": ADDRESS}
        connection = self._network.dial(host)
        refusal = self._network.refusals.next_for(connection.owner)
        if refusal is not None:
            refusal.happened(connection.id)
            refusal.raise_if_unreachable(host)

        def listened_to() -> Any:
            protocol = protocol_factory()
            connection.end = ClientEnd(self._network, connection, protocol)
            connection.end.refused_with = refusal.how if refusal is not None and isinstance(refusal.how, int) else None
            return protocol

        _, protocol = await super().create_connection(listened_to, name, port, **settings)
        return connection.end, protocol
