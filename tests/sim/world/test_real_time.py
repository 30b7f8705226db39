"""A world of real time: production names on loopback sockets, seen and disturbed at the client's end."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roomkit_sim.errors import BudgetExceededError, NotSimulatedError
from roomkit_sim.sim.world import real_time
from roomkit_sim.sim.world.link import Slowdown
from roomkit_sim.sim.world.message_gate import MessageGate
from roomkit_sim.sim.world.network import connection_owner
from roomkit_sim.sim.world.real_time import RealTimeWorld
from roomkit_sim.sim.world.refusals import Refusal

NAME = "voice.example"
URL = f"wss://{NAME}/"
SECOND_NS = 1_000_000_000


class Notes:
    """Writes down what it observes."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda connection, *details: self.seen.append(f"{connection.id} {name}")


async def echo(server: ServerConnection) -> None:
    async for message in server:
        await server.send(message)


async def listen(host: str, port: int, tls: ssl.SSLContext | None) -> Server:
    return await serve(echo, host, port, ssl=tls)


def in_world(main: Callable[[RealTimeWorld], Awaitable[Any]], budget_s: float = 20) -> tuple[Any, Notes]:
    world, notes = RealTimeWorld(seed=0, budget_ns=round(budget_s * 1e9)), Notes()
    world.network.observers.append(notes)

    async def hosted() -> Any:
        async with world.hosting(NAME, listen):
            return await main(world)

    return world.run(hosted), notes


def test_a_production_name_leads_to_the_loopback_server_and_its_certificate_is_trusted() -> None:
    async def talk(world: RealTimeWorld) -> tuple[str | bytes, str]:
        async with connect(URL) as client:
            await client.send("hello")
            return await client.recv(), client.transport.get_extra_info("peername")[0]

    assert in_world(talk)[0] == ("hello", "127.0.0.1")


def test_what_passes_is_seen_inside_tls_in_order() -> None:
    async def talk(world: RealTimeWorld) -> None:
        async with connect(URL) as client:
            await client.send("hello")
            await client.recv()

    seen = in_world(talk)[1].seen
    assert seen[:4] == ["1 dialled", "1 established", "1 client_sent", "1 client_received"]
    assert seen[-1] == "1 closed"
    assert seen.count("1 closed") == 1


def test_a_name_that_nobody_serves_is_not_found() -> None:
    async def talk(world: RealTimeWorld) -> None:
        await connect("wss://elsewhere.example/")

    with pytest.raises(socket.gaierror, match=r"no host 'elsewhere\.example' among those that are served"):
        in_world(talk)


def test_a_connection_belongs_to_whom_it_was_dialled_for() -> None:
    async def talk(world: RealTimeWorld) -> None:
        connection_owner.set("call-7")
        async with connect(URL) as client:
            ours = world.network.connections[1]
            assert ours.owner == "call-7"
            assert world.network.by_client_address(client.local_address[:2]) is ours

    in_world(talk)


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_cut_connection_is_lost_without_a_closing_handshake(how: Any) -> None:
    async def talk(world: RealTimeWorld) -> int | None:
        client = await connect(URL)
        world.network.cut(1, how)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        return client.close_code

    assert in_world(talk)[0] == 1006


def test_a_silenced_connection_carries_nothing_and_tells_nobody() -> None:
    async def talk(world: RealTimeWorld) -> bool:
        client = await connect(URL, close_timeout=0.1)
        world.network.cut(1, "silent")
        await client.send("hello")
        waiting = asyncio.create_task(client.recv())
        await asyncio.wait({waiting}, timeout=0.1)
        silent = not waiting.done()
        waiting.cancel()
        await client.close()
        return silent

    assert in_world(talk)[0] is True


def test_a_stalled_connection_carries_everything_later_in_order() -> None:
    async def talk(world: RealTimeWorld) -> tuple[list[str | bytes], bool]:
        async with connect(URL) as client:
            began_ns = world.now_ns
            world.network.stall(1, SECOND_NS // 5)
            for word in ("one", "two", "three"):
                await client.send(word)
            heard = [await client.recv() for _ in range(3)]
            return heard, world.now_ns - began_ns >= SECOND_NS // 5

    assert in_world(talk)[0] == (["one", "two", "three"], True)


def test_one_direction_can_stall_alone() -> None:
    async def talk(world: RealTimeWorld) -> tuple[bool, str | bytes]:
        async with connect(URL) as client:
            world.network.stall(1, SECOND_NS // 5, "down")
            began_ns = world.now_ns
            await client.send("hello")
            return world.now_ns - began_ns < SECOND_NS // 5, await client.recv()

    assert in_world(talk)[0] == (True, "hello")


def test_messages_are_altered_on_sockets_too() -> None:
    async def talk(world: RealTimeWorld) -> list[str | bytes]:
        world.network.gates = lambda connection: MessageGate()
        async with connect(URL) as client:
            world.network.alter_next_message(1, "duplicate")
            await client.send("hello")
            return [await client.recv(), await client.recv()]

    assert in_world(talk)[0] == ["hello", "hello"]


def test_a_close_frame_comes_on_sockets_too() -> None:
    async def talk(world: RealTimeWorld) -> int | None:
        async with connect(URL) as client:
            world.network.close_with(1, 1011)
            with pytest.raises(ConnectionClosed):
                await client.recv()
            return client.protocol.close_code

    assert in_world(talk)[0] == 1011


@pytest.mark.parametrize(
    ("how", "error"), [("dns", socket.gaierror), ("refused", ConnectionRefusedError), (403, InvalidStatus)]
)
def test_a_planned_refusal_is_met_on_sockets_too(how: Any, error: type[Exception]) -> None:
    async def talk(world: RealTimeWorld) -> list[int]:
        met: list[int] = []
        world.network.refusals.plan(None, Refusal(how, met.append))
        with pytest.raises(error):
            await connect(URL)
        async with connect(URL):
            return met

    assert in_world(talk)[0] == [1]


def test_a_link_of_this_machine_cannot_be_made_slow() -> None:
    async def talk(world: RealTimeWorld) -> None:
        async with connect(URL):
            world.network.slow(1, Slowdown(SECOND_NS))

    with pytest.raises(NotSimulatedError, match="a slow link needs simulated time"):
        in_world(talk)


def test_a_run_that_hangs_is_stopped_and_says_who_waits() -> None:
    stopped: list[Exception] = []
    world = RealTimeWorld(seed=0, budget_ns=SECOND_NS // 10)

    async def wait_for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(BudgetExceededError, match=r"real time[\s\S]*the run: .*wait_for_ever"):
        world.run(wait_for_ever, stopped.append)
    assert [type(error) for error in stopped] == [BudgetExceededError]


async def stubborn(me: list[Any], times: int) -> None:
    """Will not be cancelled so often; then ends by itself, so that nobody waits for ever."""
    me.append(asyncio.current_task())
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()
    await asyncio.sleep(2)


def test_a_task_that_will_not_be_cancelled_is_named_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_time, "CLEAN_UP_S", 0.05)
    world = RealTimeWorld(seed=0, budget_ns=20 * SECOND_NS)
    left: list[Any] = []

    async def talk() -> None:
        left.append(asyncio.create_task(stubborn([], 1), name="the stubborn one"))
        await asyncio.sleep(0)

    with pytest.raises(BudgetExceededError, match=r"cancelled[\s\S]*the stubborn one: .*in stubborn\(\)") as raised:
        world.run(talk)
    assert "lag meter" not in str(raised.value)
    assert not left[0].done()


def test_a_run_that_hangs_and_will_not_be_cancelled_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_time, "CLEAN_UP_S", 0.05)
    world = RealTimeWorld(seed=0, budget_ns=SECOND_NS // 10)
    left: list[Any] = []
    with pytest.raises(BudgetExceededError, match=r"used up its 0\.1 s of real time[\s\S]*the run: .*in stubborn\(\)"):
        world.run(lambda: stubborn(left, 2))
    assert not left.pop().done()
    # What is left of it is no error of the run's, whenever it is forgotten.
    gc.collect()
    assert world.unhandled == []
