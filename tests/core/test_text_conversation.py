"""A text conversation from end to end: a browser, an agent, a kit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.channels.ai import AIChannel
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.models import EventType, FrameworkEvent, HookTrigger, InboundMessage, InboundResult, TextContent
from roomkit_sim.orchestration.router import ConversationRouter, RoutingConditions, RoutingRule
from roomkit_sim.orchestration.state import ConversationState, set_conversation_state
from roomkit_sim.providers.ai.base import AIContext, AIResponse, AITool, AIToolCall
from roomkit_sim.providers.ai.mock import MockAIProvider


class Browser:
    """A client of the WebSocket channel that keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []

    async def __call__(self, event: dict[str, Any]) -> None:
        self.received.append(event)

    @property
    def shown(self) -> list[str]:
        return [event["content"]["body"] for event in self.received if event["type"] == "message"]


class Chat:
    """A kit with one room, one browser and the agents of the test."""

    def __init__(self, *agents: AIChannel) -> None:
        self.kit = RoomKit()
        self.web = WebSocketChannel("web")
        self.browser = Browser()
        self.agents = agents
        self.errors: list[FrameworkEvent] = []
        self.kit.on("error")(self.errors.append)

    async def open(self) -> Chat:
        await self.kit.create_room("r")
        for channel in (self.web, *self.agents):
            self.kit.register_channel(channel)
            await self.kit.attach_channel("r", channel.channel_id)
        self.web.connect("tab", self.browser)
        return self

    async def write(self, body: str, **fields: Any) -> InboundResult:
        message = InboundMessage(channel_id="web", sender_id="ann", content=TextContent(body=body), **fields)
        return await self.kit.process_inbound(message)


def turns(asked: AIContext) -> list[tuple[str, Any]]:
    return [(message.role, message.content) for message in asked.messages]


async def test_the_answer_of_an_agent_reaches_the_browser() -> None:
    chat = await Chat(AIChannel("bot", MockAIProvider(["Good morning!"]))).open()
    await chat.write("hello")
    assert chat.browser.shown == ["Good morning!"]
    [event] = chat.browser.received
    assert (event["source"]["channel_id"], event["status"], event["room_id"]) == ("bot", "delivered", "r")


async def test_the_agent_is_given_what_was_said_each_message_once_and_the_newest_last() -> None:
    provider = MockAIProvider(["one!", "two!", "three!"])
    chat = await Chat(AIChannel("bot", provider, system_prompt="Be short.")).open()
    for body in ("one?", "two?", "three?"):
        await chat.write(body)
    assert [turns(asked) for asked in provider.calls] == [
        [("user", "one?")],
        [("user", "one?"), ("assistant", "one!"), ("user", "two?")],
        [
            ("user", "one?"),
            ("assistant", "one!"),
            ("user", "two?"),
            ("assistant", "two!"),
            ("user", "three?"),
        ],
    ]
    assert {asked.system_prompt for asked in provider.calls} == {"Be short."}


async def test_a_long_conversation_keeps_the_newest_turns_and_drops_the_oldest() -> None:
    provider = MockAIProvider(["yes"])
    chat = await Chat(AIChannel("bot", provider, max_context_events=6)).open()
    for number in range(41):
        await chat.write(f"turn {number}")
    asked = [content for role, content in turns(provider.calls[-1]) if role == "user"]
    assert asked == ["turn 37", "turn 38", "turn 39", "turn 40"]


async def test_after_more_than_fifty_events_an_agent_still_knows_the_turn_before() -> None:
    provider = MockAIProvider(["yes"])
    chat = await Chat(AIChannel("bot", provider)).open()
    for number in range(41):
        await chat.write(f"turn {number}")
    asked = [content for role, content in turns(provider.calls[-1]) if role == "user"]
    assert asked[-2:] == ["turn 39", "turn 40"]
    assert "turn 0" not in asked
    assert len(turns(provider.calls[-1])) <= 51


