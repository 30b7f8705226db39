"""What tests of every protocol server share: a service in a simulated world, and clients that speak by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule
from roomkit_sim.sim.servers.switchboard import Switchboard
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.link import LinkPair
from roomkit_sim.sim.world.world import World

T = TypeVar("T")
ClientT = TypeVar("ClientT", bound="ActingClient")

WORDS = {"ask": "I would like some advice about my savings.", "thanks": "Thank you, goodbye."}
HEARD_AT_HZ = 16_000


def clip(text: str) -> Clip:
    return Clip(speak(text, "the caller", HEARD_AT_HZ), HEARD_AT_HZ, ())


RECOGNISER = UtteranceRecogniser({name: clip(text) for name, text in WORDS.items()})


@dataclass
class ActingClient:
    """One connection to the service. Times are milliseconds since the start of the run."""

    rate_hz: ClassVar[int]

    now_ms: Callable[[], float]
    socket: ClientConnection
    frames: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    code: int | None = None
    reason: str = ""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self) -> None:
        """Collect what comes until the connection is closed."""
        try:
            async for message in self.socket:
                self.frames.append((self.now_ms(), json.loads(message)))
                async with self.news:
                    self.news.notify_all()
        except ConnectionClosed:
            pass
        self.code, self.reason = self.socket.close_code, self.socket.close_reason or ""
        async with self.news:
            self.news.notify_all()

    async def audio(self, pcm: bytes) -> None:
        """Send a piece of the caller's audio, PCM16 at this protocol's rate."""
        raise NotImplementedError

    async def play(self, samples: NDArray[np.int16]) -> None:
        """Send audio in frames of 20 ms, in real pace."""
        frame = self.rate_hz // 50
        for at in range(0, len(samples), frame):
            await self.audio(samples[at : at + frame].astype("<i2").tobytes())
            await asyncio.sleep(0.02)

    async def quiet(self, ms: int) -> None:
        await self.play(np.zeros(self.rate_hz * ms // 1000, np.int16))

    async def say(self, utterance: str, then_quiet_ms: int = 700) -> None:
        """Say something the service knows, or any other words."""
        await self.quiet(100)
        await self.play(speak(WORDS.get(utterance, utterance), "the caller", self.rate_hz))
        await self.quiet(then_quiet_ms)

    async def wait_for(self, find: Callable[[], list[T]], count: int, what: object) -> T:
        """Wait until so many are found, and give the last of them; fails when the connection is closed before."""
        async with self.news:
            await self.news.wait_for(lambda: len(find()) >= count or self.code is not None)
        assert len(find()) >= count, f"closed with {self.code} {self.reason!r} before {what}: {self.kinds()}"
        return find()[count - 1]

    async def closed(self) -> tuple[int | None, str]:
        async with self.news:
            await self.news.wait_for(lambda: self.code is not None)
        return self.code, self.reason

    def kind_of(self, frame: dict[str, Any]) -> str:
        """What a message of the service is called."""
        raise NotImplementedError

    def kinds(self) -> list[str]:
        """The messages by name, repetitions once."""
        names: list[str] = []
        for _, frame in self.frames:
            if names[-1:] != [self.kind_of(frame)]:
                names.append(self.kind_of(frame))
        return names


class ActingStage(Generic[ClientT]):
    """One world with the service in it.

    Args:
        make_server: The class of the server.
        make_client: The class of its clients.
        path: What a client asks the host for.
        headers: With which.
        personas: In the server's mind.
        options: Of the server.
    """

    def __init__(
        self,
        make_server: Callable[..., Any],
        make_client: Callable[[Callable[[], float], ClientConnection], ClientT],
        *,
        path: str,
        headers: dict[str, str],
        personas: dict[str, Persona],
        latency: Latency | None = None,
        links: LinkPair | None = None,
        seed: int = 0,
        switches: Iterable[str] = (),
        budget_s: int = 180,
        **options: Any,
    ) -> None:
        self.world = World(seed=seed, links=links or LinkPair(), budget_ns=budget_s * 1_000_000_000)
        self.recorder = Recorder("call", lambda: self.world.now_ns)
        self.server = make_server(
            mind=personas,
            agent_of=lambda name: f"agent-{name}",
            recogniser=RECOGNISER,
            transcripts=WORDS,
            latency=latency or Latency(),
            seeds=self.world.seeds,
            sink_for=lambda peer: (self.world.network.by_client_address(peer).id, self.recorder),
            switches=Switchboard(switches),
            **options,
        )
        self._make_client = make_client
        self._path = path
        self._headers = headers
        self._readers: list[asyncio.Task[None]] = []

    @property
    def now_ms(self) -> float:
        return self.world.now_ns / 1e6

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        async def whole() -> T:
            self.world.network.add_host(self.server.host)
            service = await self.server.serve(self.server.host, 443)
            try:
                return await main()
            finally:
                service.close()
                await service.wait_closed()
                await asyncio.gather(*self._readers)

        result = self.world.run(whole)
        assert self.world.unhandled == [], "\n".join(self.world.unhandled)
        return result

    async def dial(self, path: str | None = None, headers: dict[str, str] | None = None) -> ClientT:
        """Connect, and say nothing yet."""
        url = f"wss://{self.server.host}{self._path if path is None else path}"
        socket = await connect(url, additional_headers=self._headers if headers is None else headers, compression=None)
        client = self._make_client(lambda: self.now_ms, socket)
        self._readers.append(asyncio.get_running_loop().create_task(client.read()))
        return client

    def traced(self, kind: str) -> list[TraceEvent]:
        """What of a kind the server put into the trace."""
        return [event for event in self.recorder.events if event.kind == kind]


def triage(rules: Iterable[dict[str, Any]]) -> dict[str, Persona]:
    """A mind of one persona with these rules."""
    return {"triage": Persona(when="Role: Triage", rules=tuple(Rule.model_validate(rule) for rule in rules))}
