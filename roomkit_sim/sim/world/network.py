"""The network: names, listeners, connections, and what goes wrong on them."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, TypeAlias

from roomkit_sim.sim.world.connection import Connection, ConnectionObserver, ObservedConnection, SimTransport
from roomkit_sim.sim.world.fake_socket import FakeSocket
from roomkit_sim.sim.world.link import LinkPair, Slowdown
from roomkit_sim.sim.world.message_gate import Alteration, MessageGate, close_message
from roomkit_sim.sim.world.refusals import Refusals, RefusingServer
from roomkit_sim.sim.world.seeds import SeedTree

if TYPE_CHECKING:
    from roomkit_sim.sim.world.loop import VirtualTimeLoop

__all__ = ["Direction", "Ending", "Gates", "SimNetwork", "SimServer", "connection_owner"]

Ending: TypeAlias = Literal["reset", "close", "silent"]
Direction: TypeAlias = Literal["up", "down", "both"]

Gates: TypeAlias = Callable[[ObservedConnection], MessageGate | None]
"""Gives a new connection the gate that the server's messages pass."""

connection_owner: ContextVar[str | None] = ContextVar("roomkit_sim_connection_owner", default=None)
"""On whose behalf connections of this context are dialled: the call's id."""

ANY_ADDRESS = "0.0.0.0"
LOOPBACK = "127.0.0.1"
CLIENT_ADDRESS = "10.0.0.1"
FIRST_CLIENT_PORT = 50_000
FIRST_SERVER_PORT = 40_000


