"""A TCP connection in memory: two transports, each the other's peer."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from roomkit_sim.sim.world.fake_socket import FakeSocket
from roomkit_sim.sim.world.link import Link, Slowdown
from roomkit_sim.sim.world.message_gate import MessageGate

if TYPE_CHECKING:
    from roomkit_sim.sim.world.network import SimNetwork

__all__ = ["Connection", "ConnectionObserver", "ObservedConnection", "Side", "SimTransport"]

Address = tuple[str, int]
Side = Literal["client", "server"]

SEND_BUFFER = 208 * 1024
"""What the kernel takes before a writer must wait.

Without it, anyio, which sets its high-water mark to 0, would pay one latency for every write.
"""


@dataclass(eq=False, slots=True)
class Connection:
    """One connection.

    Args:
        id: Counted from 1 in the order of dialling.
        host: As it was dialled.
        port: As it was dialled.
        owner: On whose behalf it was dialled (see ``connection_owner``).
        client_address: The client's end.
        server_address: The server's end.
        dialled_ns: When.
        gate: What the server's messages pass on their way to the client.
    """

    id: int
    host: str
    port: int
    owner: str | None
    client_address: Address
    server_address: Address
    dialled_ns: int
    client: SimTransport | None = None
    server: SimTransport | None = None
    gate: MessageGate | None = None

    @property
    def leaves_machine(self) -> bool:
        """Whether it leads to another machine: never in memory."""
        return False


class ObservedConnection(Protocol):
    """What an observer is told of a connection, in memory or real."""

    @property
    def id(self) -> int:
        """1, 2, ... in the order of dialling."""
        ...

    @property
    def host(self) -> str:
        """The host that was dialled."""
        ...

    @property
    def owner(self) -> str | None:
        """On whose behalf it was dialled (see ``connection_owner``)."""
        ...

    @property
    def leaves_machine(self) -> bool:
        """Whether it leads to another machine, as far as is known yet."""
        ...


class ConnectionObserver(Protocol):
    """Sees what happens on connections, at the moment when it happens."""

    def dialled(self, connection: ObservedConnection) -> None:
        """A client begins to connect."""

    def established(self, connection: ObservedConnection) -> None:
        """TCP and TLS are done."""

    def client_sent(self, connection: ObservedConnection, data: bytes) -> None:
        """The client wrote."""

    def client_received(self, connection: ObservedConnection, data: bytes) -> None:
        """Bytes reached the client."""

    def server_sent(self, connection: ObservedConnection, data: bytes) -> None:
        """The server wrote."""

    def server_received(self, connection: ObservedConnection, data: bytes) -> None:
        """Bytes reached the server."""

    def closed(self, connection: ObservedConnection, side: Side, error: str | None) -> None:
        """One end is closed."""


class SimTransport(asyncio.Transport):
    """One end of a connection.

    Args:
        network: The network.
        connection: The connection.
        side: Which end.
        protocol: What reads here.
        link: The direction away from here. What is sent from here is lost while ``silent``, waits until
            ``stalled_until_ns``, and takes longer during a ``slowdown``.
    """

    def __init__(
        self, network: SimNetwork, connection: Connection, side: Side, protocol: asyncio.Protocol, link: Link
    ) -> None:
        here, there = connection.client_address, connection.server_address
        if side == "server":
            here, there = there, here
        super().__init__({"sockname": here, "peername": there, "socket": FakeSocket(here, there)})
        self.connection = connection
        self.side: Side = side
        self.link = link
        self.silent = False
        self.stalled_until_ns = 0
        self.slowdown: Slowdown | None = None
        self.peer: SimTransport
        self._network = network
        self._loop = network.loop
        self._protocol = protocol
        self._rng = network.seeds.stream("link", str(connection.id), side)
        self._under_way: deque[bytes | None] = deque()
        self._received: deque[bytes | None] = deque()
        self._in_flight = 0
        self._high, self._low = 64 * 1024, 16 * 1024
        self._link_free_ns = self._last_arrival_ns = 0
        self._closing = self._lost = self._ended = False
        self._reading_paused = self._writing_paused = False

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; they arrive when the link has carried them."""
        if self._closing or self._ended or not data:
            return
        payload = bytes(data)
        for observer in self._network.observers:
            (observer.client_sent if self.side == "client" else observer.server_sent)(self.connection, payload)
        self._in_flight += len(payload)
        self._ship(payload)
        if not self._writing_paused and self.get_write_buffer_size() > self._high:
            self._writing_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Any) -> None:
        """Send the pieces as one."""
        self.write(b"".join(list_of_data))

    def _ship(self, item: bytes | None) -> None:
        now = self._loop.now_ns
        link = self.link if self.slowdown is None else self.slowdown.of(self.link, now)
        if item is not None and link.bandwidth_bytes_per_s is not None:
            self._link_free_ns = max(now, self._link_free_ns) + link.transmission_ns(len(item))
            now = self._link_free_ns
        arrival = max(now + link.delay_ns(self._rng), self._last_arrival_ns, self.stalled_until_ns)
        self._last_arrival_ns = arrival
        self._under_way.append(item)
        self._loop.call_at_ns(arrival, self._arrive)

    def _arrive(self) -> None:
        """The next segment arrives: always the oldest under way, whichever segment's time it is."""
        if self.silent:
            return
        stalled_until = self.stalled_until_ns
        if stalled_until > self._loop.now_ns:
            # A stall that began while segments were under way. Those that were sent during it have their timers
            # already, so one that is set now comes after theirs.
            self._last_arrival_ns = max(self._last_arrival_ns, stalled_until)
            self._loop.call_at_ns(stalled_until, self._arrive)
            return
        item = self._under_way.popleft()
        if self.peer._lost:
            self._acknowledge(len(item) if item else 0)
        else:
            self.peer._received.append(item)
            self.peer._deliver()

    def _acknowledge(self, size: int) -> None:
        self._in_flight -= size
        if self._writing_paused and self.get_write_buffer_size() <= self._low:
            self._writing_paused = False
            if not self._lost:
                self._protocol.resume_writing()

    def write_eof(self) -> None:
        """Say that nothing more will be sent."""
        if not self._ended:
            self._ended = True
            self._ship(None)

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """From how many bytes on the protocol is asked to pause, and to resume."""
        self._high = 64 * 1024 if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The two limits, low first."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """What is sent, has not arrived, and does not fit into the kernel's buffer."""
        return max(0, self._in_flight - SEND_BUFFER)

    # Reading

    def _deliver(self) -> None:
        while self._received and not self._reading_paused and not self._lost:
            item = self._received.popleft()
            if item is None:
                if not self._protocol.eof_received():
                    self.close()
                continue
            self.peer._acknowledge(len(item))
            gate = self.connection.gate if self.side == "client" else None
            self.receive(item if gate is None else gate.feed(item))

    def receive(self, data: bytes) -> None:
        """Give the protocol what has arrived."""
        if not data or self._lost:
            return
        for observer in self._network.observers:
            seen = observer.client_received if self.side == "client" else observer.server_received
            seen(self.connection, data)
        self._protocol.data_received(data)

    def pause_reading(self) -> None:
        """Keep what arrives until reading is resumed."""
        self._reading_paused = True

    def resume_reading(self) -> None:
        """Deliver what has arrived meanwhile."""
        if self._reading_paused:
            self._reading_paused = False
            self._loop.call_soon(self._deliver)

    def is_reading(self) -> bool:
        """Whether arriving bytes are delivered at once."""
        return not self._reading_paused and not self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let something else read here."""
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """What reads here."""
        return self._protocol

    # Closing

    def is_closing(self) -> bool:
        """Whether this end is closed, or about to be."""
        return self._closing

    def close(self) -> None:
        """Close in order: what was sent still arrives."""
        if not self._closing:
            self._closing = True
            self.write_eof()
            self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        """Close at once; the other end sees a reset."""
        self.reset(None)
        if not self.silent:
            self.peer.reset(ConnectionResetError("the peer aborted the connection"))

    def reset(self, error: Exception | None) -> None:
        """Lose the connection at this end."""
        if not self._lost:
            self._closing = True
            self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        for observer in self._network.observers:
            observer.closed(self.connection, self.side, str(error) if error else None)
        self._network.forget(self)
        self._protocol.connection_lost(error)
