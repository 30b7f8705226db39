"""A caller on a voice channel, whose line and hooks are recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.words import text_of
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider
from tests.channels.streamed_replies import LoggingTTS, Writer

OBSERVED = (
    HookTrigger.ON_SESSION_STARTED,
    HookTrigger.ON_SESSION_ENDED,
    HookTrigger.ON_SPEECH_START,
    HookTrigger.ON_SPEECH_END,
    HookTrigger.ON_PARTIAL_TRANSCRIPTION,
    HookTrigger.AFTER_TTS,
    HookTrigger.ON_BARGE_IN,
    HookTrigger.ON_TTS_CANCELLED,
    HookTrigger.ON_VAD_SILENCE,
    HookTrigger.ON_ERROR,
)
LOUD = b"\x00\x20\x00\xe0" * 160
QUIET = b"\x00\x00" * 320


@dataclass
class VoiceCall:
    """Everything about one call, and what can be done on it."""

    kit: RoomKit
    voice: VoiceChannel
    backend: MockVoiceBackend
    stt: MockSTTProvider
    tts: MockTTSProvider
    agent: Agent
    model: MockAIProvider
    session: VoiceSession
    hooks: list[tuple[HookTrigger, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    async def speak(self, milliseconds: int, *, session: VoiceSession | None = None) -> None:
        """The caller speaks, at the pace of speech."""
        await self._send(LOUD, milliseconds, session)

    async def be_silent(self, milliseconds: int, *, session: VoiceSession | None = None) -> None:
        """The caller's line is open and nothing is said."""
        await self._send(QUIET, milliseconds, session)

    async def ask(self) -> None:
        """The caller says something and waits until it has been noticed."""
        await self.speak(400)
        await self.be_silent(600)

    async def answer_played(self) -> None:
        """Until what the caller said is answered and the answer is played."""
        await settle()
        assert await self.voice.wait_playback_done("call-1")
        await settle()

    def told(self, *triggers: HookTrigger) -> list[Any]:
        """What the hooks of these moments were told, in order."""
        return [event for trigger, event in self.hooks if trigger in triggers]

    def moments(self, *triggers: HookTrigger) -> list[HookTrigger]:
        """In which order these moments came."""
        return [trigger for trigger, _ in self.hooks if trigger in triggers]

    async def timeline(self) -> list[tuple[str, str]]:
        """Who said what in the room."""
        events = await self.kit.store.list_events("call-1")
        return [(e.source.channel_id, text_of(e.content)) for e in events if isinstance(e.content, TextContent)]

    def played_bytes(self) -> int:
        return sum(len(pcm) for _, pcm in self.backend.sent_audio)

    async def _send(self, frame: bytes, milliseconds: int, session: VoiceSession | None) -> None:
        for _ in range(milliseconds // 20):
            await self.backend.simulate_audio_received(session or self.session, AudioFrame(frame))
            await asyncio.sleep(0.02)


async def settle() -> None:
    """Let everything that needs no time be done."""
    for _ in range(100):
        await asyncio.sleep(0)


def record_hooks(kit: RoomKit, hooks: list[tuple[HookTrigger, Any]]) -> None:
    for trigger in OBSERVED:

        def record(trigger: HookTrigger) -> None:
            async def hook(event: Any, context: Any) -> None:
                hooks.append((trigger, event))

            kit.hook(trigger, execution=HookExecution.ASYNC)(hook)

        record(trigger)


@pytest.fixture
async def call(voice_call: Callable[..., Any]) -> VoiceCall:
    """A call with the defaults of the mocks."""
    return await voice_call()


@pytest.fixture
async def voice_call():
    """Makes a call: room call-1, channel voice, one agent whose voice is agents-voice."""
    kits: list[RoomKit] = []

    async def make(
        *,
        stt: MockSTTProvider | None = None,
        tts: MockTTSProvider | None = None,
        model: MockAIProvider | None = None,
        backend: MockVoiceBackend | None = None,
        **options: Any,
    ) -> VoiceCall:
        kit = RoomKit()
        kits.append(kit)
        stt = stt or MockSTTProvider(["I want to invest."])
        tts = tts or MockTTSProvider(ms_per_character=70)
        model = model or MockAIProvider(["I can help you with that."])
        backend = backend or MockVoiceBackend()
        options.setdefault("voice_map", {"agent": "agents-voice"})
        voice = VoiceChannel("voice", stt=stt, tts=tts, backend=backend, **options)
        agent = Agent("agent", provider=model)
        kit.register_channel(voice)
        kit.register_channel(agent)
        made = VoiceCall(kit, voice, backend, stt, tts, agent, model, VoiceSession())
        record_hooks(kit, made.hooks)
        kit.on("error")(lambda event: made.errors.append(event.data))
        await kit.create_room("call-1")
        await kit.attach_channel("call-1", "voice")
        await kit.attach_channel("call-1", "agent")
        made.session = await voice.start_session("call-1", "caller-1", None)
        return made

    yield make
    for kit in kits:
        await kit.close()


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def spoken_call(voice_call, log):
    """A call whose model writes these answers."""

    async def make(*answers: list[Any], usage: dict[str, int] | None = None, tool_handler: Any = None, **options: Any):
        tts = options.pop("tts", None) or LoggingTTS(log, ms_per_character=70)
        call = await voice_call(model=Writer(*answers, log=log, usage=usage), tts=tts, **options)
        call.agent.tool_handler = tool_handler
        return call

    return make