class SimServer(asyncio.AbstractServer):
    """A listener.

    Args:
        network: Where it listens.
        address: At which address.
        factory: Makes the protocol of an accepted connection.
    """

    def __init__(
        self, network: SimNetwork, address: tuple[str, int], factory: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self._network = network
        self.address = address
        self.factory = factory
        self.sockets = (FakeSocket(address),)
        self._serving = True

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop."""
        return self._network.loop

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self._serving

    async def start_serving(self) -> None:
        """It serves from the beginning."""

    async def serve_forever(self) -> None:
        """Wait for ever."""
        await self._network.loop.create_future()

    def close(self) -> None:
        """Accept no more connections."""
        self._serving = False
        self._network.listeners.pop(self.address, None)

    def close_clients(self) -> None:
        """Part of the interface of Python 3.13; connections are closed by their protocols."""

    async def wait_closed(self) -> None:
        """It is closed at once."""


class SimNetwork:
    """Connections in memory, at the addresses of production.

    Args:
        seeds: For jitter and loss.
        links: The way between any client and any server; may be changed at any time for new connections.
    """

    def __init__(self, seeds: SeedTree, links: LinkPair) -> None:
        self.seeds = seeds
        self.links = links
        self.loop: VirtualTimeLoop
        self.listeners: dict[tuple[str, int], SimServer] = {}
        self.connections: dict[int, Connection] = {}
        self.observers: list[ConnectionObserver] = []
        self.refusals = Refusals()
        self.gates: Gates = lambda connection: None
        self._hosts: dict[str, str] = {}
        self._free_ports = itertools.count(FIRST_SERVER_PORT)
        self._open: dict[SimTransport, None] = {}

    # Names

    def add_host(self, name: str) -> str:
        """Give a name an address; the same one when asked again."""
        return self._hosts.setdefault(name, f"198.51.100.{len(self._hosts) + 1}")

    def resolve(self, host: str) -> str:
        """The address of a name.

        Raises:
            socket.gaierror: Nobody has this name, as a real look-up would say.
        """
        if host in ("localhost", LOOPBACK, "::1"):
            return LOOPBACK
        if host.replace(".", "").isdigit():
            return host
        if host not in self._hosts:
            known = ", ".join(self._hosts) or "none"
            raise socket.gaierror(
                socket.EAI_NONAME,
                f"no host {host!r} in the simulated network (known: {known}); real ones are not reached",
            )
        return self._hosts[host]

    # Connections

    def listen(self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int) -> SimServer:
        """Listen at an address; port 0 chooses one.

        Raises:
            OSError: Somebody listens there already.
        """
        address = (self.resolve(host), port or next(self._free_ports))
        if address in self.listeners:
            raise OSError(errno.EADDRINUSE, f"somebody listens at {address[0]}:{address[1]} already")
        server = SimServer(self, address, factory)
        self.listeners[address] = server
        return server

    async def connect(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, *, tls: bool
    ) -> tuple[SimTransport, asyncio.BaseProtocol]:
        """Connect to a listener: the look-up of a name, one round trip for TCP, and those of TLS.

        Raises:
            ConnectionRefusedError: Nobody listens there.
            socket.gaierror: The name is not found.
        """
        connection = self._dial(host, port)
        refusal = self.refusals.next_for(connection.owner)
        rng = self.seeds.stream("dial", str(connection.id))
        round_trips = 1 + (self.links.tls_round_trips if tls else 0)
        delay = self.links.dns_ns if host in self._hosts else 0
        delay += sum(self.links.up.delay_ns(rng) + self.links.down.delay_ns(rng) for _ in range(round_trips))
        await asyncio.sleep(delay / 1e9)
        if refusal is not None:
            refusal.happened(connection.id)
            refusal.raise_if_unreachable(host)
            assert isinstance(refusal.how, int), "the other ways have raised"
            return self._establish(connection, factory(), RefusingServer(refusal.how))
        server = self.listeners.get(connection.server_address) or self.listeners.get((ANY_ADDRESS, port))
        if server is None:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"nobody listens at {host}:{port} in the simulated network"
            )
        return self._establish(connection, factory(), server.factory())

    def _dial(self, host: str, port: int) -> Connection:
        number = len(self.connections) + 1
        connection = Connection(
            id=number,
            host=host,
            port=port,
            owner=connection_owner.get(),
            client_address=(CLIENT_ADDRESS, FIRST_CLIENT_PORT + number),
            server_address=(self.resolve(host), port),
            dialled_ns=self.loop.now_ns,
        )
        self.connections[number] = connection
        for observer in self.observers:
            observer.dialled(connection)
        return connection

    def _establish(
        self, connection: Connection, client_protocol: asyncio.BaseProtocol, server_protocol: asyncio.BaseProtocol
    ) -> tuple[SimTransport, asyncio.BaseProtocol]:
        assert isinstance(client_protocol, asyncio.Protocol)
        assert isinstance(server_protocol, asyncio.Protocol)
        client = SimTransport(self, connection, "client", client_protocol, self.links.up)
        server = SimTransport(self, connection, "server", server_protocol, self.links.down)
        client.peer, server.peer = server, client
        connection.client, connection.server = client, server
        connection.gate = self.gates(connection)
        self._open[client] = self._open[server] = None
        for observer in self.observers:
            observer.established(connection)
        server_protocol.connection_made(server)
        client_protocol.connection_made(client)
        return client, client_protocol

    def forget(self, transport: SimTransport) -> None:
        """Called by a transport that is lost."""
        self._open.pop(transport, None)

    def by_client_address(self, address: tuple[str, int]) -> Connection:
        """The connection whose client has this address: how a server learns whose it is."""
        return self.connections[address[1] - FIRST_CLIENT_PORT]

    # Faults

    def cut(self, connection_id: int, how: Ending = "reset", direction: Direction = "both") -> None:
        """End a connection.

        Args:
            connection_id: Which.
            how: ``reset``: both ends see a reset; ``close``: the server closes TCP in order, without a WebSocket close;
                ``silent``: nothing arrives any more, and nobody is told.
            direction: With ``silent``: which way nothing arrives; ``up`` is towards the server.
        """
        connection = self.connections[connection_id]
        if how == "silent":
            for transport in self._senders(connection_id, direction):
                transport.silent = True
        elif how == "close" and connection.server is not None:
            connection.server.close()
        else:
            for transport in self._senders(connection_id, "both"):
                transport.reset(ConnectionResetError("the connection was cut"))

    def stall(self, connection_id: int, duration_ns: int, direction: Direction = "both") -> None:
        """Let nothing of a connection arrive for a while; then all of it arrives, in order."""
        for transport in self._senders(connection_id, direction):
            transport.stalled_until_ns = max(transport.stalled_until_ns, self.loop.now_ns + duration_ns)

    def slow(self, connection_id: int, slowdown: Slowdown, direction: Direction = "both") -> None:
        """Let a connection be slow for a while."""
        for transport in self._senders(connection_id, direction):
            transport.slowdown = slowdown

    def alter_next_message(
        self, connection_id: int, alteration: Alteration, happened: Callable[[], None] = lambda: None
    ) -> None:
        """Let something happen to the server's next message; the network must have been given ``gates``."""
        gate = self.connections[connection_id].gate
        assert gate is not None, "messages pass no gate: set SimNetwork.gates before anything is dialled"
        gate.alter_next(alteration, happened)

    def close_with(self, connection_id: int, code: int, reason: str = "") -> None:
        """Let a close frame of the server arrive now. The server learns of it by the client's answer."""
        connection = self.connections[connection_id]
        if connection.client is not None:
            gate = connection.gate
            frame = close_message(code, reason) if gate is None else gate.close(code, reason)
            connection.client.receive(frame)

    def _senders(self, connection_id: int, direction: Direction) -> list[SimTransport]:
        """The ends that send in a direction; the server's first."""
        connection = self.connections[connection_id]
        ends = {"down": [connection.server], "up": [connection.client], "both": [connection.server, connection.client]}
        return [end for end in ends[direction] if end is not None]
