"""The real google-genai SDK, unpatched and at its production address, in the simulated world."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from google import genai
from google.genai import errors
from google.genai.types import LiveConnectConfig, Modality
from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.world import World

HOST = "generativelanguage.googleapis.com"
MODEL = "gemini-2.5-flash-native-audio-preview-09-2025"
AUDIO = LiveConnectConfig(response_modalities=[Modality.AUDIO])
MS = 1_000_000


class Service:
    """Acknowledges setups, speaks two bytes, and notes what it was asked for."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.frames: list[Any] = []
        self.then: Any = None

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        self.keys.append(socket.request.headers.get("x-goog-api-key"))
        self.frames.append(json.loads(await socket.recv()))
        await socket.send(b'{"setupComplete":{}}')
        if self.then is not None:
            await self.then()
        async for message in socket:
            self.frames.append(json.loads(message))
            await socket.send(b'{"serverContent":{"turnComplete":true}}')


async def call() -> int:
    client = genai.Client(api_key="simulated-key")
    async with client.aio.live.connect(model=MODEL, config=AUDIO) as session:
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "hello"}]})
        return sum([1 async for _ in session.receive()])


async def listen() -> None:
    client = genai.Client(api_key="simulated-key")
    async with client.aio.live.connect(model=MODEL) as session:
        async for _ in session.receive():
            pass


def run(world: World, service: Service, dial: Any = call) -> Any:
    async def main() -> Any:
        world.network.add_host(HOST)
        async with serve(service.handle, HOST, 443, compression=None):
            return await dial()

    return world.run(main)


def test_the_sdk_dials_its_production_address_and_talks() -> None:
    service = Service()
    assert run(World(seed=0), service) == 1
    assert service.paths[0].lstrip("/").startswith("ws/google.ai.generativelanguage.")
    assert service.keys == ["simulated-key"]
    assert [next(iter(frame)) for frame in service.frames] == ["setup", "client_content"]


def test_a_call_takes_the_time_of_the_links_and_no_more() -> None:
    link = Link(latency_ns=25 * MS)
    world = World(seed=0, links=LinkPair(link, link))
    times: list[int] = []

    async def timed() -> None:
        client = genai.Client(api_key="simulated-key")
        async with client.aio.live.connect(model=MODEL):
            times.append(world.now_ns)

    run(world, Service(), timed)
    assert times == [4 * 50 * MS], "TCP, TLS, the upgrade and the setup: a round trip each"


def test_two_calls_of_one_seed_take_the_same_time_to_the_nanosecond() -> None:
    def end_of_call(seed: int) -> int:
        link = Link(latency_ns=25 * MS, jitter_ns=25 * MS, loss=0.05)
        world = World(seed=seed, links=LinkPair(link, link))
        run(world, Service())
        return world.now_ns

    assert end_of_call(3) == end_of_call(3)
    assert end_of_call(3) != end_of_call(4)


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_cut_reaches_the_sdk_as_an_abnormal_close(how: Any) -> None:
    world, service = World(seed=0), Service()

    async def cut() -> None:
        world.network.cut(1, how)

    service.then = cut
    with pytest.raises(errors.APIError) as caught:
        run(world, service, listen)
    assert caught.value.code == 1006


def test_a_silent_cut_is_found_by_keep_alive_within_a_minute() -> None:
    world, service = World(seed=0), Service()

    async def cut_later() -> None:
        asyncio.get_running_loop().call_later(0.05, lambda: world.network.cut(1, "silent"))

    service.then = cut_later
    with pytest.raises(errors.APIError):
        run(world, service, listen)
    assert 20_000 * MS < world.now_ns < 60_000 * MS
