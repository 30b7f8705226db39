"""A client and a server that talk JSON over a simulated network: recorded, then replayed."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.cassette.recorder import CassetteRecorder
from roomkit_sim.sim.cassette.replay import ReplayServer
from roomkit_sim.sim.cassette.stage import Identity
from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.world import World

HOST = "service.test"
URL = f"wss://{HOST}/v1/realtime?model=some-model"
MS = 1_000_000
LINKS = LinkPair(Link(latency_ns=20 * MS), Link(latency_ns=30 * MS))

Client = Callable[[World], Awaitable[Any]]
Handler = Callable[[ServerConnection], Awaitable[None]]


def dial(path: str = "/v1/realtime?model=some-model", **settings: Any) -> connect:
    return connect(f"wss://{HOST}{path}", compression=None, proxy=None, **settings)


async def say(socket: ClientConnection | ServerConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection | ServerConnection) -> Any:
    return json.loads(await socket.recv())


def microphone(pcm: bytes) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


def record(handler: Handler, client: Client, **settings: Any) -> tuple[Any, Cassette]:
    """What the client returned, and the cassette."""
    world = World(seed=0, links=LINKS)
    recorder = CassetteRecorder(lambda: world.now_ns, **settings)
    world.network.observers.append(recorder)
    world.network.add_host(HOST)

    async def main() -> Any:
        async with serve(handler, HOST, 443, compression=None, process_request=getattr(handler, "gate", None)):
            return await client(world)

    result = world.run(main)
    return result, recorder.cassette("test", recorded="2030-01-01T00:00:00Z", versions={"sdk": "1"})


def replay(cassette: Cassette, client: Client, **settings: Any) -> tuple[Any, ReplayServer]:
    """What the client returned, and the server; drift is raised."""
    world = World(seed=0, links=LinkPair())

    def identify(peer: tuple[str, int]) -> Identity:
        connection = world.network.by_client_address(peer)
        return Identity(connection.id, connection.owner)

    server = ReplayServer(cassette, identify=identify, **settings)

    async def main() -> Any:
        async with world.hosting(HOST, server.serve):
            with server.stopping():
                return await client(world)

    return world.run(main), server
