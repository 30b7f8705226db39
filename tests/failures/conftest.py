"""Rooms for the failures that users have met: those of the orchestration's tests, and a spoken line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from roomkit_sim import Agent, ConversationPipeline, MockAIProvider, MockVoiceBackend, PipelineStage, RoomKit
from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.models.channel import ChannelBinding, ChannelOutput
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall
from roomkit_sim.store.memory import InMemoryStore
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider
from tests.orchestration.conftest import handoff_call, model, observe, stages, text_desk, voice_desk

__all__ = ["handoff_call", "model", "observe", "stages", "text_desk", "voice_desk"]

HANDOFF = AIToolCall(
    id="c1",
    name="handoff_conversation",
    arguments={"target": "advisor", "reason": "wants advice", "summary": "wants to invest"},
)
LOUD, QUIET = b"\x00\x20\x00\xe0" * 160, b"\0\0" * 320


class StreamingAgent(Agent):
    """Answers word by word: the model is asked when somebody reads the stream."""

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        stream = self.provider.generate_stream(await self.build_context(event, binding, context))
        return ChannelOutput(responded=True, response_stream=stream)


@pytest.fixture
def streaming_agent() -> Callable[..., StreamingAgent]:
    """An agent whose model streams."""

    def make(name: str) -> StreamingAgent:
        return StreamingAgent(name, provider=MockAIProvider([f"{name} answers"], streaming=True))

    return make


class SlowStore(InMemoryStore):
    """Takes its time, as a database does."""

    async def update_room(self, room: Any) -> Any:
        await asyncio.sleep(0.05)
        return await super().update_room(room)

    async def add_event_auto_index(self, room_id: str, event: RoomEvent) -> RoomEvent:
        await asyncio.sleep(0.05)
        return await super().add_event_auto_index(room_id, event)


@pytest.fixture
def slow_store() -> SlowStore:
    """A store that gives others the time to come between."""
    return SlowStore()


class SpokenLine:
    """Two agents behind recognition and synthesis, and a caller; triage hands over to advisor and says good-bye."""

    def __init__(self, *, store: InMemoryStore | None = None, goodbye: str = "Goodbye.", **triage: Any) -> None:
        answers = [AIResponse(tool_calls=[HANDOFF]), AIResponse(content=goodbye)]
        self.triage = Agent("triage", provider=MockAIProvider(ai_responses=answers), voice="low", **triage)
        self.advisor = Agent("advisor", provider=MockAIProvider(["I am the advisor.", "Buy bonds."]), voice="high")
        self.tts = MockTTSProvider(ms_per_character=50)
        self.backend = MockVoiceBackend()
        self.kit = RoomKit(store=store)
        self.voice = VoiceChannel(
            "voice", stt=MockSTTProvider(["I want to invest."]), tts=self.tts, backend=self.backend
        )
        self.cancelled: list[Any] = []
        self.errors: list[dict[str, Any]] = []
        self.kit.on("error")(lambda event: self.errors.append(event.data))
        self.kit.hook(HookTrigger.ON_TTS_CANCELLED, execution=HookExecution.ASYNC)(self._on_cancelled)
        for channel in (self.voice, self.triage, self.advisor):
            self.kit.register_channel(channel)

    async def call(self, **install: Any) -> VoiceSession:
        """Install the pipeline and connect the caller."""
        stages = [
            PipelineStage(phase="triage", agent_id="triage", next="advising"),
            PipelineStage(phase="advising", agent_id="advisor"),
        ]
        install = {"voice_channel_id": "voice", "greet_on_handoff": True, **install}
        ConversationPipeline(stages).install(self.kit, [self.triage, self.advisor], **install)
        await self.kit.create_room("call-1")
        for channel_id in ("voice", "triage", "advisor"):
            await self.kit.attach_channel("call-1", channel_id)
        return await self.voice.start_session("call-1", "caller", connection=None)

    async def say(self, session: VoiceSession) -> None:
        """The caller says something, and everything that follows from it comes to its end."""
        for pcm in [LOUD] * 20 + [QUIET] * 30:
            await self.backend.simulate_audio_received(session, AudioFrame(pcm))
            await asyncio.sleep(0.02)
        await asyncio.sleep(120)

    async def timeline(self) -> list[RoomEvent]:
        return await self.kit.store.list_events("call-1", limit=100)

    @property
    def spoken(self) -> list[tuple[str, str | None]]:
        """What the caller was said, and in whose voice."""
        return [(call["text"] or "", call["voice"]) for call in self.tts.calls]

    async def _on_cancelled(self, event: Any, context: Any) -> None:
        self.cancelled.append(event)


@pytest.fixture
async def spoken_line() -> AsyncIterator[Callable[..., SpokenLine]]:
    """Makes lines, and closes them."""
    lines: list[SpokenLine] = []

    def make(**settings: Any) -> SpokenLine:
        lines.append(SpokenLine(**settings))
        return lines[-1]

    yield make
    for line in lines:
        await line.kit.close()
