"""Failures that users met in what orchestration rests on: memory, locks, rooms, streams, tool loops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google import genai  # noqa: F401 - loaded before time is simulated
from pydantic import SecretStr

from roomkit_sim import Agent, RoomKit
from roomkit_sim.channels.base import Channel
from roomkit_sim.channels.tool_loop import run_tool_loop
from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.clock import use_clock
from roomkit_sim.errors import ConfigurationError, ProviderError, RoomError
from roomkit_sim.models.channel import ChannelOutput
from roomkit_sim.models.delivery import InboundMessage, InboundResult
from roomkit_sim.models.enums import Access, ChannelCategory, ChannelType, HookExecution, HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.providers.ai.base import (
    AIContext,
    AIMessage,
    AIProvider,
    AIResponse,
    AITool,
    AIToolCall,
    AIToolCallPart,
    AIToolResultPart,
)
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.providers.gemini.ai import GeminiAIProvider
from roomkit_sim.providers.gemini.ai_config import GeminiConfig
from roomkit_sim.sim.servers.http_models import HttpModelServer, ModelAnswer, ModelCall
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.tts.mock import MockTTSProvider
from tests.failures.realtime_line import LoopClock, a_while

pytestmark = pytest.mark.sim
ROOM = "r"


class Person(WebSocketChannel):
    """Somebody at a browser, with all messages that were shown."""

    def __init__(self, channel_id: str = "chat") -> None:
        super().__init__(channel_id)
        self.shown: list[str] = []
        self.connect("browser", self._show)

    async def _show(self, event: dict[str, Any]) -> None:
        self.shown.append(event["content"].get("body", ""))


class Streams(Channel):
    """An intelligence whose answers come in pieces."""

    channel_type = ChannelType.AI
    category = ChannelCategory.INTELLIGENCE

    def __init__(self, *pieces: str | Exception | float) -> None:
        super().__init__("agent")
        self._pieces = pieces
        self.closed = 0

    async def deliver(self, event: Any, binding: Any, context: Any) -> ChannelOutput:
        return ChannelOutput.empty()

    async def on_event(self, event: Any, binding: Any, context: Any) -> ChannelOutput:
        return ChannelOutput(responded=True, response_stream=self._stream())

    async def _stream(self) -> AsyncIterator[str]:
        try:
            for piece in self._pieces:
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, float):
                    await a_while(piece)
                else:
                    yield piece
        finally:
            self.closed += 1


class Broken(AIProvider):
    """A model that is down."""

    def __init__(self, streaming: bool) -> None:
        self._streaming = streaming

    @property
    def model_name(self) -> str:
        return "broken"

    @property
    def supports_streaming(self) -> bool:
        return self._streaming

    async def generate(self, context: AIContext) -> AIResponse:
        raise ProviderError("upstream said: key sk-123 is over its limit")


async def room(*channels: Channel, kit: RoomKit | None = None) -> tuple[RoomKit, Person, list[dict[str, Any]]]:
    """A room in which a person meets channels, and what is reported about it."""
    kit = kit or RoomKit()
    errors: list[dict[str, Any]] = []
    kit.on("error")(lambda event: errors.append(event.data))
    person = Person()
    await kit.create_room(ROOM)
    for channel in (person, *channels):
        kit.register_channel(channel)
        await kit.attach_channel(ROOM, channel.channel_id)
    return kit, person, errors


async def say(kit: RoomKit, words: str, room_id: str | None = ROOM) -> InboundResult:
    message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body=words))
    return await kit.process_inbound(message, room_id=room_id)


async def written(kit: RoomKit, room_id: str = ROOM) -> list[str]:
    events = await kit.store.list_events(room_id, limit=1000)
    return [event.content.body for event in events if isinstance(event.content, TextContent)]


def words_in(context: AIContext) -> list[str]:
    return [str(message.content) for message in context.messages]


async def test_75_agent_remembers_the_newest_turns_whatever_else_happened() -> None:
    model = MockAIProvider(["Noted."])
    kit, _, _ = await room(Agent("agent", provider=model))
    for turn in range(60):
        await say(kit, f"turn {turn}")
        await kit.mute(ROOM, "chat")
        await kit.unmute(ROOM, "chat")
    prompt = words_in(model.calls[-1])
    assert prompt[-3:] == ["turn 58", "Noted.", "turn 59"]
    assert len(prompt) == 51
    assert "turn 1" not in prompt


async def test_76_users_message_stands_once_in_the_prompt() -> None:
    model = MockAIProvider(["Hello."])
    kit, _, _ = await room(Agent("agent", provider=model))
    await say(kit, "Good morning.")
    await say(kit, "Are you there?")
    assert [words_in(context) for context in model.calls] == [
        ["Good morning."],
        ["Good morning.", "Hello.", "Are you there?"],
    ]


@pytest.mark.parametrize("agent", ["plain", "streaming model", "streaming channel", "stream breaks off"])
async def test_77_failure_of_the_model_is_reported_and_not_shown(agent: str) -> None:
    failure = ProviderError("upstream said: key sk-123 is over its limit")
    agents: dict[str, Channel] = {
        "plain": Agent("agent", provider=Broken(streaming=False)),
        "streaming model": Agent("agent", provider=Broken(streaming=True)),
        "streaming channel": Streams(failure),
        "stream breaks off": Streams("I would say ", failure),
    }
    kit, person, errors = await room(agents[agent])
    noticed: list[str] = []

    @kit.hook(HookTrigger.ON_ERROR, execution=HookExecution.ASYNC)
    async def notice(event: Any, context: Any) -> None:
        noticed.append(event.metadata["exception"])

    result = await say(kit, "Hello?")
    assert not result.blocked
    assert [error["exception"] for error in errors] == ["ProviderError"]
    assert noticed == ["ProviderError"]
    assert person.shown == []
    assert await written(kit) == ["Hello?"]


async def test_78_message_whose_broadcast_is_slow_is_not_reported_blocked() -> None:
    kit, _, _ = await room(Streams(5.0, "At last."), kit=RoomKit(process_timeout=1.0))
    result = await say(kit, "Hello?")
    assert (result.blocked, result.reason) == (False, None)
    assert await written(kit) == ["Hello?", "At last."]


async def test_78_message_that_is_reported_blocked_is_neither_stored_nor_delivered() -> None:
    kit, _, _ = await room(Streams(5.0, "At last."), kit=RoomKit(process_timeout=1.0))
    first = asyncio.create_task(say(kit, "Hello?"))
    await a_while(0.5)
    second = await say(kit, "Anybody?")
    await first
    assert (second.blocked, second.reason) == (True, "process_timeout")
    assert await written(kit) == ["Hello?", "At last."]


@pytest.mark.parametrize("trigger", [HookTrigger.AFTER_BROADCAST, HookTrigger.ON_ERROR])
async def test_79_slow_observer_does_not_hold_up_the_next_message(trigger: HookTrigger, world: Any) -> None:
    kit, person, _ = await room(
        Agent("broken", provider=Broken(streaming=False)), Agent("agent", provider=MockAIProvider(["Yes?"]))
    )

    @kit.hook(trigger, execution=HookExecution.ASYNC)
    async def slow(event: Any, context: Any) -> None:
        await a_while(20)

    both = [asyncio.create_task(say(kit, words)) for words in ("one", "two")]
    await a_while(1)
    assert person.shown == ["Yes?", "Yes?"]
    await asyncio.gather(*both)
    assert world.now_ns >= 20e9


async def test_80_closed_room_neither_takes_messages_nor_answers() -> None:
    model = MockAIProvider(["Hello."])
    kit, _, _ = await room(Agent("agent", provider=model))
    await kit.close_room(ROOM)
    result = await say(kit, "Anybody?")
    with pytest.raises(RoomError, match="is closed"):
        await kit.send_event(ROOM, "agent", TextContent(body="Still here."))
    assert (result.blocked, result.reason) == (True, "room_closed")
    assert (model.calls, await written(kit)) == ([], [])


async def test_81_message_is_not_put_into_another_customers_room() -> None:
    kit, _, _ = await room()
    await kit.create_room("another customer's")
    await kit.attach_channel("another customer's", "chat")
    result = await say(kit, "My card number is 1234.", room_id=None)
    assert result.blocked
    assert "attached to 2 active rooms" in str(result.reason)
    assert await written(kit) + await written(kit, "another customer's") == []


@pytest.mark.parametrize("visibility", ["transport", "none", "internal", "somebody", "other, somebody"])
async def test_82_hidden_event_does_not_reach_the_model_one_turn_later(visibility: str) -> None:
    model = MockAIProvider(["Hello."])
    kit, _, _ = await room(Agent("agent", provider=model))
    await kit.send_event(ROOM, "chat", TextContent(body="A secret."), visibility=visibility)
    await kit.send_event(ROOM, "chat", TextContent(body="No secret."), visibility="agent")
    await say(kit, "Good morning.")
    assert words_in(model.calls[0]) == ["No secret.", "Good morning."]


async def test_83_detached_channel_does_not_come_back_and_no_channel_is_replaced() -> None:
    model = MockAIProvider(["Hello."])
    kit, person, _ = await room(Agent("agent", provider=model))
    await kit.detach_channel(ROOM, "chat")
    result = await say(kit, "Back again.")
    assert (result.blocked, result.reason) == (True, "channel_not_attached")
    assert await kit.store.get_binding(ROOM, "chat") is None
    with pytest.raises(ConfigurationError, match="registered already"):
        kit.register_channel(Person())
    assert kit.channels["chat"] is person


async def test_84_cancelled_message_stops_the_stream_and_frees_the_room(world: Any) -> None:
    agent = Streams("Once upon ", 3600.0, "a time.")
    kit, person, _ = await room(agent)
    telling = asyncio.create_task(say(kit, "Tell me a story."))
    await a_while(1)
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    assert agent.closed == 1
    async with asyncio.timeout(1):
        await kit.mute(ROOM, "agent")
    assert world.now_ns < 3e9
    assert person.shown == []


async def spoken_to(agent: Channel, access: Access = Access.READ_WRITE) -> list[str]:
    """What a caller hears of the answer when somebody writes "Hello?" to an agent that streams."""
    tts = MockTTSProvider(ms_per_character=10)
    voice = VoiceChannel("voice", tts=tts, backend=MockVoiceBackend())
    kit, _, errors = await room(voice, agent)
    await kit.set_access(ROOM, "voice", access)
    with use_clock(LoopClock()):
        await voice.start_session(ROOM, "caller", None)
        await say(kit, "Hello?")
        await a_while(5)
        await kit.close()
    assert errors == []
    return [str(call["text"]) for call in tts.calls if call["text"] != "Hello?"]


@pytest.mark.parametrize("kind", ["model", "channel"])
async def test_85_streamed_answer_is_spoken_once(kind: str) -> None:
    model = MockAIProvider(["Good morning. How are you?"], streaming=True)
    agent = Agent("agent", provider=model) if kind == "model" else Streams("Good morning. ", "How are you?")
    assert "".join(await spoken_to(agent)) == "Good morning. How are you?"


LOOK_UP = AIToolCall(id="t1", name="look_up", arguments={"what": "bonds"})


async def test_86_capped_tool_loop_is_reported_and_the_usage_of_all_rounds_counted() -> None:
    endless = AIResponse(tool_calls=[LOOK_UP], usage={"input_tokens": 10, "output_tokens": 1})
    model = MockAIProvider(ai_responses=[endless])
    agent = Agent("agent", provider=model, tool_handler=lambda name, arguments: "nothing", max_tool_rounds=3)
    kit, person, errors = await room(agent)
    await say(kit, "Look it up.")
    assert len(model.calls) == 4
    assert [error["message"] for error in errors] == ["stopped after 3 rounds of tool calls without an answer"]
    assert person.shown == []

    async def nothing(call: AIToolCall) -> str:
        return "nothing"

    outcome = await run_tool_loop(MockAIProvider(ai_responses=[endless]), AIContext(), nothing, max_rounds=3)
    assert outcome.response.usage == {"input_tokens": 40, "output_tokens": 4}


async def gemini(world: Any, *answers: ModelAnswer) -> tuple[GeminiAIProvider, HttpModelServer]:
    left = list(answers)
    server = HttpModelServer(lambda request: left.pop(0))
    world.network.add_host("generativelanguage.googleapis.com")
    await server.serve("generativelanguage.googleapis.com", 443)
    return GeminiAIProvider(GeminiConfig(api_key=SecretStr("simulated"), model="gemini-3-pro")), server


async def test_87_parallel_calls_of_one_function_get_their_own_results(world: Any) -> None:
    calls = tuple(ModelCall("weather", {"city": city}, signature="c2lnbmVk") for city in ("Rome", "Oslo"))
    provider, server = await gemini(world, ModelAnswer(calls=calls), ModelAnswer(("Done.",)))
    weather = {"Rome": "sun", "Oslo": "snow"}

    async def tool(name: str, arguments: dict[str, Any]) -> str:
        await a_while(2 if arguments["city"] == "Rome" else 1)
        return json.dumps({"weather": weather[arguments["city"]]})

    kit, person, errors = await room(Agent("agent", provider=provider, tool_handler=tool))
    await say(kit, "How is the weather?")
    await kit.close()
    await server.close()
    asked, told = ([*turn["parts"]] for turn in server.requests[1].body["contents"][-2:])
    results = [
        (call["functionCall"]["args"]["city"], result["functionResponse"]["response"])
        for call, result in zip(asked, told, strict=True)
    ]
    assert results == [("Rome", {"weather": "sun"}), ("Oslo", {"weather": "snow"})]
    assert (errors, person.shown) == ([], ["Done."])


async def test_88_call_that_gemini_repeats_is_made_once_and_goes_back_with_its_signature(world: Any) -> None:
    signed = ModelCall("weather", {"city": "Rome"}, signature="c2lnbmVk")
    first = ModelAnswer(("Let me ", "see."), calls=(signed,), repeat_calls=True)
    provider, server = await gemini(world, first, ModelAnswer(("Sun.",)))
    context = AIContext(messages=[AIMessage(role="user", content="The weather?")], tools=[AITool(name="weather")])
    *_, answer = [piece async for piece in provider.stream_response(context)]
    assert isinstance(answer, AIResponse)
    [call] = answer.tool_calls
    made = AIToolCallPart(id=call.id, name=call.name, arguments=call.arguments, metadata=call.metadata)
    context.messages += [
        AIMessage(role="assistant", content=[made]),
        AIMessage(
            role="tool", content=[AIToolResultPart(tool_call_id=call.id, name=call.name, result='{"sky": "clear"}')]
        ),
    ]
    assert (await provider.generate(context)).content == "Sun."
    await provider.close()
    await server.close()
    parts = server.requests[1].body["contents"][-2]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == ["c2lnbmVk"]


@pytest.mark.parametrize("access", [Access.WRITE_ONLY, Access.NONE])
@pytest.mark.parametrize("kind", ["model", "channel"])
async def test_89_streamed_answer_is_not_spoken_where_the_binding_may_not_read(kind: str, access: Access) -> None:
    model = MockAIProvider(["Good morning."], streaming=True)
    agent = Agent("agent", provider=model) if kind == "model" else Streams("Good ", "morning.")
    assert await spoken_to(agent, access) == []
