"""A line in virtual time, and a server's voice to play on it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest

from roomkit_sim.sim.audio.identification import VoiceIdentifier
from roomkit_sim.sim.audio.pcm import to_bytes
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.caller.line import LineTransport, PhoneLine
from roomkit_sim.sim.caller.voices import VoiceBook
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.base import VoiceSession

T = TypeVar("T")
RATE = 16000


class Bench:
    """One line, its trace, and an application's end of it."""

    def __init__(self, rate_hz: int = RATE, seed: int = 7) -> None:
        self.world = World(seed=1)
        self.rate_hz = rate_hz
        self.recorder = Recorder("call-1", lambda: self.world.now_ns)
        self.book = VoiceBook(VoiceIdentifier())
        self.recorder.listen(self.book.hear)
        self.session = VoiceSession()
        self.frames: list[tuple[int, AudioFrame]] = []
        self.transport = LineTransport(
            call_id="call-1",
            rate_hz=rate_hz,
            now_ns=lambda: self.world.now_ns,
            noise=np.random.default_rng(seed),
            sink=self.recorder,
            ear=self.book.ear,
        )
        self.transport.on_audio_received(lambda session, frame: self.frames.append((self.world.now_ns, frame)))
        self.line = PhoneLine("call-1", self.transport, rate_hz, self.transport.connection)

    def run(self, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return self.world.run(main)

    async def answer(self) -> None:
        await self.transport.accept(self.session, self.line.connection)

    async def play(self, text: str, voice: str, chunk_ms: int = 40) -> int:
        """Send speech as fast as it can be sent; returns its length in samples."""
        sound = speak(text, voice, self.rate_hz)
        for at in range(0, len(sound), self.rate_hz * chunk_ms // 1000):
            await self.transport.send_audio(self.session, to_bytes(sound[at : at + self.rate_hz * chunk_ms // 1000]))
        return len(sound)

    def persona(self, name: str, voice: str) -> None:
        self.recorder.emit("server", "persona", conn=1, name=name, agent=f"agent-{name}", voice=voice)

    def data(self, name: str) -> list[dict[str, Json]]:
        return [dict(event.data) for event in self.recorder.events if event.name == name]

    def times_ms(self, name: str) -> list[float]:
        return [event.t_ns / 1e6 for event in self.recorder.events if event.name == name]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    return Bench
