"""The floor: the frames of a full-duplex call over bare websockets and json in the same virtual-time loop."""

from __future__ import annotations

import asyncio
import base64
import json
import time

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.sim.world.world import World

FRAME_S = 0.02
HOST, PORT = "floor.example", 80
UP = bytes(2 * 320)  # 20 ms at 16 kHz
DOWN = bytes(2 * 480)  # 20 ms at 24 kHz


def audio_up(pcm: bytes) -> str:
    data = base64.b64encode(pcm).decode("ascii")
    return json.dumps({"realtime_input": {"audio": {"data": data, "mime_type": "audio/pcm;rate=16000"}}})


def audio_down(pcm: bytes) -> bytes:
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode("ascii")}}
    return json.dumps({"serverContent": {"modelTurn": {"parts": [part]}}}).encode()


async def answer(socket: ServerConnection) -> None:
    async for message in socket:
        base64.b64decode(json.loads(message)["realtime_input"]["audio"]["data"])
        await socket.send(audio_down(DOWN))


async def talk(world: World, frames: int) -> int:
    world.network.add_host(HOST)
    received = 0
    async with (
        serve(answer, HOST, PORT, compression=None),
        connect(f"ws://{HOST}:{PORT}", compression=None, max_size=None) as socket,
    ):

        async def listen() -> None:
            nonlocal received
            async for message in socket:
                part = json.loads(message)["serverContent"]["modelTurn"]["parts"][0]
                base64.b64decode(part["inlineData"]["data"])
                received += 1

        listening = asyncio.create_task(listen())
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(1, frames + 1):
            await asyncio.sleep(start + number * FRAME_S - loop.time())
            await socket.send(audio_up(UP))
        await asyncio.sleep(1)
        listening.cancel()
    return received


def run(seconds: int) -> float:
    """CPU seconds for so many seconds of call."""
    world = World(seed=0)
    frames = round(seconds / FRAME_S)
    begin = time.process_time()
    received = world.run(lambda: talk(world, frames))
    took = time.process_time() - begin
    assert received == frames, f"{received} of {frames} frames came back"
    return took
