from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from roomkit_sim.providers.realtime.sockets import SOCKET_OPTIONS, Sending, leave
from roomkit_sim.sim.world.world import World

URL = "ws://service.example:443/"


async def deaf(socket: ServerConnection) -> None:
    await socket.wait_closed()


def in_world(main: Any) -> Any:
    world = World(seed=0)

    async def run() -> Any:
        world.network.add_host("service.example")
        async with await serve(deaf, "0.0.0.0", 443, compression=None):
            return await main(world)

    return world.run(run)


async def fill(socket: Any) -> None:
    """Send until there is no more room; websockets then holds its lock."""
    while True:
        async with Sending(socket, 5.0):
            await socket.send(b"x" * 20_000)


def test_a_peer_that_takes_nothing_is_dropped_and_the_reader_notices() -> None:
    async def talk(world: World) -> tuple[float, int | None]:
        client = await connect(URL, ping_interval=None)
        reading = asyncio.create_task(client.recv())
        world.network.cut(1, "silent")
        began_ns = world.now_ns
        with pytest.raises(TimeoutError):
            await fill(client)
        with pytest.raises(ConnectionClosed):
            await reading
        return (world.now_ns - began_ns) / 1e9, client.close_code

    assert in_world(talk) == (5.0, 1006)


def test_a_connection_whose_lock_is_held_can_be_left_all_the_same() -> None:
    async def talk(world: World) -> float:
        client = await connect(URL, ping_interval=None, close_timeout=1)
        world.network.cut(1, "silent")
        filling = asyncio.create_task(fill(client))
        await asyncio.sleep(0.1)
        began_ns = world.now_ns
        await leave(client.close(), client, 3.0)
        took_s = (world.now_ns - began_ns) / 1e9
        with pytest.raises(ConnectionClosed):
            await filling
        return took_s

    assert in_world(talk) == 3.0


def test_a_silent_peer_is_found_out_within_ten_seconds() -> None:
    async def talk(world: World) -> float:
        client = await connect(URL, **SOCKET_OPTIONS)
        world.network.cut(1, "silent")
        began_ns = world.now_ns
        with pytest.raises(ConnectionClosed):
            await client.recv()
        return (world.now_ns - began_ns) / 1e9

    assert in_world(talk) <= 12.0


def test_leaving_what_is_broken_already_is_quiet() -> None:
    async def broken() -> None:
        raise ConnectionResetError

    asyncio.run(leave(broken(), object()))
