"""An agent that reads a room and answers in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from roomkit_sim.channels.ai import AIChannel, text_of
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.memory.sliding_window import SlidingWindowMemory
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.models.event import (
    AudioContent,
    CompositeContent,
    EventContent,
    LocationContent,
    MediaContent,
    RichContent,
    RoomEvent,
    TextContent,
)
from roomkit_sim.providers.ai.base import AIContext, AIImagePart, AIResponse, AITool, AIToolCall
from roomkit_sim.providers.ai.mock import MockAIProvider


@dataclass
class Room:
    kit: RoomKit
    channel: AIChannel
    provider: MockAIProvider
    errors: list[dict[str, Any]] = field(default_factory=list)

    async def say(self, text: str) -> None:
        message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body=text))
        await self.kit.process_inbound(message, room_id="r")

    async def timeline(self) -> list[tuple[str, str]]:
        events = await self.kit.store.list_events("r", limit=100)
        return [(event.source.channel_id, text_of(event.content)) for event in events if event.type == "message"]


@pytest.fixture
def room() -> Callable[..., Any]:
    async def build(provider: MockAIProvider | None = None, *, binding: Any = None, **settings: Any) -> Room:
        kit = RoomKit()
        model = provider or MockAIProvider(["one", "two", "three"])
        channel = AIChannel("ai", model, **settings)
        made = Room(kit, channel, model)
        kit.on("error")(lambda event: made.errors.append(event.data))
        kit.register_channel(WebSocketChannel("chat"))
        kit.register_channel(channel)
        await kit.create_room("r")
        await kit.attach_channel("r", "chat")
        await kit.attach_channel("r", "ai", metadata=binding or {})
        return made

    return build


def words(context: AIContext) -> list[tuple[str, Any]]:
    return [(message.role, message.content) for message in context.messages]


async def test_each_message_is_in_the_prompt_once_and_own_words_are_the_assistants(room: Any) -> None:
    here = await room()
    await here.say("first")
    await here.say("second")
    assert words(here.provider.calls[0]) == [("user", "first")]
    assert words(here.provider.calls[1]) == [("user", "first"), ("assistant", "one"), ("user", "second")]
    assert await here.timeline() == [("chat", "first"), ("ai", "one"), ("chat", "second"), ("ai", "two")]


async def test_an_answer_is_one_step_deeper_and_names_what_it_answers(room: Any) -> None:
    here = await room()
    await here.say("first")
    question, answer = [event for event in await here.kit.store.list_events("r") if event.type == "message"]
    assert (answer.chain_depth, answer.parent_event_id) == (1, question.id)


async def test_a_long_conversation_is_remembered_by_its_newest_messages(room: Any) -> None:
    here = await room(max_context_events=4)
    for number in range(40):
        await here.say(f"message {number}")
    assert [text for role, text in words(here.provider.calls[-1]) if role == "user"] == [
        "message 37",
        "message 38",
        "message 39",
    ]


async def test_settings_of_the_channel_reach_the_model(room: Any) -> None:
    tool = AITool(name="weather")
    here = await room(system_prompt="Be kind.", temperature=0.1, max_tokens=7, tools=[tool])
    await here.say("hello")
    [context] = here.provider.calls
    assert (context.system_prompt, context.temperature, context.max_tokens, context.tools) == (
        "Be kind.",
        0.1,
        7,
        [tool],
    )


async def test_a_room_may_have_settings_of_its_own(room: Any) -> None:
    own = {"system_prompt": "Be brief.", "temperature": 0.0, "max_tokens": 9, "tools": [{"name": "clock"}]}
    here = await room(binding=own, system_prompt="Be kind.", tools=[AITool(name="weather")])
    await here.say("hello")
    [context] = here.provider.calls
    assert (context.system_prompt, context.temperature, context.max_tokens) == ("Be brief.", 0.0, 9)
    assert [tool.name for tool in context.tools] == ["weather", "clock"]


async def test_a_model_that_fails_is_reported_and_its_error_text_is_not_shown(room: Any) -> None:
    class Broken(MockAIProvider):
        async def generate(self, context: AIContext) -> AIResponse:
            raise RuntimeError("quota of account 4711 exceeded")

    here = await room(Broken())
    heard: list[RoomEvent] = []

    async def on_error(event: RoomEvent, context: Any) -> None:
        heard.append(event)

    here.kit.hook(HookTrigger.ON_ERROR, execution=HookExecution.ASYNC)(on_error)
    await here.say("hello")
    assert await here.timeline() == [("chat", "hello")]
    assert [(error["where"], error["exception"]) for error in here.errors] == [("agent ai", "RuntimeError")]
    assert len(heard) == 1


async def test_an_answer_that_takes_too_long_is_reported_and_the_room_goes_on(room: Any) -> None:
    class Hanging(MockAIProvider):
        async def generate(self, context: AIContext) -> AIResponse:
            if not self.calls:
                self.calls.append(context)
                await asyncio.Event().wait()
            return await super().generate(context)

    here = await room(Hanging(["late"]), tool_loop_timeout_seconds=0.0)
    await here.say("hello")
    assert here.errors[0]["exception"] == "TimeoutError"
    here.channel._timeout = 60.0
    await here.say("again")
    assert (await here.timeline())[-1] == ("ai", "late")


async def test_a_tool_loop_that_is_cut_off_is_reported(room: Any) -> None:
    forever = AIResponse(tool_calls=[AIToolCall(id="t", name="again")])
    here = await room(MockAIProvider(ai_responses=[forever]), max_tool_rounds=2)
    await here.say("hello")
    assert "stopped after 2 rounds" in here.errors[0]["message"]
    assert await here.timeline() == [("chat", "hello")]


async def test_a_tool_without_a_handler_is_an_error_that_names_it(room: Any) -> None:
    call = AIResponse(tool_calls=[AIToolCall(id="t", name="wether")])
    here = await room(MockAIProvider(ai_responses=[call, AIResponse(content="sorry")]))
    await here.say("hello")
    [result] = here.provider.calls[1].messages[-1].content
    assert "'wether'" in json.loads(result.result)["error"]
    assert (await here.timeline())[-1] == ("ai", "sorry")


async def test_an_empty_answer_is_not_said(room: Any) -> None:
    here = await room(MockAIProvider(ai_responses=[AIResponse(content="  \n")]))
    await here.say("hello")
    assert await here.timeline() == [("chat", "hello")]


async def test_an_answer_that_the_memory_cannot_take_is_given_all_the_same(
    room: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    here = await room()
    monkeypatch.setattr(here.channel.memory, "ingest", fail)
    await here.say("first")
    assert await here.timeline() == [("chat", "first"), ("ai", "one")]
    assert [(error["where"], error["exception"]) for error in here.errors] == [("memory of agent ai", "OSError")]


async def test_a_muted_agent_asks_no_model(room: Any) -> None:
    here = await room()
    await here.kit.mute("r", "ai")
    await here.say("hello")
    assert here.provider.calls == []
    await here.kit.unmute("r", "ai")
    await here.say("hello")
    assert len(here.provider.calls) == 1


async def test_usage_is_kept_with_the_answer(room: Any) -> None:
    here = await room(MockAIProvider(ai_responses=[AIResponse(content="hi", usage={"input": 3})]))
    await here.say("hello")
    assert (await here.kit.store.list_events("r"))[-1].metadata["usage"] == {"input": 3}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (TextContent(body="words"), "words"),
        (RichContent(body="**words**"), "**words**"),
        (AudioContent(url="https://x/a.ogg", transcript="spoken"), "spoken"),
        (AudioContent(url="https://x/a.ogg"), "https://x/a.ogg"),
        (MediaContent(url="https://x/p.png", mime_type="image/png", caption="a cat"), "a cat"),
        (LocationContent(latitude=1.0, longitude=2.0, label="home"), "home"),
        (LocationContent(latitude=1.0, longitude=2.0), ""),
        (CompositeContent(parts=[TextContent(body="one"), TextContent(body="two")]), "one\ntwo"),
    ],
)
def test_a_model_reads_the_words_of_every_kind_of_content(content: EventContent, text: str) -> None:
    assert text_of(content) == text


async def test_closing_an_agent_closes_its_model(room: Any) -> None:
    closed: list[str] = []

    class Closing(MockAIProvider):
        async def close(self) -> None:
            closed.append("model")

    here = await room(Closing())
    await here.kit.close()
    assert closed == ["model"]


async def test_closing_an_agent_closes_its_model_though_its_memory_fails(room: Any) -> None:
    closed: list[str] = []

    class Closing(MockAIProvider):
        async def close(self) -> None:
            closed.append("model")

    class Failing(SlidingWindowMemory):
        async def close(self) -> None:
            raise OSError("disk full")

    here = await room(Closing(), memory=Failing())
    await here.kit.close()
    assert closed == ["model"]
    assert [error["where"] for error in here.errors] == ["closing channel ai"]


async def test_a_model_that_sees_gets_pictures_now_and_remembered_and_its_own_words_as_words(room: Any) -> None:
    here = await room(MockAIProvider(["a cat"], vision=True))
    picture = MediaContent(url="https://x/cat.png", mime_type="image/png")
    await here.kit.process_inbound(InboundMessage(channel_id="chat", sender_id="p", content=picture), room_id="r")
    await here.say("sure?")
    image = [AIImagePart(url="https://x/cat.png", mime_type="image/png")]
    assert words(here.provider.calls[0]) == [("user", image)]
    assert words(here.provider.calls[1]) == [("user", image), ("assistant", "a cat"), ("user", "sure?")]


@pytest.mark.parametrize("reason", ["content_filter", "length"])
async def test_a_model_that_is_stopped_before_its_first_word_is_reported(room: Any, reason: str) -> None:
    here = await room(MockAIProvider(ai_responses=[AIResponse(finish_reason=reason)]))
    await here.say("hello")
    assert reason in here.errors[0]["message"]
    assert await here.timeline() == [("chat", "hello")]
