"""Which agent answers an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.event_router import ALWAYS_PROCESS, ROUTED_TO
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.core.room_context import current_room_id
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import ChannelCategory, ChannelType, HookExecution, HookTrigger
from roomkit_sim.models.event import EventSource, RoomEvent, TextContent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.models.room import Room
from roomkit_sim.orchestration.handoff import HANDOFF_TOOL
from roomkit_sim.orchestration.router import NOBODY, ConversationRouter, RoutingConditions, RoutingRule
from roomkit_sim.orchestration.state import ConversationState, get_conversation_state, set_conversation_state

Build = Callable[..., Any]
SMS, WEB = ChannelType.SMS, ChannelType.WEBSOCKET


def context(*agents: str, state: ConversationState | None = None, recent: list[RoomEvent] | None = None) -> RoomContext:
    room = Room(id="r")
    bound = {"chat": (WEB, ChannelCategory.TRANSPORT)}
    bound |= dict.fromkeys(agents, (ChannelType.AI, ChannelCategory.INTELLIGENCE))
    return RoomContext(
        room=room if state is None else set_conversation_state(room, state),
        bindings=[
            ChannelBinding(channel_id=name, room_id="r", channel_type=kind, category=category)
            for name, (kind, category) in bound.items()
        ],
        recent_events=recent or [],
    )


def event(source: str = "chat", channel_type: ChannelType = WEB, **metadata: Any) -> RoomEvent:
    return RoomEvent(
        room_id="r",
        source=EventSource(channel_id=source, channel_type=channel_type),
        content=TextContent(body="hello"),
        metadata=metadata,
    )


def rule(agent_id: str, priority: int = 0, **conditions: Any) -> RoutingRule:
    return RoutingRule(agent_id=agent_id, conditions=RoutingConditions(**conditions), priority=priority)


FRESH = ConversationState()


def test_the_agent_in_charge_goes_before_every_rule() -> None:
    router = ConversationRouter([rule("b")], default_agent_id="b")
    assert router.select_agent(event(), context("a", "b"), ConversationState(active_agent_id="a")) == "a"


def test_an_agent_in_charge_that_left_the_room_is_not_routed_to() -> None:
    router = ConversationRouter([rule("b")], default_agent_id="c")
    assert router.select_agent(event(), context("b"), ConversationState(active_agent_id="a")) == "b"


def test_rules_are_looked_at_by_priority_and_in_their_order_at_a_tie() -> None:
    router = ConversationRouter([rule("late", 5), rule("first"), rule("second"), rule("early", -1, intents={"x"})])
    assert router.select_agent(event(), context(), FRESH) == "first"
    assert router.select_agent(event(intent="x"), context(), FRESH) == "early"


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({}, True),
        ({"phases": {"intake"}}, True),
        ({"phases": {"billing"}}, False),
        ({"phases": set()}, False),
        ({"channel_types": {WEB}}, True),
        ({"channel_types": {SMS}}, False),
        ({"source_channel_ids": {"chat"}}, True),
        ({"source_channel_ids": {"other"}}, False),
        ({"intents": {"buy"}}, True),
        ({"intents": {"sell"}}, False),
        ({"custom": lambda event, context, state: state.phase == "intake"}, True),
        ({"custom": lambda event, context, state: False}, False),
        ({"phases": {"intake"}, "intents": {"sell"}}, False),
    ],
)
def test_a_rule_applies_when_all_its_conditions_hold(conditions: dict[str, Any], holds: bool) -> None:
    router = ConversationRouter([rule("a", **conditions)], default_agent_id="z")
    assert router.select_agent(event(intent="buy"), context(), FRESH) == ("a" if holds else "z")


def test_an_agents_own_words_are_answered_by_nobody() -> None:
    router = ConversationRouter([rule("b")], default_agent_id="b")
    assert router.select_agent(event("a", ChannelType.AI), context("a", "b"), FRESH) is None


def test_a_source_that_is_no_channel_of_the_room_is_no_agent() -> None:
    assert ConversationRouter(default_agent_id="a").select_agent(event("gone"), context("a"), FRESH) == "a"


def test_conditions_that_are_functions_are_not_serialised() -> None:
    assert "custom" not in RoutingConditions(custom=lambda *_: True).model_dump()


async def routed(router: ConversationRouter, event: RoomEvent, context: RoomContext) -> HookResult:
    hook = router.as_hook()
    assert getattr(hook, "__name__", "") == "conversation_router"
    return await hook(event, context)


async def test_the_hook_stamps_a_copy_and_keeps_other_metadata() -> None:
    original = event(intent="buy")
    result = await routed(ConversationRouter(default_agent_id="a"), original, context("a"))
    assert result.action == "modify"
    assert result.event is not None
    assert result.event.metadata == {"intent": "buy", ROUTED_TO: "a", ALWAYS_PROCESS: []}
    assert original.metadata == {"intent": "buy"}


async def test_the_hook_lets_the_handoff_tool_know_its_room() -> None:
    await routed(ConversationRouter(), event(), context())
    assert current_room_id.get() == "r"


async def test_a_router_that_selects_nobody_leaves_an_event_as_it_is() -> None:
    assert (await routed(ConversationRouter(), event(), context("a"))).action == "allow"


async def test_what_an_agent_says_is_marked_for_nobody_not_even_the_supervisor() -> None:
    router = ConversationRouter(default_agent_id="b", supervisor_id="boss")
    result = await routed(router, event("a", ChannelType.AI), context("a", "b", "boss"))
    assert result.event is not None
    assert (result.event.metadata[ROUTED_TO], result.event.metadata[ALWAYS_PROCESS]) == (NOBODY, [])


async def test_the_supervisor_sees_every_message_of_a_person() -> None:
    result = await routed(ConversationRouter(default_agent_id="a", supervisor_id="boss"), event(), context("a", "boss"))
    assert result.event is not None
    assert result.event.metadata[ALWAYS_PROCESS] == ["boss"]


async def test_one_message_makes_the_supervisor_speak_once(text_desk: Build, model: Any) -> None:
    names = ("triage", "advisor", "closer", "boss")
    desk = await text_desk(agents=[Agent(name, provider=model(name)) for name in names], supervisor_id="boss")
    await desk.say("hello")
    assert desk.calls() == {"triage": 1, "advisor": 0, "closer": 0, "boss": 1}


# Failure


def test_when_routing_fails_the_agent_in_charge_goes_on() -> None:
    state = ConversationState(active_agent_id="b")
    result = ConversationRouter(default_agent_id="a").fail_closed(event(), context("a", "b", state=state), ValueError())
    assert result.event is not None
    assert result.event.metadata[ROUTED_TO] == "b"


@pytest.mark.parametrize("source", ["chat", "a"])
def test_when_routing_fails_without_anybody_to_fall_back_on_nobody_answers(source: str) -> None:
    result = ConversationRouter().fail_closed(event(source), context("a"), ValueError())
    assert result.event is not None
    assert result.event.metadata[ROUTED_TO] == NOBODY


def test_when_routing_fails_a_conversation_of_a_person_stays_theirs() -> None:
    state = ConversationState(context={"handed_to_human": True})
    result = ConversationRouter(default_agent_id="a").fail_closed(event(), context("a", state=state), ValueError())
    assert result.event is not None
    assert result.event.metadata[ROUTED_TO] == NOBODY


# Reports


async def test_the_first_routing_of_a_text_room_is_reported_and_repetitions_are_not(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.say("one")
    await desk.say("two")
    assert desk.observed.routes == [("triage", "session_start")]


async def test_a_change_of_the_answering_agent_is_reported_at_its_first_message(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.say("one")
    await desk.handle("triage", "advisor")
    assert desk.observed.routes == [("triage", "session_start")]
    await desk.say("two")
    await desk.say("three")
    assert desk.observed.routes[1:] == [("advisor", "handoff")]


async def test_a_person_taking_over_and_an_agent_coming_back_are_reported(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.say("one")
    await desk.handle("triage", "human")
    await desk.say("two")
    await desk.say("three")
    room = await desk.kit.get_room("call-1")
    given_back = get_conversation_state(room).transition("triage", "triage")
    await desk.kit.store.update_room(set_conversation_state(room, given_back))
    await desk.say("four")
    assert desk.observed.routes == [("triage", "session_start"), ("human", "handoff"), ("triage", "handoff")]


async def test_routes_of_two_rooms_are_reported_apart(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.kit.create_room("call-2")
    for channel_id in ("chat", *desk.agents):
        await desk.kit.attach_channel("call-2", channel_id)
    await desk.say("one")
    await desk.say("one", room_id="call-2")
    assert [event.room_id for event in desk.observed.events if event.type == "agent_routed"] == ["call-1", "call-2"]


async def test_an_agent_that_is_only_a_configuration_is_not_reported_as_answering_text(voice_desk: Build) -> None:
    desk = await voice_desk()
    desk.kit.register_channel(WebSocketChannel("chat"))
    await desk.kit.attach_channel("call-1", "chat")
    message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body="hello"))
    await desk.kit.process_inbound(message, room_id="call-1")
    assert desk.observed.routes == []


async def test_a_route_that_a_failure_leads_to_is_reported_too(text_desk: Build) -> None:
    desk = await text_desk()

    def broken(event: Any, context: Any, state: Any) -> bool:
        raise ValueError("a rule with a bug")

    async def without_state(room_id: str) -> ConversationState:
        return ConversationState()

    desk.router.seed_state = without_state
    desk.router.rules = [rule("advisor", custom=broken)]
    await desk.say("hello")
    assert desk.observed.routes == [("triage", "session_start")]
    assert desk.calls() == {"triage": 1, "advisor": 0, "closer": 0}


# Installation


async def test_a_router_installs_itself_and_the_generic_tool(model: Any, observe: Any) -> None:
    kit = RoomKit()
    agents = [Agent(name, provider=model(name)) for name in ("a", "b")]
    handler = ConversationRouter(default_agent_id="a").install(kit, agents, agent_aliases={"bee": "b"})
    await kit.create_room("r")
    for agent in agents:
        kit.register_channel(agent)
        await kit.attach_channel("r", agent.channel_id)
    [hook] = kit.hook_engine.hooks_for("r", HookTrigger.BEFORE_BROADCAST)
    assert (hook.priority, hook.execution) == (-100, HookExecution.SYNC)
    assert [agent.extra_tools for agent in agents] == [[HANDOFF_TOOL], [HANDOFF_TOOL]]
    assert (await handler.handle("r", "a", {"target": "bee"})).new_agent_id == "b"


async def test_a_router_is_not_half_installed() -> None:
    kit, fresh, wired = RoomKit(), Agent("a"), Agent("b")
    wired.extra_tools.append(HANDOFF_TOOL)
    with pytest.raises(ConfigurationError, match="'b'"):
        ConversationRouter().install(kit, [fresh, wired])
    assert fresh.extra_tools == []
    assert kit.hook_engine.hooks_for("r", HookTrigger.BEFORE_BROADCAST) == []


async def test_a_router_is_not_half_installed_on_an_agent_given_twice() -> None:
    agent = Agent("a")
    with pytest.raises(ConfigurationError, match="'a'"):
        ConversationRouter().install(RoomKit(), [agent, agent])
    assert agent.extra_tools == []
