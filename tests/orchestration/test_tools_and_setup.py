"""The handoff tool, and how a text agent gets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.core.room_context import current_room_id
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.orchestration.handoff import HANDOFF_TOOL, HandoffHandler, build_handoff_tool, setup_handoff
from roomkit_sim.orchestration.router import ConversationRouter
from roomkit_sim.orchestration.tools import tool_as_dict
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall

Build = Callable[..., Any]


def test_the_generic_tool_takes_any_target_and_needs_reason_and_summary() -> None:
    assert HANDOFF_TOOL.name == "handoff_conversation"
    assert HANDOFF_TOOL.parameters["required"] == ["target", "reason", "summary"]
    assert "enum" not in HANDOFF_TOOL.parameters["properties"]["target"]
    assert HANDOFF_TOOL.parameters["properties"]["channel_escalation"]["enum"] == ["same", "voice", "email", "sms"]


def test_without_targets_the_generic_tool_itself_is_given() -> None:
    assert build_handoff_tool([]) is HANDOFF_TOOL


def test_a_constrained_tool_lists_its_targets_and_leaves_the_generic_one_alone() -> None:
    before = HANDOFF_TOOL.model_copy(deep=True)
    tool = build_handoff_tool([("advisor", "gives advice"), ("closer", None)])
    target = tool.parameters["properties"]["target"]
    assert target["enum"] == ["advisor", "closer"]
    assert "- advisor: gives advice\n- closer" in target["description"]
    assert tool.name == HANDOFF_TOOL.name
    assert tool.parameters["required"] == HANDOFF_TOOL.parameters["required"]
    assert {**tool.parameters["properties"], "target": None} == {
        **HANDOFF_TOOL.parameters["properties"],
        "target": None,
    }
    assert before == HANDOFF_TOOL


def test_realtime_providers_get_the_tool_as_plain_json() -> None:
    assert json.loads(json.dumps(tool_as_dict(HANDOFF_TOOL))) == {
        "name": HANDOFF_TOOL.name,
        "description": HANDOFF_TOOL.description,
        "parameters": HANDOFF_TOOL.parameters,
    }


@pytest.fixture
def handler() -> HandoffHandler:
    return HandoffHandler(RoomKit(), ConversationRouter(default_agent_id="a"))


def test_setup_gives_the_agent_the_tool_beside_its_own(handler: HandoffHandler) -> None:
    own = build_handoff_tool([]).model_copy(update={"name": "weather"})
    agent = Agent("a", tools=[own])
    setup_handoff(agent, handler)
    assert [tool.name for tool in agent.extra_tools] == ["weather", "handoff_conversation"]


def test_setup_takes_a_constrained_tool(handler: HandoffHandler) -> None:
    agent, tool = Agent("a"), build_handoff_tool([("b", None)])
    setup_handoff(agent, handler, tool=tool)
    assert agent.extra_tools == [tool]


def test_setup_twice_is_an_error_and_wraps_nothing_again(handler: HandoffHandler) -> None:
    agent = Agent("a")
    setup_handoff(agent, handler)
    wrapped = agent.tool_handler
    with pytest.raises(RuntimeError, match="already called") as raised:
        setup_handoff(agent, handler)
    assert isinstance(raised.value, ConfigurationError)
    assert agent.tool_handler is wrapped
    assert len(agent.extra_tools) == 1


async def test_a_handoff_without_a_known_room_is_an_error_for_the_model(handler: HandoffHandler) -> None:
    agent = Agent("a")
    setup_handoff(agent, handler)
    assert agent.tool_handler is not None
    token = current_room_id.set(None)
    try:
        answer = json.loads(await agent.tool_handler("handoff_conversation", {"target": "b"}))
    finally:
        current_room_id.reset(token)
    assert "no room is known" in answer["error"]


async def test_an_unknown_tool_is_an_error_that_names_it(handler: HandoffHandler) -> None:
    agent = Agent("a")
    setup_handoff(agent, handler)
    assert agent.tool_handler is not None
    assert "'weather'" in json.loads(await agent.tool_handler("weather", {}))["error"]


@pytest.mark.parametrize("with_session", [True, False])
async def test_the_agents_own_tool_handler_keeps_its_shape(handler: HandoffHandler, with_session: bool) -> None:
    seen: list[tuple[Any, ...]] = []

    def short(name: str, arguments: dict[str, Any]) -> str:
        seen.append((name, arguments))
        return "sunny"

    async def long(session: Any, name: str, arguments: dict[str, Any]) -> dict[str, str]:
        seen.append((session, name, arguments))
        return {"sky": "sunny"}

    agent = Agent("a", tool_handler=long if with_session else short)
    setup_handoff(agent, handler)
    assert agent.tool_handler is not None
    answer = await agent.tool_handler("weather", {"city": "Rome"})
    assert answer == ('{"sky": "sunny"}' if with_session else "sunny")
    assert seen == [(None, "weather", {"city": "Rome"}) if with_session else ("weather", {"city": "Rome"})]


async def test_a_text_model_hands_over_by_calling_the_tool_and_the_next_message_goes_to_the_new_agent(
    text_desk: Build, handoff_call: Callable[..., AIResponse]
) -> None:
    desk = await text_desk()
    desk.model("triage").script = [handoff_call("advisor"), AIResponse(content="One moment.")]
    await desk.say("I want to invest")
    told = desk.model("triage").calls[1].messages[-1].content[0]
    assert json.loads(told.result)["accepted"] is True
    await desk.say("hello?")
    assert desk.calls() == {"triage": 2, "advisor": 1, "closer": 0}
    assert desk.spoken() == [("triage", "One moment."), ("advisor", "advisor answers")]


async def test_a_refusal_is_told_to_the_text_model_which_goes_on(
    text_desk: Build, handoff_call: Callable[..., AIResponse]
) -> None:
    desk = await text_desk()
    desk.model("triage").script = [handoff_call("closer"), handoff_call("advisor", "t2"), AIResponse(content="Done.")]
    await desk.say("close it")
    results = [json.loads(call.messages[-1].content[0].result) for call in desk.model("triage").calls[1:]]
    assert [result["accepted"] for result in results] == [False, True]
    assert "is not allowed" in results[0]["reason"]
    assert (await desk.state()).active_agent_id == "advisor"


async def test_the_tool_knows_its_room_though_two_rooms_are_served_by_one_agent(
    text_desk: Build, handoff_call: Callable[..., AIResponse]
) -> None:
    desk = await text_desk()
    await desk.kit.create_room("call-2")
    for channel_id in ("chat", *desk.agents):
        await desk.kit.attach_channel("call-2", channel_id)
    desk.model("triage").script = [handoff_call("advisor")]
    await desk.say("hello", room_id="call-2")
    assert (await desk.state("call-2")).active_agent_id == "advisor"
    assert (await desk.state("call-1")).active_agent_id is None


async def test_the_tools_beside_a_handoff_are_run_too(
    text_desk: Build, handoff_call: Callable[..., AIResponse], model: Any
) -> None:
    ran: list[str] = []

    async def own(name: str, arguments: dict[str, Any]) -> str:
        ran.append(name)
        return "noted"

    both = handoff_call("advisor")
    both.tool_calls.insert(0, AIToolCall(id="n1", name="note"))
    agents = [
        Agent("triage", provider=model("triage", both), tool_handler=own),
        *(Agent(name, provider=model(name)) for name in ("advisor", "closer")),
    ]
    desk = await text_desk(agents=agents)
    await desk.say("hello")
    results = desk.model("triage").calls[1].messages[-1].content
    assert ran == ["note"]
    assert [(part.tool_call_id, part.name) for part in results] == [("n1", "note"), ("t1", "handoff_conversation")]
    assert (await desk.state()).active_agent_id == "advisor"


async def test_the_tools_beside_a_handoff_may_answer_with_a_date(text_desk: Build, model: Any) -> None:
    def own(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"free": date(2030, 1, 7)}

    calling = AIResponse(tool_calls=[AIToolCall(id="n1", name="note")])
    agents = [
        Agent("triage", provider=model("triage", calling), tool_handler=own),
        *(Agent(name, provider=model(name)) for name in ("advisor", "closer")),
    ]
    desk = await text_desk(agents=agents)
    await desk.say("hello")
    [result] = desk.model("triage").calls[1].messages[-1].content
    assert json.loads(result.result) == {"free": "2030-01-07"}
