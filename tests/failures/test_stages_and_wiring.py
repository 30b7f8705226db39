"""Failures 26 to 33, 35 and 36: how a pipeline is wired, and what its phases mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.orchestration.pipeline import ConversationPipeline, PipelineStage
from roomkit_sim.orchestration.state import get_conversation_state, set_conversation_state
from roomkit_sim.providers.ai.base import AIResponse, AITool, AIToolCall

Build = Callable[..., Any]


def router_hooks(kit: RoomKit) -> int:
    return len(kit.hook_engine.hooks_for("any", HookTrigger.BEFORE_BROADCAST))


async def change_state(desk: Any, change: Callable[[Any], Any]) -> None:
    """What an application does that changes the conversation state itself."""
    room = await desk.kit.get_room("call-1")
    await desk.kit.store.update_room(set_conversation_state(room, change(get_conversation_state(room))))


async def test_26_install_before_the_voice_channel_is_registered_says_so(stages: Any) -> None:
    kit = RoomKit()
    agents = [Agent(name) for name in ("triage", "advisor", "closer")]
    with pytest.raises(ConfigurationError, match=r"'voice' is not registered: call kit.register_channel\(\) before"):
        ConversationPipeline(stages).install(kit, agents, voice_channel_id="voice")
    assert ([agent.extra_tools for agent in agents], router_hooks(kit)) == ([[], [], []], 0)


async def test_27_install_twice_is_refused_and_a_turn_is_handled_once(
    text_desk: Build, voice_desk: Build, stages: Any
) -> None:
    desk = await text_desk()
    with pytest.raises(ConfigurationError, match="installed on this kit already"):
        ConversationPipeline(stages).install(desk.kit, list(desk.agents.values()))
    await desk.say("hello")
    assert (router_hooks(desk.kit), desk.calls()) == (1, {"triage": 1, "advisor": 0, "closer": 0})

    spoken = await voice_desk()
    with pytest.raises(ConfigurationError, match="already"):
        ConversationPipeline(stages).install(spoken.kit, list(spoken.agents.values()), voice_channel_id="voice")
    await spoken.tool_call(await spoken.call(), "advisor")
    assert len(spoken.observed.of("handoff_requested")) == 1


@pytest.mark.parametrize("build", ["text_desk", "voice_desk"])
async def test_28_a_stage_whose_agent_is_missing_is_an_error_that_names_it(
    build: str, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(
        ConfigurationError, match=r"install\(\) was not given: advisor; it was given triage, closer: give it"
    ):
        await request.getfixturevalue(build)(agents=[Agent("triage"), Agent("closer")])


async def test_29_the_agent_of_the_last_stage_is_offered_no_handoff(text_desk: Build, voice_desk: Build) -> None:
    desk = await text_desk()
    assert [len(desk.agents[name].extra_tools) for name in ("triage", "advisor", "closer")] == [1, 1, 0]
    spoken = await voice_desk()
    session = await spoken.call()
    for target in ("advisor", "closer"):
        assert spoken.config(session)[2] == ["handoff_conversation"]
        await spoken.tool_call(session, target)
    assert spoken.config(session) == ("You are closer.", "Voice of closer", [])


async def test_30_an_agent_of_two_stages_keeps_the_targets_of_both(voice_desk: Build) -> None:
    stages = [
        PipelineStage(phase="open", agent_id="triage", next="work"),
        PipelineStage(phase="work", agent_id="advisor", next="wrap-up"),
        PipelineStage(phase="wrap-up", agent_id="triage"),
    ]
    desk = await voice_desk(stages=stages)
    session = await desk.call()
    [tool] = desk.voice.session_config(session).tools
    assert tool["parameters"]["properties"]["target"]["enum"] == ["advisor"]
    assert (await desk.tool_call(session, "advisor"))["new_phase"] == "work"
    assert (await desk.tool_call(session, "triage"))["new_phase"] == "wrap-up"


async def test_31_when_the_phase_alone_is_changed_the_agent_of_the_phase_answers(
    text_desk: Build, voice_desk: Build
) -> None:
    desk = await text_desk()
    await desk.say("hello")
    await change_state(desk, lambda state: state.transition("advising", state.active_agent_id, "verified"))
    await desk.say("and now?")
    assert desk.calls() == {"triage": 1, "advisor": 1, "closer": 0}
    assert (await desk.handle("advisor", "closer")).accepted

    spoken = await voice_desk()
    session = await spoken.call()
    await change_state(spoken, lambda state: state.transition("advising", state.active_agent_id))
    spoken.kit.register_channel(WebSocketChannel("chat"))
    await spoken.kit.attach_channel("call-1", "chat")
    message = InboundMessage(channel_id="chat", sender_id="caller", content=TextContent(body="My number is 7."))
    await spoken.kit.process_inbound(message, room_id="call-1")
    assert spoken.config(session)[1] == "Voice of triage", "a live session and the state name the same agent"
    assert (await spoken.state()).active_agent_id == "triage"
    await spoken.voice.end_session(session)
    assert spoken.config(await spoken.call())[1] == "Voice of advisor"


async def test_32_a_change_of_phase_that_names_no_agent_leaves_the_room_with_one(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.say("hello")
    await change_state(desk, lambda state: state.transition("advising"))
    await desk.say("and now?")
    assert desk.calls() == {"triage": 1, "advisor": 1, "closer": 0}
    state = await desk.state()
    assert (state.active_agent_id, state.previous_agent_id) == ("advisor", "triage")
    result = await desk.handle("advisor", "closer")
    assert result.accepted, result.reason


@pytest.mark.sim
@pytest.mark.parametrize("handoff_begins", [True, False])
async def test_33_a_language_set_during_a_handoff_is_not_lost(text_desk: Build, handoff_begins: bool) -> None:
    desk = await text_desk()
    await desk.say("hello")
    desk.kit.store.update_room = slowly(desk.kit.store.update_room)
    both = [desk.handle("triage", "advisor"), desk.handler.set_language("call-1", "French")]
    await asyncio.gather(*(both if handoff_begins else reversed(both)))
    state = await desk.state()
    assert (state.active_agent_id, state.context["language"]) == ("advisor", "French")


def slowly(function: Callable[..., Any]) -> Callable[..., Any]:
    async def slow(*arguments: Any) -> Any:
        await asyncio.sleep(0.05)
        return await function(*arguments)

    return slow


async def test_35_one_tool_call_runs_once_in_however_many_rooms_the_agent_is(model: Any, stages: Any) -> None:
    ran: list[str] = []

    async def tool(name: str, arguments: dict[str, Any]) -> str:
        ran.append(name)
        return "sunny"

    weather = AIResponse(tool_calls=[AIToolCall(id="c1", name="weather", arguments={})])
    kit = RoomKit()
    triage = Agent(
        "triage", provider=model("triage", weather), tool_handler=tool, tools=[AITool(name="weather", description="")]
    )
    agents = [triage, Agent("advisor", provider=model("advisor")), Agent("closer", provider=model("closer"))]
    for channel in (WebSocketChannel("chat"), *agents):
        kit.register_channel(channel)
    refused = 0
    for room_id in ("r1", "r2", "r3"):
        try:
            ConversationPipeline(stages).install(kit, agents)
        except ConfigurationError:
            refused += 1
        await kit.create_room(room_id)
        for channel_id in ("chat", "triage", "advisor", "closer"):
            await kit.attach_channel(room_id, channel_id)
    message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body="How is the weather?"))
    await kit.process_inbound(message, room_id="r2")
    assert (ran, refused, router_hooks(kit)) == (["weather"], 2, 1)
    assert [tool.name for tool in triage.extra_tools] == ["weather", "handoff_conversation"]


async def test_36_what_was_done_elsewhere_or_has_failed_stands_in_nobodys_way(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.kit.create_room("call-2")
    for channel_id in ("chat", *desk.agents):
        await desk.kit.attach_channel("call-2", channel_id)
    message = InboundMessage(
        channel_id="chat", sender_id="person", content=TextContent(body="hello"), idempotency_key="message-1"
    )
    blocked = [
        (await desk.kit.process_inbound(message, room_id=room)).reason for room in ("call-1", "call-2", "call-1")
    ]
    assert blocked == [None, None, "duplicate"]

    await desk.kit.detach_channel("call-1", "triage")
    failed = await desk.handle("triage", "advisor")
    assert "could not be announced" in failed.reason
    await desk.kit.attach_channel("call-1", "triage")
    assert (await desk.handle("triage", "advisor")).accepted
    assert (await desk.handle("triage", "advisor", room_id="call-2")).accepted
