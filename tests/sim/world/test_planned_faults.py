"""What a network lets happen on purpose, in memory; the same on sockets in test_real_time.py."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roomkit_sim.sim.world.connection import ObservedConnection, Side
from roomkit_sim.sim.world.link import Link, LinkPair, Slowdown
from roomkit_sim.sim.world.message_gate import MessageGate
from roomkit_sim.sim.world.network import connection_owner
from roomkit_sim.sim.world.refusals import Refusal
from roomkit_sim.sim.world.world import World

MS = 1_000_000
URL = "ws://service.example:443/"


class Arrivals:
    """When bytes reached the server."""

    def __init__(self, world: World, at_ms: list[float]) -> None:
        self._world, self._at_ms = world, at_ms

    def server_received(self, connection: ObservedConnection, data: bytes) -> None:
        self._at_ms.append(self._world.now_ns / MS)

    def dialled(self, connection: ObservedConnection) -> None: ...
    def established(self, connection: ObservedConnection) -> None: ...
    def client_sent(self, connection: ObservedConnection, data: bytes) -> None: ...
    def client_received(self, connection: ObservedConnection, data: bytes) -> None: ...
    def server_sent(self, connection: ObservedConnection, data: bytes) -> None: ...
    def closed(self, connection: ObservedConnection, side: Side, error: str | None) -> None: ...


def in_world(main: Any, links: LinkPair | None = None) -> Any:
    world = World(seed=0, links=links or LinkPair())

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async def run() -> Any:
        world.network.add_host("service.example")
        async with await serve(echo, "0.0.0.0", 443, compression=None):
            return await main(world)

    return world.run(run)


def test_one_direction_stalls_while_the_other_goes_on() -> None:
    async def talk(world: World) -> tuple[float, list[float]]:
        arrived: list[float] = []
        async with connect(URL) as client:
            world.network.observers.append(Arrivals(world, arrived))
            began = world.now_ns
            world.network.stall(1, 500 * MS, "down")
            await client.send("hello")
            await client.recv()
            return (world.now_ns - began) / MS, [ms - began / MS for ms in arrived]

    assert in_world(talk) == (500.0, [0.0])


def test_a_half_dead_connection_carries_what_comes_the_other_way() -> None:
    async def talk(world: World) -> tuple[str | bytes, bool]:
        async with connect(URL, close_timeout=1) as client:
            await client.send("before")
            heard = await client.recv()
            world.network.cut(1, "silent", "up")
            await client.send("lost")
            waiting = asyncio.create_task(client.recv())
            await asyncio.wait({waiting}, timeout=5)
            silent = not waiting.done()
            waiting.cancel()
            return heard, silent

    assert in_world(talk) == ("before", True)


def test_a_slow_while_makes_every_segment_later_and_passes() -> None:
    async def talk(world: World) -> list[float]:
        log: list[float] = []
        async with connect(URL) as client:
            world.network.slow(1, Slowdown(world.now_ns + 1_000 * MS, latency_ns=200 * MS))
            for pause in (0.0, 1.5):
                await asyncio.sleep(pause)
                began = world.now_ns
                await client.send("hello")
                await client.recv()
                log.append((world.now_ns - began) / MS)
        return log

    links = LinkPair(Link(latency_ns=10 * MS), Link(latency_ns=10 * MS))
    assert in_world(talk, links) == [420.0, 20.0]


def test_a_slow_link_never_gets_faster_by_it() -> None:
    link = Link(bandwidth_bytes_per_s=100)
    assert Slowdown(10, bandwidth_bytes_per_s=500).of(link, 0).bandwidth_bytes_per_s == 100
    assert Slowdown(10, bandwidth_bytes_per_s=50).of(link, 0).bandwidth_bytes_per_s == 50
    assert Slowdown(10, bandwidth_bytes_per_s=50).of(link, 10) is link


def test_a_message_is_altered_on_its_way() -> None:
    async def talk(world: World) -> list[str | bytes]:
        world.network.gates = lambda connection: MessageGate()
        happened: list[int] = []
        async with connect(URL) as client:
            world.network.alter_next_message(1, "duplicate", lambda: happened.append(1))
            await client.send("hello")
            heard = [await client.recv(), await client.recv()]
        assert happened == [1]
        return heard

    assert in_world(talk) == ["hello", "hello"]


def test_a_bad_frame_makes_the_client_end_the_connection() -> None:
    async def talk(world: World) -> int | None:
        world.network.gates = lambda connection: MessageGate()
        async with connect(URL) as client:
            world.network.alter_next_message(1, "bad_frame")
            await client.send("hello")
            with pytest.raises(ConnectionClosed):
                await client.recv()
            sent = client.protocol.close_sent
            return None if sent is None else sent.code

    assert in_world(talk) == 1002


@pytest.mark.parametrize("gated", [False, True])
def test_a_close_comes_with_its_code_and_the_server_learns_of_it(gated: bool) -> None:
    async def talk(world: World) -> tuple[int | None, str | None]:
        if gated:
            world.network.gates = lambda connection: MessageGate()
        async with connect(URL) as client:
            world.network.close_with(1, 1011, "overloaded")
            with pytest.raises(ConnectionClosed):
                await client.recv()
            await asyncio.sleep(1)
            assert not world.network._open
            return client.protocol.close_code, client.protocol.close_reason

    assert in_world(talk) == (1011, "overloaded")


@pytest.mark.parametrize(
    ("how", "error"), [("dns", socket.gaierror), ("refused", ConnectionRefusedError), (503, InvalidStatus)]
)
def test_a_refused_dial_fails_once_for_whom_it_is_meant(how: Any, error: type[Exception]) -> None:
    async def talk(world: World) -> list[int]:
        met: list[int] = []
        world.network.refusals.plan("call-1", Refusal(how, met.append))
        async with connect(URL):
            assert met == []
        connection_owner.set("call-1")
        with pytest.raises(error):
            await connect(URL, proxy=None)
        async with connect(URL):
            return met

    assert in_world(talk) == [2]


def test_the_status_of_a_refusal_reaches_the_client() -> None:
    async def talk(world: World) -> int:
        world.network.refusals.plan(None, Refusal(429, lambda conn: None))
        with pytest.raises(InvalidStatus) as refused:
            await connect(URL)
        return refused.value.response.status_code

    assert in_world(talk) == 429