async def test_notices_do_not_make_an_agent_forget_what_was_said() -> None:
    provider = MockAIProvider(["yes"])
    chat = await Chat(AIChannel("bot", provider)).open()
    await chat.write("my name is Ann")
    for _ in range(60):
        await chat.write("", event_type=EventType.TYPING)
    await chat.write("good to see you")
    await chat.write("what is my name?")
    said = [content for role, content in turns(provider.calls[-1]) if role == "user"]
    assert said == ["my name is Ann", "good to see you", "what is my name?"]


async def test_of_two_agents_only_the_one_that_the_router_names_answers() -> None:
    providers = MockAIProvider(["I am A"]), MockAIProvider(["I am B"])
    chat = Chat(AIChannel("a", providers[0]), AIChannel("b", providers[1]))
    ConversationRouter(default_agent_id="a").register(chat.kit)
    await chat.open()
    await chat.write("hello")
    assert chat.browser.shown == ["I am A"]
    assert (len(providers[0].calls), len(providers[1].calls)) == (1, 0)


def fail(event: Any, context: Any, state: Any) -> bool:
    raise LookupError("buggy rule")


async def test_a_routing_rule_that_fails_makes_the_default_agent_answer_and_never_all_of_them() -> None:
    providers = MockAIProvider(["I am A"]), MockAIProvider(["I am B"])
    chat = Chat(AIChannel("a", providers[0]), AIChannel("b", providers[1]))
    rule = RoutingRule(agent_id="b", conditions=RoutingConditions(custom=fail))
    ConversationRouter(rules=[rule], default_agent_id="a").register(chat.kit)
    await chat.open()
    await chat.write("hello")
    assert chat.browser.shown == ["I am A"]
    assert (len(providers[0].calls), len(providers[1].calls)) == (1, 0)
    assert chat.errors != []


