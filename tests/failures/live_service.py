"""Gemini Live in the simulated network: once as the strict service of ours, once saying what a test tells it to."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule
from roomkit_sim.sim.servers.gemini_live.server import HOST, GeminiLiveServer
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.world import World


def live_provider() -> GeminiLiveProvider:
    """The provider as it is used in production, at the production address."""
    return GeminiLiveProvider(api_key="simulated")


class Connection:
    """One connection, with what came on it."""

    def __init__(self, socket: ServerConnection, setup: dict[str, Any]) -> None:
        self.socket = socket
        self.setup = setup
        self.frames: list[dict[str, Any]] = []

    async def say(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def content(self, **content: Any) -> None:
        await self.say(serverContent=content)

    async def speak(self, pcm: bytes, mime_type: str = "audio/pcm;rate=24000") -> None:
        blob = {"mimeType": mime_type, "data": base64.b64encode(pcm).decode()}
        await self.content(modelTurn={"parts": [{"inlineData": blob}]})

    async def offer_handle(self, handle: str) -> None:
        await self.say(sessionResumptionUpdate={"newHandle": handle, "resumable": True})

    async def call(self, call_id: str, name: str, args: dict[str, Any]) -> None:
        await self.say(toolCall={"functionCalls": [{"id": call_id, "name": name, "args": args}]})

    def of(self, *keys: str) -> list[Any]:
        found: list[Any] = list(self.frames)
        for key in keys:
            found = [frame[key] for frame in found if key in frame]
        return found


class ScriptedService:
    """Acknowledges setups; ``then`` is what it does on each connection after that, ``admit`` whom it refuses."""

    def __init__(self) -> None:
        self.dials = 0
        self.connections: list[Connection] = []
        self.admit: Callable[[int], tuple[int, str] | None] = lambda number: None
        self.then: Callable[[Connection], Any] | None = None

    @asynccontextmanager
    async def serving(self, world: World) -> AsyncIterator[None]:
        world.network.add_host(HOST)
        async with serve(self._handle, HOST, 443, compression=None):
            yield

    async def _handle(self, socket: ServerConnection) -> None:
        connection = Connection(socket, json.loads(await socket.recv())["setup"])
        self.dials += 1
        refusal = self.admit(self.dials)
        if refusal is not None:
            await socket.close(*refusal)
            return
        await connection.say(setupComplete={})
        self.connections.append(connection)
        if self.then is not None:
            await self.then(connection)
        with suppress(ConnectionClosed):
            async for text in socket:
                connection.frames.append(json.loads(text))


class StrictService:
    """The fake service of the harness: it closes a connection on which the protocol is broken."""

    def __init__(self, world: World, personas: dict[str, tuple[str, list[dict[str, Any]]]]) -> None:
        self._world = world
        self.recorder = Recorder("call", lambda: world.now_ns)
        silence = {"never said": Clip(speak("never said at all", "nobody", 16_000).astype(np.int16), 16_000, ())}
        self._server = GeminiLiveServer(
            mind={
                name: Persona(when=when, rules=tuple(Rule.model_validate(rule) for rule in rules))
                for name, (when, rules) in personas.items()
            },
            agent_of=str,
            recogniser=UtteranceRecogniser(silence),
            transcripts={},
            latency=Latency(),
            seeds=world.seeds,
            sink_for=lambda peer: (world.network.by_client_address(peer).id, self.recorder),
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        self._world.network.add_host(HOST)
        service = await self._server.serve(HOST, 443)
        try:
            yield
        finally:
            service.close()
            await asyncio.wait_for(service.wait_closed(), 60)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.recorder.events if event.kind == kind]

    @property
    def connections(self) -> int:
        return len(self._server.sessions)
