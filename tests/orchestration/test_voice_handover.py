"""The specification's pipeline on a spoken line: recognition, agents, synthesis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from roomkit_sim import Agent, ConversationPipeline, MockAIProvider, MockVoiceBackend, PipelineStage, RoomKit
from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.errors import ConfigurationError, ProviderError
from roomkit_sim.orchestration.state import get_conversation_state
from roomkit_sim.orchestration.voice_handover import PLAYBACK_SECONDS
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.base import AudioChunk
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider

pytestmark = pytest.mark.sim

HANDOFF = AIToolCall(
    id="c1",
    name="handoff_conversation",
    arguments={"target": "agent-advisor", "reason": "wants advice", "summary": "wants to invest"},
)
FAREWELL = "One moment, I am putting you through."


class Line:
    """A kit with two agents, a voice channel, and a caller on it."""

    def __init__(
        self,
        triage_says: list[Any] | None = None,
        advisor_says: list[str] | None = None,
        tts: MockTTSProvider | None = None,
        **agent: Any,
    ) -> None:
        answers = triage_says or [AIResponse(tool_calls=[HANDOFF]), AIResponse(content="Goodbye from triage.")]
        self.triage = Agent("agent-triage", provider=MockAIProvider(ai_responses=answers), voice="low", **agent)
        self.advisor = Agent(
            "agent-advisor",
            provider=MockAIProvider(["I am the advisor.", "Buy bonds."]),
            role="Portfolio advisor",
            voice="high",
        )
        self.tts = tts or MockTTSProvider()
        self.backend = MockVoiceBackend()
        self.kit = RoomKit()
        self.voice = VoiceChannel(
            "voice", stt=MockSTTProvider(["I want to invest."]), tts=self.tts, backend=self.backend
        )
        self.kit.register_channel(self.voice)
        for one in (self.triage, self.advisor):
            self.kit.register_channel(one)
        self.pipeline = ConversationPipeline(
            stages=[
                PipelineStage(phase="triage", agent_id="agent-triage", next="advising"),
                PipelineStage(phase="advising", agent_id="agent-advisor", next=None),
            ],
        )

    def install(self, **settings: Any) -> Any:
        settings = {"voice_channel_id": "voice", "greet_on_handoff": True, **settings}
        return self.pipeline.install(self.kit, [self.triage, self.advisor], **settings)[1]

    async def call(self) -> Any:
        await self.kit.create_room(room_id="call")
        for channel_id in ("voice", "agent-triage", "agent-advisor"):
            await self.kit.attach_channel("call", channel_id)
        return await self.voice.start_session("call", "caller", connection=None)

    async def say(self, session: Any) -> None:
        for pcm in [b"\x00\x20\x00\xe0" * 160] * 20 + [b"\0\0" * 320] * 30:
            await self.backend.simulate_audio_received(session, AudioFrame(pcm))
            await asyncio.sleep(0.02)
        await asyncio.sleep(60)

    @property
    def spoken(self) -> list[tuple[str, str | None]]:
        return [(call["text"], call["voice"]) for call in self.tts.calls]


async def test_new_agent_greets_in_its_own_voice_after_the_old_one_has_finished() -> None:
    line = Line()
    line.install()
    await line.say(await line.call())
    assert line.spoken == [("Goodbye from triage.", "low"), ("I am the advisor.", "high")]
    await line.kit.close()


async def test_farewell_takes_the_place_of_the_old_agents_own_words() -> None:
    line = Line()
    line.install(farewell_prompt=FAREWELL)
    await line.say(await line.call())
    assert line.spoken == [(FAREWELL, "low"), ("I am the advisor.", "high")]
    await line.kit.close()


async def test_new_agent_is_told_who_it_is_what_happened_and_in_which_language() -> None:
    line = Line()
    handler = line.install()
    session = await line.call()
    await handler.set_language("call", "French")
    await line.say(session)
    [context] = line.advisor.provider.calls
    cue = context.messages[-1].content
    assert cue.startswith("[Respond in French]")
    assert "You are now the Portfolio advisor." in cue
    assert "wants to invest" in cue
    await line.kit.close()


async def test_applications_own_greeting_prompt_is_used() -> None:
    line = Line()
    line.install(greeting_prompt="Say hello like a pirate.")
    await line.say(await line.call())
    [context] = line.advisor.provider.calls
    assert "Say hello like a pirate." in context.messages[-1].content
    await line.kit.close()


async def test_cue_is_not_the_callers_words_and_does_not_come_back() -> None:
    line = Line()
    line.install()
    session = await line.call()
    await line.say(session)
    await line.say(session)
    later = line.advisor.provider.calls[1].messages
    assert not any("You are now the" in str(message.content) for message in later)
    await line.kit.close()


async def test_greeting_waits_until_what_is_being_said_has_been_heard() -> None:
    line = Line([AIResponse(tool_calls=[HANDOFF]), AIResponse(content="goodbye " * 30)])
    line.install()
    session = await line.call()
    talk = asyncio.create_task(line.say(session))
    started: list[float] = []
    while len(line.tts.calls) < 2:
        await asyncio.sleep(0.05)
        if len(line.tts.calls) == 1 and not started:
            started.append(asyncio.get_running_loop().time())
    greeted = asyncio.get_running_loop().time()
    await talk
    assert greeted - started[0] >= 0.002 * len("goodbye " * 30) - 0.1
    await line.kit.close()


async def test_without_greeting_on_handoff_the_new_agent_waits_for_the_caller() -> None:
    line = Line()
    line.install(greet_on_handoff=False)
    await line.say(await line.call())
    assert line.spoken == [("Goodbye from triage.", "low")]
    await line.kit.close()


async def test_handoff_to_a_person_is_followed_by_the_farewell_and_by_nobody() -> None:
    human = HANDOFF.model_copy(update={"arguments": {**HANDOFF.arguments, "target": "human"}})
    line = Line([AIResponse(tool_calls=[human]), AIResponse(content="Bye.")])
    line.install(farewell_prompt=FAREWELL)
    session = await line.call()
    await line.say(session)
    await line.say(session)
    assert line.spoken == [(FAREWELL, "low")]
    assert get_conversation_state(await line.kit.get_room("call")).active_agent_id is None
    await line.kit.close()


async def test_handoff_in_a_text_room_of_the_same_kit_speaks_to_nobody() -> None:
    line = Line()
    line.install(farewell_prompt=FAREWELL)
    chat = WebSocketChannel("chat")
    line.kit.register_channel(chat)
    await line.kit.create_room(room_id="text")
    for channel_id in ("chat", "agent-triage", "agent-advisor"):
        await line.kit.attach_channel("text", channel_id)
    from roomkit_sim import InboundMessage, TextContent

    message = InboundMessage(channel_id="chat", sender_id="u", content=TextContent(body="I want to invest."))
    await line.kit.process_inbound(message, room_id="text")
    await asyncio.sleep(60)
    assert line.spoken == []
    assert get_conversation_state(await line.kit.get_room("text")).active_agent_id == "agent-advisor"
    await line.kit.close()


async def test_default_agent_greets_by_itself_once_a_session_before_it_answers() -> None:
    line = Line([AIResponse(content="How can I help?")], greeting="Good morning, the finance line.")
    line.advisor.greeting = "Never said."
    line.install()
    session = await line.call()
    await line.say(session)
    assert line.spoken == [("Good morning, the finance line.", "low"), ("How can I help?", "low")]
    await line.kit.close()


async def test_agent_that_does_not_greet_by_itself_is_asked_to_by_the_handler() -> None:
    line = Line([AIResponse(content="Hello!")], greeting="Greet the caller.", auto_greet=False)
    handler = line.install()
    await line.call()
    await asyncio.sleep(10)
    assert line.spoken == []
    await handler.send_greeting("call")
    await asyncio.sleep(10)
    assert line.spoken == [("Hello!", "low")]
    await line.kit.close()


@pytest.mark.parametrize("hangs", [False, True])
async def test_new_agent_speaks_although_the_farewell_cannot_be_spoken(hangs: bool) -> None:
    begun: dict[str, float] = {}

    class NoFarewell(MockTTSProvider):
        async def synthesize_stream(self, text: str, *, voice: str | None = None) -> AsyncIterator[AudioChunk]:
            begun[text] = asyncio.get_running_loop().time()
            if text == FAREWELL and hangs:
                await asyncio.Event().wait()
            async for chunk in super().synthesize_stream(text, voice=voice):
                yield chunk

    def fail(text: str, voice: str | None) -> Exception | None:
        return ProviderError("no voice") if text == FAREWELL and not hangs else None

    line = Line(tts=NoFarewell(fail=fail))
    errors: list[str] = []
    line.kit.on("error")(lambda event: errors.append(event.data["where"]))
    line.install(farewell_prompt=FAREWELL)
    await line.say(await line.call())
    assert line.spoken[-1] == ("I am the advisor.", "high")
    assert "farewell" in errors
    # Nobody waits once more, for the end of what hangs.
    assert begun["I am the advisor."] - begun[FAREWELL] < PLAYBACK_SECONDS + 1
    await line.kit.close()


async def test_failing_greeting_is_reported_and_the_call_goes_on() -> None:
    line = Line()
    line.install()
    errors: list[str] = []
    line.kit.on("error")(lambda event: errors.append(event.data["where"]))

    async def fails(room_id: str, from_agent: str, to_agent: str) -> None:
        raise RuntimeError("no greeting")

    session = await line.call()
    wait = line.voice.wait_playback_done
    line.voice.wait_playback_done = fails  # type: ignore[assignment,method-assign]
    await line.say(session)
    line.voice.wait_playback_done = wait  # type: ignore[method-assign]
    assert "voice handover" in errors
    await line.say(session)
    assert line.spoken[-1][1] == "high"
    await line.kit.close()


def test_channel_that_is_no_voice_channel_is_refused_before_anything_is_changed() -> None:
    line = Line()
    line.kit.register_channel(WebSocketChannel("chat"))
    with pytest.raises(ConfigurationError, match="WebSocketChannel, neither a RealtimeVoiceChannel nor a VoiceChannel"):
        line.install(voice_channel_id="chat")
    line.install()
