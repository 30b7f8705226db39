"""A scripted Gemini Live server: it says what the test tells it to, on real sockets or in a simulated world."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.realtime import LiveTiming, ReconnectLimits
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities
from tests.providers.told import PATIENCE_S, Told

HOST = "generativelanguage.googleapis.com"


@dataclass
class ServedConnection:
    """One connection: what came, and the way to say something."""

    socket: ServerConnection
    setup: dict[str, Any]
    frames: list[dict[str, Any]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def handle(self) -> str | None:
        return self.setup["sessionResumption"].get("handle")

    @property
    def voice(self) -> str | None:
        speech = self.setup["generationConfig"].get("speechConfig")
        return speech["voice_config"]["prebuilt_voice_config"]["voice_name"] if speech else None

    @property
    def prompt(self) -> str | None:
        instruction = self.setup.get("systemInstruction")
        return instruction["parts"][0]["text"] if instruction else None

    @property
    def audio(self) -> bytes:
        audio = (
            frame["realtime_input"]["audio"] for frame in self.frames if "audio" in frame.get("realtime_input", {})
        )
        return b"".join(base64.b64decode(item["data"]) for item in audio)

    def of(self, key: str) -> list[dict[str, Any]]:
        return [frame[key] for frame in self.frames if key in frame]

    async def say(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def speak(self, pcm: bytes) -> None:
        data = base64.b64encode(pcm).decode()
        parts = [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}]
        await self.say(serverContent={"modelTurn": {"parts": parts}})

    async def offer_handle(self, handle: str) -> None:
        await self.say(sessionResumptionUpdate={"newHandle": handle, "resumable": True})

    async def call(self, call_id: str, name: str, **args: Any) -> None:
        await self.say(toolCall={"functionCalls": [{"id": call_id, "name": name, "args": args}]})

    async def until(self, met: Callable[[ServedConnection], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(lambda: met(self))


class ScriptedServer:
    """Accepts connections; ``admit`` decides about each by number and setup, before ``setupComplete``.

    ``answers`` decides by number whether a setup is acknowledged at all.
    """

    def __init__(self) -> None:
        self.connections: list[ServedConnection] = []
        self.dials = 0
        self.admit: Callable[[int, dict[str, Any]], tuple[int, str] | None] = lambda number, setup: None
        self.answers: Callable[[int], bool] = lambda number: True
        self.first_frame: dict[str, Any] = {"setupComplete": {}}
        self.http_status: int | None = None
        self._news = asyncio.Condition()
        self.port = 0

    async def handle(self, socket: ServerConnection) -> None:
        setup = json.loads(await socket.recv())["setup"]
        number = self.dials
        self.dials += 1
        refusal = self.admit(number, setup)
        if refusal is not None:
            await socket.close(*refusal)
            return
        if self.answers(number):
            await socket.send(json.dumps(self.first_frame))
        connection = ServedConnection(socket, setup)
        self.connections.append(connection)
        async with self._news:
            self._news.notify_all()
        try:
            async for text in socket:
                connection.frames.append(json.loads(text))
                async with connection.news:
                    connection.news.notify_all()
        except Exception:  # a reset is as good an end as any
            pass
        finally:
            connection.closed.set()

    async def connection(self, number: int) -> ServedConnection:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.connections) > number)
        return self.connections[number]


@dataclass
class Call:
    """A server, a provider that talks to it, what it told, and a session."""

    server: ScriptedServer
    provider: GeminiLiveProvider
    told: Told
    session: VoiceSession

    async def connect(self, **settings: Any) -> ServedConnection:
        await self.provider.connect(self.session, **settings)
        return await self.server.connection(len(self.server.connections) - 1)


@asynccontextmanager
async def calling(world: World, capabilities: RealtimeCapabilities | None = None, **timing: Any) -> AsyncIterator[Call]:
    """A call that has not begun, in a simulated world, with the service at its production address."""
    server = ScriptedServer()
    quick = {"settle_s": 0.0, "limits": ReconnectLimits(max_attempts=3, base_delay_s=0.1, max_delay_s=0.2)}
    provider = GeminiLiveProvider("simulated", timing=LiveTiming(**{**quick, **timing}), capabilities=capabilities)
    session = VoiceSession(room_id="room", participant_id="caller", channel_id="voice")
    world.network.add_host(HOST)
    async with serve(server.handle, HOST, 443, compression=None):
        yield Call(server, provider, Told().listen_to(provider), session)
        await provider.close()
