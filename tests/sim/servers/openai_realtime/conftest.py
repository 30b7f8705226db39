"""A fake OpenAI Realtime service in a simulated world, and a client that speaks its protocol by hand."""

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
from roomkit_sim.sim.servers.openai_realtime.server import HOST, OpenAIRealtimeServer
from roomkit_sim.sim.servers.openai_realtime.session import Session
from roomkit_sim.sim.servers.switchboard import Switchboard
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.link import LinkPair
from roomkit_sim.sim.world.world import World

T = TypeVar("T")
RATE_HZ = 24_000
FRAME = RATE_HZ // 50
PATH = "/v1/realtime?model=gpt-realtime"
DETECTS = {"type": "server_vad", "silence_duration_ms": 500}

WORDS = {"ask": "I would like some advice about my savings.", "thanks": "Thank you, goodbye."}


def clip(text: str) -> Clip:
    return Clip(speak(text, "the caller", 16_000), 16_000, ())


RECOGNISER = UtteranceRecogniser({name: clip(text) for name, text in WORDS.items()})


@dataclass
class Client:
    """One connection to the service. Times are milliseconds since the start of the run."""

    stage: Stage
    socket: ClientConnection
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    code: int | None = None
    reason: str = ""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self) -> None:
        """Collect what comes until the connection is closed."""
        try:
            async for message in self.socket:
                assert isinstance(message, str), "the service sends text"
                self.events.append((self.stage.now_ms, json.loads(message)))
                async with self.news:
                    self.news.notify_all()
        except ConnectionClosed:
            pass
        self.code, self.reason = self.socket.close_code, self.socket.close_reason or ""
        async with self.news:
            self.news.notify_all()

    async def send(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def update(self, **session: Any) -> None:
        await self.send("session.update", session={"type": "realtime", **session})

    async def text(self, words: str, role: str = "user", **more: Any) -> None:
        kind = "output_text" if role == "assistant" else "input_text"
        item = {"type": "message", "role": role, "content": [{"type": kind, "text": words}], **more}
        await self.send("conversation.item.create", item=item)

    async def ask(self, words: str = "Begin.") -> None:
        """Say something in writing, and ask for a response."""
        await self.text(words)
        await self.send("response.create")

    async def answer(self, call_id: str, output: Any) -> None:
        text = output if isinstance(output, str) else json.dumps(output)
        item = {"type": "function_call_output", "call_id": call_id, "output": text}
        await self.send("conversation.item.create", item=item)

    async def audio(self, data: bytes) -> None:
        await self.send("input_audio_buffer.append", audio=base64.b64encode(data).decode())

    async def play(self, samples: NDArray[np.int16]) -> None:
        """Send audio in frames of 20 ms, in real pace."""
        for at in range(0, len(samples), FRAME):
            await self.audio(samples[at : at + FRAME].astype("<i2").tobytes())
            await asyncio.sleep(0.02)

    async def quiet(self, ms: int) -> None:
        await self.play(np.zeros(RATE_HZ * ms // 1000, np.int16))

    async def say(self, utterance: str, then_quiet_ms: int = 700) -> None:
        """Say something the service knows, or any other words."""
        await self.quiet(100)
        await self.play(speak(WORDS.get(utterance, utterance), "the caller", RATE_HZ))
        await self.quiet(then_quiet_ms)

    def of(self, type: str) -> list[dict[str, Any]]:
        """The events of a type, in order."""
        return [event for _, event in self.events if event["type"] == type]

    def at(self, type: str) -> list[float]:
        """When they came."""
        return [at for at, event in self.events if event["type"] == type]

    async def until(self, type: str, count: int = 1) -> dict[str, Any]:
        """Wait for an event; fails when the connection is closed before."""
        async with self.news:
            await self.news.wait_for(lambda: len(self.of(type)) >= count or self.code is not None)
        assert len(self.of(type)) >= count, f"closed with {self.code} {self.reason!r} before {type}: {self.kinds()}"
        return self.of(type)[count - 1]

    async def error(self, count: int = 1) -> dict[str, Any]:
        return dict((await self.until("error", count))["error"])

    async def done(self, count: int = 1) -> dict[str, Any]:
        """Wait until so many responses are done."""
        return dict((await self.until("response.done", count))["response"])

    async def closed(self) -> tuple[int | None, str]:
        async with self.news:
            await self.news.wait_for(lambda: self.code is not None)
        return self.code, self.reason

    def words(self) -> str:
        return "".join(event["delta"] for event in self.of("response.output_audio_transcript.delta"))

    def sound(self) -> bytes:
        return b"".join(base64.b64decode(event["delta"]) for event in self.of("response.output_audio.delta"))

    def calls(self) -> list[dict[str, Any]]:
        return self.of("response.function_call_arguments.done")

    def kinds(self) -> list[str]:
        """The events by type, repetitions once."""
        names: list[str] = []
        for _, event in self.events:
            if names[-1:] != [event["type"]]:
                names.append(event["type"])
        return names


class Stage:
    """One world with the service in it."""

    def __init__(
        self,
        personas: dict[str, Persona],
        latency: Latency,
        links: LinkPair,
        seed: int,
        switches: Iterable[str] = (),
        **options: Any,
    ) -> None:
        self.world = World(seed=seed, links=links, budget_ns=options.pop("budget_s", 180) * 1_000_000_000)
        self.recorder = Recorder("call", lambda: self.world.now_ns)
        self.server = OpenAIRealtimeServer(
            mind=personas,
            agent_of=lambda name: f"agent-{name}",
            recogniser=RECOGNISER,
            transcripts=WORDS,
            latency=latency,
            seeds=self.world.seeds,
            sink_for=lambda peer: (self.world.network.by_client_address(peer).id, self.recorder),
            switches=Switchboard(switches),
            **options,
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
        headers = {"Authorization": "Bearer simulated"} if headers is None else headers
        socket = await connect(f"wss://{HOST}{path}", additional_headers=headers, compression=None)
        client = Client(self, socket)
        self._readers.append(asyncio.get_running_loop().create_task(client.read()))
        return client

    async def open(self, instructions: str = "Role: Triage", **session: Any) -> Client:
        """Connect and configure a session, with turns of the caller found after half a second of silence."""
        client = await self.dial()
        audio = session.pop("audio", {})
        heard = {"turn_detection": DETECTS, "transcription": {"model": "gpt-4o-mini-transcribe"}}
        given = {**audio, "input": {**heard, **audio.get("input", {})}}
        await client.update(instructions=instructions, audio=given, **session)
        await client.until("session.updated")
        return client

    def traced(self, kind: str) -> list[TraceEvent]:
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
        **options: Any,
    ) -> Stage:
        triage = Persona(when="Role: Triage", rules=tuple(Rule.model_validate(rule) for rule in rules))
        return Stage(
            personas or {"triage": triage},
            latency or Latency(),
            links or LinkPair(),
            seed,
            switches,
            service=service,
            **options,
        )

    return make
