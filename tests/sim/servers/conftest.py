"""A fake Gemini Live service in a simulated world, and a client that speaks its protocol by hand."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule
from roomkit_sim.sim.scenario.service import Service
from roomkit_sim.sim.servers.gemini_live.server import HOST, GeminiLiveServer
from roomkit_sim.sim.servers.gemini_live.session import Session
from roomkit_sim.sim.servers.switchboard import Switchboard
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.link import LinkPair
from roomkit_sim.sim.world.world import World

T = TypeVar("T")
RATE_HZ = 16_000
FRAME = RATE_HZ // 50
PATH = "//ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"

WORDS = {"ask": "I would like some advice about my savings.", "thanks": "Thank you, goodbye."}
STRANGE_WORDS = "Three boxes of apples for the harbour, please."


def clip(text: str) -> Clip:
    return Clip(speak(text, "the caller", RATE_HZ), RATE_HZ, ())


RECOGNISER = UtteranceRecogniser({name: clip(text) for name, text in WORDS.items()})


@dataclass
class Client:
    """One connection to the service. Times are milliseconds since the start of the run."""

    stage: Stage
    socket: ClientConnection
    frames: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    code: int | None = None
    reason: str = ""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self) -> None:
        """Collect what comes until the connection is closed."""
        try:
            async for message in self.socket:
                self.frames.append((self.stage.now_ms, json.loads(message)))
                async with self.news:
                    self.news.notify_all()
        except ConnectionClosed:
            pass
        self.code, self.reason = self.socket.close_code, self.socket.close_reason or ""
        async with self.news:
            self.news.notify_all()

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))

    async def setup(self, instructions: str = "", *, voice: str = "", **more: Any) -> None:
        """The setup frame, as the SDK would write it; what is ``None`` is left out."""
        generation: dict[str, Any] = {"responseModalities": ["AUDIO"]}
        if voice:
            generation["speechConfig"] = {"voice_config": {"prebuilt_voice_config": {"voice_name": voice}}}
        body = {
            "model": "models/gemini-live",
            "generationConfig": generation,
            "systemInstruction": {"parts": [{"text": instructions}]},
            "outputAudioTranscription": {},
            "inputAudioTranscription": {},
            "sessionResumption": {},
            **more,
        }
        await self.send({"setup": {key: value for key, value in body.items() if value is not None}})

    async def text(self, *turns: tuple[str, str], complete: bool = True) -> None:
        contents = [{"role": role, "parts": [{"text": words}]} for role, words in turns]
        await self.send({"client_content": {"turns": contents, "turnComplete": complete}})

    async def answer(self, call_id: str, result: Any, name: str = "f") -> None:
        response = {"id": call_id, "name": name, "response": result}
        await self.send({"tool_response": {"functionResponses": [response]}})

    async def audio(self, pcm: bytes, rate: int = RATE_HZ) -> None:
        blob = {"data": base64.urlsafe_b64encode(pcm).decode(), "mime_type": f"audio/pcm;rate={rate}"}
        await self.send({"realtime_input": {"audio": blob}})

    async def play(self, samples: NDArray[np.int16]) -> None:
        """Send audio in frames of 20 ms, in real pace."""
        for at in range(0, len(samples), FRAME):
            await self.audio(samples[at : at + FRAME].tobytes())
            await asyncio.sleep(0.02)

    async def quiet(self, ms: int) -> None:
        await self.play(np.zeros(RATE_HZ * ms // 1000, np.int16))

    async def say(self, utterance: str, then_quiet_ms: int = 700) -> None:
        """Say something the service knows, or any other words."""
        await self.quiet(100)
        await self.play(clip(WORDS.get(utterance, utterance)).samples)
        await self.quiet(then_quiet_ms)

    def of(self, *path: str) -> list[Any]:
        """What stands at a path of keys, in all frames that have it, in order."""
        return [value for _, value in self.timed(*path)]

    def timed(self, *path: str) -> list[tuple[float, Any]]:
        found = ((at, dig(frame, path)) for at, frame in self.frames)
        return [(at, value) for at, value in found if value is not None]

    async def until(self, *path: str, count: int = 1) -> Any:
        """Wait for a frame that has this; fails when the connection is closed before."""
        async with self.news:
            await self.news.wait_for(lambda: len(self.of(*path)) >= count or self.code is not None)
        assert len(self.of(*path)) >= count, f"closed with {self.code} {self.reason!r} before {path}"
        return self.of(*path)[count - 1]

    async def closed(self) -> tuple[int | None, str]:
        async with self.news:
            await self.news.wait_for(lambda: self.code is not None)
        return self.code, self.reason

    async def turn(self, count: int = 1) -> None:
        await self.until("serverContent", "turnComplete", count=count)

    async def handle(self, count: int = 1) -> str:
        return str(await self.until("sessionResumptionUpdate", "newHandle", count=count))

    def words(self) -> str:
        return "".join(self.of("serverContent", "outputTranscription", "text"))

    def pcm(self) -> bytes:
        parts = self.of("serverContent", "modelTurn", "parts")
        return b"".join(base64.b64decode(part["inlineData"]["data"]) for [part] in parts)

    def kinds(self) -> list[str]:
        """The frames by name, repetitions once."""
        names: list[str] = []
        for _, frame in self.frames:
            name = "+".join(
                f"{key}.{'+'.join(value)}" if key == "serverContent" else key for key, value in frame.items()
            )
            if names[-1:] != [name]:
                names.append(name)
        return names


def dig(frame: Any, path: Iterable[str]) -> Any:
    for key in path:
        frame = frame.get(key) if isinstance(frame, dict) else None
    return frame


class Stage:
    """One world with the service in it."""

    def __init__(
        self,
        personas: dict[str, Persona],
        latency: Latency,
        links: LinkPair,
        seed: int,
        switches: Iterable[str] = (),
        service: Service | None = None,
    ) -> None:
        self.world = World(seed=seed, links=links)
        self.recorder = Recorder("call", lambda: self.world.now_ns)
        self.server = GeminiLiveServer(
            mind=personas,
            agent_of=lambda name: f"agent-{name}",
            recogniser=RECOGNISER,
            transcripts=WORDS,
            latency=latency,
            seeds=self.world.seeds,
            sink_for=lambda peer: (self.world.network.by_client_address(peer).id, self.recorder),
            switches=Switchboard(switches),
            service=service,
        )
        self._readers: list[asyncio.Task[None]] = []

    @property
    def now_ms(self) -> float:
        return self.world.now_ns / 1e6

    @property
    def session(self) -> Session:
        """The newest one."""
        return self.server.sessions[-1]

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        async def whole() -> T:
            self.world.network.add_host(HOST)
            service = await self.server.serve(HOST, 443)
            try:
                return await main()
            finally:
                service.close()
                await service.wait_closed()
                await asyncio.gather(*self._readers)

        result = self.world.run(whole)
        assert self.world.unhandled == []
        return result

    async def dial(self, path: str = PATH, headers: dict[str, str] | None = None) -> Client:
        """Connect, and say nothing yet."""
        headers = {"x-goog-api-key": "simulated"} if headers is None else headers
        socket = await connect(f"wss://{HOST}{path}", additional_headers=headers, compression=None)
        client = Client(self, socket)
        self._readers.append(asyncio.get_running_loop().create_task(client.read()))
        return client

    async def open(self, instructions: str = "Role: Triage", **setup: Any) -> Client:
        """Connect and set a session up."""
        client = await self.dial()
        await client.setup(instructions, **setup)
        await client.until("setupComplete")
        return client

    def events(self, kind: str) -> list[TraceEvent]:
        return [event for event in self.recorder.events if event.kind == kind]


MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage() -> MakeStage:
    """A stage with one persona ``triage`` of these rules, or with other personas."""

    def make(
        *rules: dict[str, Any],
        personas: dict[str, Persona] | None = None,
        latency: Latency | None = None,
        links: LinkPair | None = None,
        seed: int = 0,
        switches: Iterable[str] = (),
        service: Service | None = None,
    ) -> Stage:
        triage = Persona(when="Role: Triage", rules=tuple(Rule.model_validate(rule) for rule in rules))
        return Stage(personas or {"triage": triage}, latency or Latency(), links or LinkPair(), seed, switches, service)

    return make