async def test_a_router_that_takes_too_long_makes_the_default_agent_answer() -> None:
    providers = MockAIProvider(["I am A"]), MockAIProvider(["I am B"])
    chat = Chat(AIChannel("a", providers[0]), AIChannel("b", providers[1]))
    router = ConversationRouter(default_agent_id="a")

    @chat.kit.hook(HookTrigger.BEFORE_BROADCAST, timeout=0.01, on_failure=router.fail_closed)
    async def slow(event: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    await chat.open()
    await chat.write("hello")
    assert chat.browser.shown == ["I am A"]
    assert (len(providers[0].calls), len(providers[1].calls)) == (1, 0)


async def test_the_agent_of_the_conversation_state_answers() -> None:
    providers = MockAIProvider(["I am A"]), MockAIProvider(["I am B"])
    chat = Chat(AIChannel("a", providers[0]), AIChannel("b", providers[1]))
    ConversationRouter(default_agent_id="a").register(chat.kit)
    await chat.open()
    room = await chat.kit.get_room("r")
    await chat.kit.store.update_room(set_conversation_state(room, ConversationState(active_agent_id="b")))
    await chat.write("hello")
    assert chat.browser.shown == ["I am B"]


async def test_a_muted_agent_does_not_even_ask_its_model() -> None:
    provider = MockAIProvider(["hi"], streaming=True)
    chat = await Chat(AIChannel("bot", provider)).open()
    await chat.kit.mute("r", "bot")
    await chat.write("hello")
    assert (provider.calls, chat.browser.shown) == ([], [])


@pytest.mark.parametrize("visibility", ["transport", "none", "internal", "web"])
async def test_what_an_agent_was_not_shown_does_not_reach_its_model_a_turn_later(visibility: str) -> None:
    provider = MockAIProvider(["fine"])
    chat = await Chat(AIChannel("bot", provider)).open()
    await chat.kit.send_event("r", "web", TextContent(body="among ourselves"), visibility=visibility)
    await chat.write("hello")
    assert [turns(asked) for asked in provider.calls] == [[("user", "hello")]]


async def test_a_notice_of_the_system_does_not_enter_the_prompt() -> None:
    provider = MockAIProvider(["fine"])
    chat = await Chat(AIChannel("bot", provider)).open()
    await chat.kit.send_event(
        "r", "web", TextContent(body="[Handoff: a -> b]"), EventType.SYSTEM, metadata={"_orchestration_internal": True}
    )
    await chat.write("hello")
    assert [turns(asked) for asked in provider.calls] == [[("user", "hello")]]


async def test_a_model_that_fails_is_reported_and_its_words_reach_nobody() -> None:
    class Failing(MockAIProvider):
        async def generate(self, context: AIContext) -> AIResponse:
            raise LookupError("quota of project 4711 exceeded")

    chat = await Chat(AIChannel("bot", Failing())).open()
    result = await chat.write("hello")
    assert not result.blocked
    assert chat.browser.received == []
    [error] = chat.errors
    assert (error.room_id, error.channel_id, error.data["exception"]) == ("r", "bot", "LookupError")


async def test_tools_are_run_and_their_results_told_to_the_model() -> None:
    called: list[tuple[str, dict[str, Any]]] = []

    async def handle(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        called.append((name, arguments))
        return {"price": arguments["n"] * 10}

    calls = [AIToolCall(id=f"c{n}", name="price_of", arguments={"n": n}) for n in (1, 2)]
    provider = MockAIProvider(ai_responses=[AIResponse(tool_calls=calls), AIResponse(content="10 and 20")])
    agent = AIChannel("shop", provider, tool_handler=handle, tools=[AITool(name="price_of")])
    chat = await Chat(agent).open()
    await chat.write("prices?")
    assert chat.browser.shown == ["10 and 20"]
    assert called == [("price_of", {"n": 1}), ("price_of", {"n": 2})]
    results = provider.calls[1].messages[-1].content
    assert [(part.tool_call_id, part.result) for part in results] == [  # type: ignore[union-attr]
        ("c1", '{"price": 10}'),
        ("c2", '{"price": 20}'),
    ]


async def test_a_client_whose_connection_fails_is_dropped_and_the_others_go_on() -> None:
    chat = await Chat(AIChannel("bot", MockAIProvider(["hi"]))).open()

    async def broken(event: dict[str, Any]) -> None:
        raise ConnectionResetError("gone")

    chat.web.connect("broken", broken)
    await chat.write("one")
    await chat.write("two")
    assert chat.browser.shown == ["hi", "hi"]
    assert chat.web.clients == ["tab"]
    assert [error.data["where"] for error in chat.errors] == ["websocket client broken"]


async def test_a_client_of_one_room_is_not_shown_another() -> None:
    chat = await Chat(AIChannel("bot", MockAIProvider(["hi"]))).open()
    other = Browser()
    chat.web.connect("other", other, room_id="elsewhere")
    await chat.write("hello")
    assert (chat.browser.shown, other.shown) == (["hi"], [])


async def test_messages_written_at_once_are_answered_one_after_the_other() -> None:
    class Slow(MockAIProvider):
        async def generate(self, context: AIContext) -> AIResponse:
            await super().generate(context)
            await asyncio.sleep(0)
            return AIResponse(content=f"re {context.messages[-1].content}")

    chat = await Chat(AIChannel("bot", Slow())).open()
    await asyncio.gather(*(chat.write(str(number)) for number in range(5)))
    assert chat.browser.shown == [f"re {number}" for number in range(5)]
    stored = await chat.kit.store.list_events("r")
    spoken = [event.content.body for event in stored if isinstance(event.content, TextContent)]
    assert spoken == [word for n in range(5) for word in (str(n), f"re {n}")]


async def test_the_settings_of_a_binding_override_those_of_the_agent_in_that_room() -> None:
    provider = MockAIProvider(["hi"])
    chat = await Chat(AIChannel("bot", provider, system_prompt="Be long.", temperature=0.1)).open()
    settings: dict[str, Any] = {"system_prompt": "Be short.", "temperature": 0.9, "tools": [{"name": "look_up"}]}
    await chat.kit.attach_channel("r", "bot", metadata=settings)
    await chat.write("hello")
    [asked] = provider.calls
    assert (asked.system_prompt, asked.temperature) == ("Be short.", 0.9)
    assert [tool.name for tool in asked.tools] == ["look_up"]


async def test_a_scripted_model_begins_again_after_its_last_answer() -> None:
    provider = MockAIProvider(["a", "b"])
    assert [(await provider.generate(AIContext())).content for _ in range(3)] == ["a", "b", "a"]
