"""Sees the bytes of a real connection at the client's end, and lets bad things happen to it.

The bytes are those that the client's protocol writes and is given: inside TLS, where there is TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from roomkit_sim.sim.world.refusals import refusal_text

if TYPE_CHECKING:
    from roomkit_sim.sim.world.network import Direction
    from roomkit_sim.sim.world.real_network import RealConnection, RealNetwork

__all__ = ["ClientEnd"]


class ClientEnd(asyncio.Transport):
    """The client's transport with somebody listening.

    Args:
        network: Who listens.
        connection: The connection.
        protocol: What reads here. Its callbacks are looked through; asyncio goes on calling the protocol itself.
    """

    def __init__(self, network: RealNetwork, connection: RealConnection, protocol: Any) -> None:
        super().__init__()
        self._network = network
        self._connection = connection
        self._protocol = protocol
        self._transport: Any = None
        self.refused_with: int | None = None
        self._silent: Direction | None = None
        self._stalled: Direction | None = None
        self._stalled_until: float | None = None
        self._held: list[tuple[bool, bytes]] = []
        self._lost = False
        self._made, self._data, self._gone = (
            protocol.connection_made,
            protocol.data_received,
            protocol.connection_lost,
        )
        protocol.connection_made, protocol.data_received = self._on_made, self._on_data
        protocol.connection_lost = self._on_lost

    # What happens to it

    def cut(self) -> None:
        """Reset it."""
        if self._transport is not None and not self._lost:
            self._transport.abort()
            self._on_lost(ConnectionResetError("the connection was cut"))

    def end(self) -> None:
        """Close it in order, as from the other end."""
        if self._transport is not None and not self._lost:
            self._protocol.eof_received()
            self._transport.close()

    def silence(self, direction: Direction = "both") -> None:
        """Let nothing through any more, and tell nobody."""
        self._silent = direction if self._silent in (None, direction) else "both"

    def stall(self, seconds: float, direction: Direction = "both") -> None:
        """Hold everything for a while."""
        loop = asyncio.get_running_loop()
        self._stalled = direction if self._stalled in (None, direction) else "both"
        self._stalled_until = max(self._stalled_until or 0.0, loop.time() + seconds)
        loop.call_at(self._stalled_until, self._release)

    def _release(self) -> None:
        if self._stalled_until is None or asyncio.get_running_loop().time() < self._stalled_until:
            return
        self._stalled_until = self._stalled = None
        held, self._held = self._held, []
        for outwards, data in held:
            if outwards:
                self._transport.write(data)
            else:
                self._deliver(data)

    # From the network to the protocol

    def _on_made(self, transport: Any) -> None:
        self._transport = transport
        self._connection.client_address = tuple(transport.get_extra_info("sockname")[:2])
        self._network.established(self._connection)
        self._made(self)

    def _on_data(self, data: bytes) -> None:
        if self._silent in ("down", "both"):
            return
        if self._stalled in ("down", "both"):
            self._held.append((False, bytes(data)))
            return
        self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        gate = self._connection.gate
        self.receive(bytes(data) if gate is None else gate.feed(data))

    def receive(self, data: bytes) -> None:
        """Give the protocol what has arrived."""
        if not data or self._lost:
            return
        for observer in self._network.observers:
            observer.client_received(self._connection, data)
        self._data(data)

    def _on_lost(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        for observer in self._network.observers:
            observer.closed(self._connection, "client", str(error) if error else None)
        self._gone(error)

    # From the protocol to the network

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        if self._lost or not data:
            return
        payload = bytes(data)
        for observer in self._network.observers:
            observer.client_sent(self._connection, payload)
        if self.refused_with is not None:
            asyncio.get_running_loop().call_soon(self._refuse, self.refused_with)
        elif self._stalled in ("up", "both"):
            self._held.append((True, payload))
        elif self._silent not in ("up", "both"):
            self._transport.write(payload)

    def _refuse(self, status: int) -> None:
        """Answer what was sent as a server that does not upgrade; the real one never sees it."""
        self.receive(refusal_text(status))
        self.end()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send the pieces as one."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Say that nothing more will be sent."""
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        """Whether that can be said."""
        return bool(self._transport.can_write_eof())

    def close(self) -> None:
        """Close in order."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._lost or bool(self._transport.is_closing())

    def pause_reading(self) -> None:
        """Keep what arrives."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Deliver what arrives."""
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        """Whether what arrives is delivered."""
        return bool(self._transport.is_reading())

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """From how many bytes on the protocol is asked to pause, and to resume."""
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The two limits, low first."""
        low, high = self._transport.get_write_buffer_limits()
        return low, high

    def get_write_buffer_size(self) -> int:
        """What is not sent yet."""
        return int(self._transport.get_write_buffer_size())

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of the transport below."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let something else read here; nobody listens to that any more."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """What reads here."""
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol
