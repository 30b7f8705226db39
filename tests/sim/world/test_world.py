"""A world as a whole: its date, its result, what nobody handled, and the libraries in it."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from datetime import timedelta

import anyio
import anyio.to_thread
import httpx2
import pytest

from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.world import EPOCH, World


def test_a_run_returns_what_its_main_returns() -> None:
    async def main() -> int:
        return 42

    assert World(seed=0).run(main) == 42


def test_a_run_raises_what_its_main_raises() -> None:
    async def main() -> None:
        raise LookupError("of the application")

    with pytest.raises(LookupError, match="of the application"):
        World(seed=0).run(main)


def test_the_worlds_date_follows_its_time() -> None:
    world = World(seed=0)

    async def main() -> None:
        await asyncio.sleep(1.25)

    before = world.now()
    world.run(main)
    assert (before, world.now()) == (EPOCH, EPOCH + timedelta(seconds=1.25))


def test_what_nobody_handled_is_kept() -> None:
    world = World(seed=0)

    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)

    world.run(main)
    assert len(world.unhandled) == 1
    assert "ZeroDivisionError: division by zero" in world.unhandled[0]


def test_tasks_that_are_left_at_the_end_are_cancelled() -> None:
    cancelled: list[bool] = []

    async def linger() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(linger())
        await asyncio.sleep(0)
        return task

    assert World(seed=0).run(main).cancelled()
    assert cancelled == [True]


def test_proxies_of_the_environment_are_forgotten_for_the_run_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")

    async def main() -> str | None:
        return os.environ.get("HTTPS_PROXY")

    assert World(seed=0).run(main) is None
    assert os.environ["HTTPS_PROXY"] == "http://proxy.test:3128"


def test_worker_threads_of_anyio_run_inline() -> None:
    async def main() -> int:
        asyncio.get_running_loop().call_later(5, lambda: None)
        return await anyio.to_thread.run_sync(threading.get_ident)

    world = World(seed=0)
    assert world.run(main) == threading.get_ident()
    assert world.now_ns == 0


def test_cancel_scopes_of_anyio_are_counted_not_addressed() -> None:
    async def main() -> list[int]:
        hashes = [hash(anyio.CancelScope()) for _ in range(3)]
        return [number - hashes[0] for number in hashes]

    assert World(seed=0).run(main) == [0, 1, 2]


def test_clients_read_no_trust_store_in_a_world_and_trust_nobody() -> None:
    async def main() -> ssl.SSLContext:
        return ssl.create_default_context()

    made = World(seed=0).run(main)
    assert (made.get_ca_certs(), made.verify_mode, made.check_hostname) == ([], ssl.CERT_REQUIRED, True)


def test_a_trust_store_that_is_not_there_is_missed_in_a_world_too() -> None:
    async def main() -> None:
        ssl.create_default_context(cafile="/nowhere/ca.pem")

    with pytest.raises(FileNotFoundError):
        World(seed=0).run(main)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
    await writer.drain()
    writer.close()


def test_an_http_client_reaches_a_simulated_https_host() -> None:
    link = Link(latency_ns=10_000_000)
    world = World(seed=0, links=LinkPair(link, link))

    async def main() -> str:
        world.network.add_host("api.test")
        async with await asyncio.start_server(answer, "api.test", 443), httpx2.AsyncClient() as client:
            return (await client.get("https://api.test/greeting")).text

    assert world.run(main) == "hello"
    assert world.now_ns >= 40_000_000
