"""Two ends of a simulated connection that write down what reaches them, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from roomkit_sim.sim.world.world import World

HOST = "service.test"
PORT = 443


@dataclass
class Tape(asyncio.Protocol):
    """One end. Times are milliseconds since the start of the run."""

    world: World
    received: list[tuple[float, bytes]] = field(default_factory=list)
    eof_at_ms: float | None = None
    lost_at_ms: float | None = None
    error: Exception | None = None
    paused: list[bool] = field(default_factory=list)
    transport: Any = None

    @property
    def now_ms(self) -> float:
        return self.world.now_ns / 1e6

    @property
    def data(self) -> bytes:
        return b"".join(piece for _, piece in self.received)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received.append((self.now_ms, data))

    def eof_received(self) -> bool:
        self.eof_at_ms = self.now_ms
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_at_ms, self.error = self.now_ms, exc

    def pause_writing(self) -> None:
        self.paused.append(True)

    def resume_writing(self) -> None:
        self.paused.append(False)


Connect = Callable[[World], Awaitable[tuple[Tape, Tape]]]


@pytest.fixture
def connect() -> Connect:
    """Listens at ``service.test:443`` and connects there: (client, server)."""

    async def make(world: World) -> tuple[Tape, Tape]:
        loop = asyncio.get_running_loop()
        world.network.add_host(HOST)
        accepted: list[Tape] = []

        def accept() -> Tape:
            accepted.append(Tape(world))
            return accepted[-1]

        if not world.network.listeners:
            await loop.create_server(accept, HOST, PORT)
        else:
            next(iter(world.network.listeners.values())).factory = accept
        _, client = await loop.create_connection(lambda: Tape(world), HOST, PORT)
        return client, accepted[-1]

    return make
