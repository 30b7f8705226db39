"""The same seed gives the same bytes; libraries see the world's date."""

# ruff: noqa: TID251 - what is banned elsewhere is what libraries call, and is tested here

from __future__ import annotations

import asyncio
import email.utils
import random
import secrets
import threading
import time
import uuid
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.sim.world.connection import Connection
from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.world import EPOCH, World

MS = 1_000_000


class WireTape:
    """Everything that passes, with its time: what must be equal for equal seeds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bytes: list[tuple[int, str, bytes]] = []

    def note(self, way: str, data: bytes) -> None:
        self.bytes.append((self.world.now_ns, way, data))

    def dialled(self, connection: Connection) -> None:
        self.note("dialled", b"")

    def established(self, connection: Connection) -> None:
        self.note("established", b"")

    def client_sent(self, connection: Connection, data: bytes) -> None:
        self.note("client_sent", data)

    def client_received(self, connection: Connection, data: bytes) -> None:
        self.note("client_received", data)

    def server_sent(self, connection: Connection, data: bytes) -> None:
        self.note("server_sent", data)

    def server_received(self, connection: Connection, data: bytes) -> None:
        self.note("server_received", data)

    def closed(self, connection: Connection, side: Any, error: str | None) -> None:
        self.note(f"closed {side} {error}", b"")


def talk(seed: int) -> list[tuple[int, str, bytes]]:
    """Two websocket clients at once on a jittery line, long enough for keep-alive pings; all bytes of it."""
    link = Link(latency_ns=30 * MS, jitter_ns=20 * MS, loss=0.02)
    world = World(seed=seed, links=LinkPair(link, link))
    tape = WireTape(world)
    world.network.observers.append(tape)

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async def call(number: int) -> None:
        async with connect("wss://service.test/") as socket:
            for turn in range(10):
                await socket.send(f"{number} {turn} {uuid.uuid4()} {random.getrandbits(32)}")
                await socket.recv()
                await asyncio.sleep(5)

    async def main() -> None:
        world.network.add_host("service.test")
        async with serve(echo, "service.test", 443):
            await asyncio.gather(call(1), call(2))

    world.run(main)
    return tape.bytes


def test_two_runs_of_one_seed_put_the_same_bytes_on_the_wire_at_the_same_times() -> None:
    first, second = talk(5), talk(5)
    assert len(first) > 100
    assert first == second


def test_another_seed_puts_other_bytes_on_the_wire() -> None:
    one, other = talk(5), talk(6)
    masked = [[data for _, way, data in run if way == "client_sent"] for run in (one, other)]
    assert masked[0] != masked[1]


def drawn() -> tuple[bytes, str, str, float, int]:
    return (
        secrets.token_bytes(8),
        secrets.token_hex(8),
        str(uuid.uuid4()),
        random.random(),
        random.getrandbits(32),
    )


def test_what_libraries_draw_is_seeded_inside_a_world() -> None:
    async def main() -> Any:
        return drawn()

    assert World(seed=1).run(main) == World(seed=1).run(main)
    assert World(seed=1).run(main) != World(seed=2).run(main)


def test_an_id_is_still_a_valid_random_uuid() -> None:
    async def main() -> uuid.UUID:
        return uuid.uuid4()

    made = World(seed=1).run(main)
    assert (made.version, made.variant) == (4, uuid.RFC_4122)


def test_the_process_draws_afterwards_as_if_nothing_had_been() -> None:
    async def main() -> None:
        drawn()

    random.seed(99)
    expected = [random.random() for _ in range(3)]
    random.seed(99)
    World(seed=1).run(main)
    assert [random.random() for _ in range(3)] == expected
    assert secrets.token_bytes(16) != secrets.token_bytes(16)
    assert time.time.__module__ == "time"


def test_libraries_see_the_worlds_date() -> None:
    async def main() -> tuple[float, str]:
        await asyncio.sleep(90)
        return time.time(), email.utils.formatdate(usegmt=True)

    seconds, date = World(seed=0).run(main)
    assert seconds == EPOCH.timestamp() + 90
    assert date == "Tue, 01 Jan 2030 00:01:30 GMT"


def test_other_threads_see_the_machines_date() -> None:
    seen: list[float] = []

    async def main() -> float:
        thread = threading.Thread(target=lambda: seen.append(time.time()))
        thread.start()
        thread.join()
        return time.time()

    simulated = World(seed=0).run(main)
    assert seen[0] != simulated
