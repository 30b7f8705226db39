"""A scripted OpenAI Realtime service in the simulated network: it says what the test tells it to.

By itself it does two things only: it sends ``session.created`` unasked, and answers ``session.update`` with the merged
session, as the live service does.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from roomkit_sim.core.clock import use_clock
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.providers.realtime import LiveTiming, ReconnectLimits
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.base import VoiceSession
from tests.providers.told import PATIENCE_S, Told

HOST = "api.openai.com"
FORMAT = {"type": "audio/pcm", "rate": 24000}
KEY = "sk-simulated-secret"

TOOL = {
    "name": "look_up",
    "description": "Looks up",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    "handoff": True,
}


def merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


@dataclass
class Served:
    """One connection: what came on it, and ways to say something."""

    socket: ServerConnection
    number: int
    expires_at: float = 0
    frames: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    session: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    @property
    def kinds(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    @property
    def items(self) -> list[dict[str, Any]]:
        return [frame["item"] for frame in self.of("conversation.item.create")]

    @property
    def audio(self) -> bytes:
        return b"".join(base64.b64decode(frame["audio"]) for frame in self.of("input_audio_buffer.append"))

    @property
    def voice(self) -> str:
        found: str = self.session["audio"]["output"]["voice"]
        return found

    @property
    def prompt(self) -> str | None:
        return self.session.get("instructions")

    async def say(self, kind: str, **more: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "event_id": "event_0", **more}))

    async def error(
        self, code: str, message: str = "no", kind: str = "invalid_request_error", about: Any = None
    ) -> None:
        await self.say("error", error={"type": kind, "code": code, "message": message, "event_id": about})

    async def begin(self, response: str) -> None:
        await self.say("response.created", response={"id": response, "status": "in_progress", "output": []})

    async def done(self, response: str, status: str = "completed", **details: Any) -> None:
        await self.say("response.done", response={"id": response, "status": status, "status_details": details or None})

    async def speak(self, response: str, item: str, pcm: bytes = bytes(960), words: str = "") -> None:
        where = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        if words:
            await self.say("response.output_audio_transcript.delta", delta=words, **where)
        await self.say("response.output_audio.delta", delta=base64.b64encode(pcm).decode(), **where)

    async def spoken(self, response: str, item: str, words: str) -> None:
        await self.say("response.output_audio_transcript.done", response_id=response, item_id=item, transcript=words)

    async def answer(self, response: str, words: str, pcm: bytes = bytes(960)) -> None:
        """A whole spoken answer."""
        await self.begin(response)
        await self.speak(response, f"item of {response}", pcm, words)
        await self.spoken(response, f"item of {response}", words)
        await self.done(response)

    async def call(self, response: str, *calls: tuple[str, str, str], end: bool = True) -> None:
        """An answer that calls functions."""
        await self.begin(response)
        for call_id, name, arguments in calls:
            item = {"id": f"item of {call_id}", "type": "function_call", "call_id": call_id, "name": name}
            await self.say("response.output_item.added", response_id=response, item={**item, "status": "in_progress"})
            await self.say(
                "response.function_call_arguments.done",
                call_id=call_id,
                name=name,
                arguments=arguments,
                item_id=item["id"],
            )
            await self.say("response.output_item.done", item={**item, "arguments": arguments, "status": "completed"})
        if end:
            await self.done(response)

    async def heard(self, item: str, words: str) -> None:
        await self.say("conversation.item.input_audio_transcription.completed", item_id=item, transcript=words)

    async def until(self, met: Callable[[Served], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(lambda: met(self))


class ScriptedRealtime:
    """``on_update`` answers an update instead of the service; ``refuse`` is the HTTP status for a dial by number."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connections: list[Served] = []
        self.dials = 0
        self.lasts_s = 3600.0
        self.refuse: Callable[[int], int | None] = lambda number: None
        self.on_update: Callable[[Served, dict[str, Any]], Any] | None = None
        self._news = asyncio.Condition()

    def upgrade(self, socket: ServerConnection, request: Any) -> Any:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert "OpenAI-Beta" not in request.headers
        self.dials += 1
        status = self.refuse(self.dials)
        return socket.respond(status, "no") if status else None

    async def handle(self, socket: ServerConnection) -> None:
        served = Served(socket, self.dials, self.world.now().timestamp() + self.lasts_s)
        served.session = {
            "id": f"sess_{self.dials}",
            "expires_at": served.expires_at,
            "instructions": "Be friendly.",
            "tools": [],
            "audio": {"input": {"format": FORMAT}, "output": {"format": FORMAT, "voice": "alloy"}},
        }
        await served.say("session.created", session=served.session)
        self.connections.append(served)
        async with self._news:
            self._news.notify_all()
        with suppress(ConnectionClosed):
            async for text in socket:
                await self._take(served, json.loads(text))
        served.closed.set()

    async def _take(self, served: Served, frame: dict[str, Any]) -> None:
        served.frames.append(frame)
        if frame["type"] == "session.update":
            if self.on_update is not None:
                await self.on_update(served, frame)
            else:
                await self.accept(served, frame)
        async with served.news:
            served.news.notify_all()

    async def accept(self, served: Served, frame: dict[str, Any]) -> None:
        served.session = merged(served.session, frame["session"])
        await served.say("session.updated", session=served.session)

    async def connection(self, number: int) -> Served:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.connections) > number)
        return self.connections[number]


class WorldClock:
    """The simulated world's time, for code that reads the date."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now()

    def monotonic_ns(self) -> int:
        return self._world.now_ns


@dataclass
class Call:
    """A service, a provider that talks to it, what it told, and a session."""

    service: ScriptedRealtime
    provider: OpenAIRealtimeProvider
    told: Told
    session: VoiceSession

    async def connect(self, **settings: Any) -> Served:
        await self.provider.connect(self.session, **{"input_sample_rate": 24000, **settings})
        return await self.service.connection(len(self.service.connections) - 1)


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[ScriptedRealtime]:
    """The service at its production address."""
    service = ScriptedRealtime(world)
    world.network.add_host(HOST)
    async with serve(service.handle, HOST, 443, process_request=service.upgrade, compression=None):
        yield service


@asynccontextmanager
async def calling(world: World, **timing: Any) -> AsyncIterator[Call]:
    """A call that has not begun."""
    limits = ReconnectLimits(max_attempts=3, base_delay_s=0.1, max_delay_s=0.2)
    quick = {"overlap": True, "limits": limits, "settle_s": 0.0}
    provider = OpenAIRealtimeProvider(KEY, timing=LiveTiming(**{**quick, **timing}))
    told = Told().listen_to(provider)
    session = VoiceSession(room_id="room", participant_id="caller", channel_id="voice")
    with use_clock(WorldClock(world)):
        async with serving(world) as service:
            yield Call(service, provider, told, session)
            await provider.close()


async def reconfigured_beside(call: Call, first: Served) -> asyncio.Task[None]:
    """A change of voice that waits for its session to be acknowledged, and the connection on which it waits."""
    await first.answer("r0", "Hello")
    await call.told.until(lambda it: it.of("response_end"))
    pending = asyncio.create_task(call.provider.reconfigure(call.session, voice="cedar"))
    await call.service.connection(1)
    return pending


def frame(number: int) -> bytes:
    """20 ms of the caller's audio, to be told from another."""
    return number.to_bytes(2, "little") * 480


def ms(milliseconds: int) -> bytes:
    """Silence of so long."""
    return bytes(48 * milliseconds)
