"""Observes real connections of an event loop as those of a simulated network are: above TLS and below the SDKs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from roomkit_sim.sim.world.network import connection_owner

__all__ = ["RealConnection", "SocketObserver", "observed_sockets"]


@dataclass(slots=True)
class RealConnection:
    """One connection.

    Args:
        id: 1, 2, ... in the order of dialling.
        host: As it was dialled.
        port: As it was dialled.
        owner: On whose behalf it was dialled (see ``connection_owner``).
        server_address: Where it leads, once it is established.
    """

    id: int
    host: str
    port: int
    owner: str | None
    server_address: tuple[str, int] = ("", 0)

    @property
    def simulated(self) -> bool:
        """Whether nothing of it is real: never so here."""
        return False


class SocketObserver(Protocol):
    """The client's half of what observers of a simulated network are told."""

    def dialled(self, connection: RealConnection) -> None:
        """A client begins to connect."""

    def established(self, connection: RealConnection) -> None:
        """TCP and TLS are done."""

    def client_sent(self, connection: RealConnection, data: bytes) -> None:
        """The client wrote."""

    def client_received(self, connection: RealConnection, data: bytes) -> None:
        """Bytes reached the client."""

    def closed(self, connection: RealConnection, side: str, error: str | None) -> None:
        """One end is closed."""


@contextmanager
def observed_sockets(observers: Sequence[SocketObserver]) -> Iterator[None]:
    """Tell ``observers`` of every connection that the running loop makes while the context lasts.

    Needs a loop of asyncio's own; uvloop's cannot be extended.
    """
    loop: Any = asyncio.get_running_loop()
    plain = loop.create_connection
    numbers = itertools.count(1)

    async def create_connection(factory: Any, host: Any = None, port: Any = None, **settings: Any) -> Any:
        name = settings.get("server_hostname") or host
        sock = settings.get("sock")
        connection = RealConnection(next(numbers), _text(name), _port(port, sock), connection_owner.get())
        for observer in observers:
            observer.dialled(connection)
        _, tapped = await plain(lambda: _Tapped(factory(), connection, observers), host, port, **settings)
        return tapped.outer, tapped.inner

    loop.create_connection = create_connection
    try:
        yield
    finally:
        del loop.create_connection


class _Tapped(asyncio.Protocol):
    """Stands between a transport and the protocol that reads from it."""

    def __init__(self, inner: Any, connection: RealConnection, observers: Sequence[SocketObserver]) -> None:
        self.inner = inner
        self.outer: Any = None
        self._connection = connection
        self._observers = observers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._connection.server_address = (str(peer[0]), int(peer[1]))
        self.outer = _TappedTransport(transport, self._sent)
        for observer in self._observers:
            observer.established(self._connection)
        self.inner.connection_made(self.outer)

    def data_received(self, data: bytes) -> None:
        for observer in self._observers:
            observer.client_received(self._connection, data)
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        for observer in self._observers:
            observer.closed(self._connection, "server", None)
        stays_open: bool | None = self.inner.eof_received()
        return stays_open

    def connection_lost(self, error: Exception | None) -> None:
        for observer in self._observers:
            observer.closed(self._connection, "client", str(error) if error else None)
        self.inner.connection_lost(error)

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def _sent(self, data: bytes) -> None:
        for observer in self._observers:
            observer.client_sent(self._connection, data)


class _TappedTransport:
    """A transport whose writes are seen."""

    def __init__(self, inner: Any, sent: Any) -> None:
        self._inner = inner
        self._sent = sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, data: Any) -> None:
        self._sent(bytes(data))
        self._inner.write(data)

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))


def _text(host: Any) -> str:
    return host.decode() if isinstance(host, bytes) else str(host or "")


def _port(port: Any, sock: Any) -> int:
    return int(port) if port else int(sock.getpeername()[1]) if sock is not None else 443
