"""The floor: the frames of a full-duplex call over bare websockets and json in the same virtual-time loop."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.sim.scenario.model import Provider
from roomkit_sim.sim.world.world import World

FRAME_S = 0.02
HOST, PORT = "floor.example", 80


@dataclass(frozen=True)
class Wire:
    """How audio travels in a protocol.

    Args:
        up: A message with the audio of a frame, from base64.
        down: A message of the other direction.
        heard: The base64 of a message that went up.
        told: That of one that came down.
        up_bytes: Of PCM in 20 ms.
    """

    up: Callable[[str], Any]
    down: Callable[[str], Any]
    heard: Callable[[Any], str]
    told: Callable[[Any], str]
    up_bytes: int


def _told_by_gemini(message: Any) -> str:
    data: str = message["serverContent"]["modelTurn"]["parts"][0]["inlineData"]["data"]
    return data


WIRES: dict[Provider, Wire] = {
    "gemini-live": Wire(
        lambda data: {"realtime_input": {"audio": {"data": data, "mime_type": "audio/pcm;rate=16000"}}},
        lambda data: {
            "serverContent": {
                "modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}]}
            }
        },
        lambda message: message["realtime_input"]["audio"]["data"],
        _told_by_gemini,
        2 * 320,
    ),
    "openai-realtime": Wire(
        lambda data: {"type": "input_audio_buffer.append", "audio": data},
        lambda data: {
            "type": "response.output_audio.delta",
            "event_id": "event_0123456789abcdefghijk",
            "response_id": "resp_0123456789abcdefghijk",
            "item_id": "item_0123456789abcdefghijk",
            "output_index": 0,
            "content_index": 0,
            "delta": data,
        },
        lambda message: message["audio"],
        lambda message: message["delta"],
        2 * 480,
    ),
}
DOWN = bytes(2 * 480)  # 20 ms at 24 kHz


def encoded(make: Callable[[str], Any], pcm: bytes) -> str:
    return json.dumps(make(base64.b64encode(pcm).decode("ascii")))


async def talk(world: World, wire: Wire, frames: int) -> int:
    async def answer(socket: ServerConnection) -> None:
        async for message in socket:
            base64.b64decode(wire.heard(json.loads(message)))
            await socket.send(encoded(wire.down, DOWN))

    world.network.add_host(HOST)
    received, up = 0, bytes(wire.up_bytes)
    async with (
        serve(answer, HOST, PORT, compression=None),
        connect(f"ws://{HOST}:{PORT}", compression=None, max_size=None) as socket,
    ):

        async def listen() -> None:
            nonlocal received
            async for message in socket:
                base64.b64decode(wire.told(json.loads(message)))
                received += 1

        listening = asyncio.create_task(listen())
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(1, frames + 1):
            await asyncio.sleep(start + number * FRAME_S - loop.time())
            await socket.send(encoded(wire.up, up))
        await asyncio.sleep(1)
        listening.cancel()
    return received


def run(provider: Provider, seconds: int) -> float:
    """CPU seconds for so many seconds of call."""
    world = World(seed=0)
    frames = round(seconds / FRAME_S)
    begin = time.process_time()
    received = world.run(lambda: talk(world, WIRES[provider], frames))
    took = time.process_time() - begin
    assert received == frames, f"{received} of {frames} frames came back"
    return took
