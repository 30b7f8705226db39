"""The handler's surface: results, hooks, greetings, languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.errors import RoomNotFoundError
from roomkit_sim.models.enums import ChannelType, EventStatus
from roomkit_sim.orchestration.handoff import HandoffHandler, HandoffResult
from roomkit_sim.orchestration.router import ConversationRouter
from roomkit_sim.orchestration.state import ConversationState, get_conversation_state, set_conversation_state

Build = Callable[..., Any]


async def test_the_result_of_an_accepted_handoff_names_agent_and_phase_and_asks_for_silence(text_desk: Build) -> None:
    desk = await text_desk()
    result = await desk.handle("triage", "advisor")
    assert (result.accepted, result.new_agent_id, result.new_phase, result.reason) == (True, "advisor", "advising", "")
    assert "Do not respond" in result.message


async def test_the_result_of_a_refused_handoff_has_nothing_but_the_reason(text_desk: Build) -> None:
    desk = await text_desk()
    result = await desk.handle("triage", "nobody")
    assert result == HandoffResult(accepted=False, reason=result.reason)
    assert "not found in room" in result.reason


async def test_a_handoff_to_a_person_leaves_nobody_in_charge_in_the_same_phase(text_desk: Build) -> None:
    desk = await text_desk()
    result = await desk.handle("triage", "human")
    state = await desk.state()
    assert (result.accepted, result.new_agent_id, result.new_phase) == (True, None, "triage")
    assert (state.active_agent_id, state.previous_agent_id, state.handoff_count) == (None, "triage", 1)
    assert desk.observed.hooks[0][1].metadata["to_agent"] == "human"


async def test_the_state_keeps_summary_sender_and_reason_for_the_receiving_agent(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handle("triage", "advisor")
    context = (await desk.state()).context
    assert context["handoff_summary"] == "summary of triage"
    assert (context["handoff_from"], context["handoff_to"]) == ("triage", "advisor")
    assert context["handoff_reason"] == "asked for it"


async def test_the_history_keeps_what_was_asked_for(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handle("triage", "advisor", channel_escalation="same")
    [record] = (await desk.state()).phase_history
    assert record.metadata == {"summary": "summary of triage", "channel_escalation": "same"}
    assert (record.from_phase, record.to_phase, record.reason) == ("triage", "advising", "asked for it")


async def test_hooks_see_the_handoff_as_an_internal_event_of_the_calling_agent(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handle("triage", "advisor")
    assert desk.observed.hook_names == ["on_handoff", "on_phase_transition"]
    for _, event in desk.observed.hooks:
        assert (event.source.channel_id, event.source.channel_type) == ("triage", ChannelType.AI)
        assert (event.status, event.visibility, event.content.body) == (
            EventStatus.DELIVERED,
            "internal",
            "asked for it",
        )
        assert event.metadata == {
            "handoff": True,
            "from_agent": "triage",
            "to_agent": "advisor",
            "accepted": True,
            "new_phase": "advising",
        }


async def test_the_hook_of_a_refusal_is_told_why(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handle("triage", "nobody")
    [(name, event)] = desk.observed.hooks
    assert (name, event.metadata["accepted"], event.metadata["to_agent"]) == ("on_handoff_rejected", False, "nobody")
    assert "not found in room" in event.content.body


async def test_decisions_are_reported_with_both_ends(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handle("triage", "nobody")
    await desk.handle("triage", "advisor")
    refused, accepted = desk.observed.of("handoff_decided")
    assert (refused["accepted"], refused["to_agent"], refused["to_phase"]) == (False, "nobody", None)
    assert accepted == {
        "accepted": True,
        "reason": "asked for it",
        "from_agent": "triage",
        "to_agent": "advisor",
        "from_phase": "triage",
        "to_phase": "advising",
    }


async def test_the_applications_callback_runs_after_an_accepted_handoff_only(text_desk: Build) -> None:
    desk = await text_desk()
    completed: list[tuple[str, str | None]] = []

    async def on_complete(room_id: str, result: HandoffResult) -> None:
        completed.append((room_id, result.new_agent_id))

    desk.handler.on_handoff_complete = on_complete
    await desk.handle("triage", "nobody")
    assert completed == []
    await desk.handle("triage", "advisor")
    assert completed == [("call-1", "advisor")]


async def test_the_callback_of_a_voice_handoff_runs_when_the_session_is_the_new_agents(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    voices: list[str | None] = []

    async def on_complete(room_id: str, result: HandoffResult) -> None:
        voices.append(desk.config(session)[1])

    desk.handler.on_handoff_complete = on_complete
    await desk.tool_call(session, "advisor")
    assert voices == ["Voice of advisor"]


async def test_a_handoff_in_a_room_that_does_not_exist_is_an_error(text_desk: Build) -> None:
    desk = await text_desk()
    with pytest.raises(RoomNotFoundError):
        await desk.handle("triage", "advisor", room_id="nowhere")


async def test_without_a_pipeline_the_handler_enforces_the_transitions_it_is_given() -> None:
    kit = RoomKit()
    await kit.create_room("r")
    for name in ("a", "b"):
        kit.register_channel(Agent(name))
        await kit.attach_channel("r", name)
    handler = HandoffHandler(
        kit,
        ConversationRouter(default_agent_id="a"),
        {"bee": "b"},
        {"a": "start", "b": "billing"},
        {"intake": {"start"}, "start": {"billing"}},
    )
    refused = await handler.handle("r", "a", {"target": "bee"})
    assert "Transition from 'intake' to 'billing' is not allowed" in refused.reason
    room = set_conversation_state(await kit.get_room("r"), ConversationState(phase="start", active_agent_id="a"))
    await kit.store.update_room(room)
    accepted = await handler.handle("r", "a", {"target": "bee"})
    assert (accepted.new_agent_id, accepted.new_phase) == ("b", "billing")


async def test_a_transport_is_no_target(text_desk: Build) -> None:
    desk = await text_desk()
    assert "not found in room" in (await desk.handle("triage", "chat")).reason


# Greetings


@pytest.fixture
def greeting_agents(model: Any) -> list[Agent]:
    return [
        Agent("triage", provider=model("triage"), greeting="Welcome!", auto_greet=False, system_prompt="Greet."),
        Agent("advisor", provider=model("advisor")),
        Agent("closer", provider=model("closer")),
    ]


async def test_the_agent_in_charge_of_a_call_is_asked_to_greet(voice_desk: Build, greeting_agents: list[Agent]) -> None:
    desk = await voice_desk(agents=greeting_agents)
    session = await desk.call()
    await desk.handler.send_greeting("call-1")
    assert desk.provider.injected_texts == [(session.id, "Welcome!", "user")]


async def test_a_greeting_is_in_the_language_of_the_conversation(
    voice_desk: Build, greeting_agents: list[Agent]
) -> None:
    desk = await voice_desk(agents=greeting_agents)
    await desk.call()
    await desk.handler.set_language("call-1", "French")
    await desk.handler.send_greeting("call-1")
    assert desk.provider.injected_texts[0][1] == "[Respond in French] Welcome!"


async def test_a_text_agent_answers_the_cue_to_greet(text_desk: Build, greeting_agents: list[Agent]) -> None:
    desk = await text_desk(agents=greeting_agents)
    await desk.handler.send_greeting("call-1", channel_id="chat")
    assert desk.spoken() == [("triage", "triage answers")]
    assert desk.model("triage").calls[0].messages[-1].content == "Welcome!"


async def test_an_agent_without_a_greeting_is_not_asked(text_desk: Build, greeting_agents: list[Agent]) -> None:
    desk = await text_desk(agents=greeting_agents)
    await desk.handle("triage", "advisor")
    await desk.handler.send_greeting("call-1", channel_id="chat")
    assert desk.calls() == {"triage": 0, "advisor": 0, "closer": 0}


async def test_no_greeting_is_sent_without_a_channel(text_desk: Build, greeting_agents: list[Agent]) -> None:
    desk = await text_desk(agents=greeting_agents)
    before = len(await desk.timeline())
    await desk.handler.send_greeting("call-1")
    assert len(await desk.timeline()) == before


async def test_nobody_greets_in_a_conversation_of_a_person(voice_desk: Build, greeting_agents: list[Agent]) -> None:
    desk = await voice_desk(agents=greeting_agents)
    await desk.tool_call(await desk.call(), "human")
    await desk.handler.send_greeting("call-1")
    assert desk.provider.injected_texts == []


# Languages


async def test_the_rooms_language_goes_before_the_agents(text_desk: Build) -> None:
    desk = await text_desk()
    desk.agents["triage"].language = "Italian"
    room = await desk.kit.get_room("call-1")
    assert desk.handler.get_room_language(room, "triage") == "Italian"
    assert desk.handler.get_room_language(room, "advisor") is None
    assert desk.handler.get_room_language(room, None) is None
    await desk.handler.set_language("call-1", "French")
    assert desk.handler.get_room_language(await desk.kit.get_room("call-1"), "triage") == "French"


async def test_setting_a_language_first_does_not_spoil_the_first_handoff(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handler.set_language("call-1", "French")
    assert (await desk.handle("triage", "advisor")).accepted
    assert get_conversation_state(await desk.kit.get_room("call-1")).context["language"] == "French"


async def test_a_text_agent_is_told_the_language_of_the_room(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handler.set_language("call-1", "French")
    await desk.say("bonjour")
    assert "Language: Always respond in French" in (desk.model("triage").calls[0].system_prompt or "")


async def test_setting_a_language_makes_no_model_speak_in_a_conversation_of_a_person(voice_desk: Build) -> None:
    desk = await voice_desk()
    await desk.tool_call(await desk.call(), "human")
    await desk.handler.set_language("call-1", "French")
    assert desk.provider.calls_of("reconfigure") == []
    assert len(desk.provider.calls_of("connect")) == 1


async def test_setting_a_language_does_not_by_itself_bring_a_model_back_to_a_call_of_a_person(
    voice_desk: Build,
) -> None:
    desk = await voice_desk()
    await desk.tool_call(await desk.call(), "human")
    room = await desk.kit.get_room("call-1")
    given_back = get_conversation_state(room).transition("advising", "advisor")
    await desk.kit.store.update_room(set_conversation_state(room, given_back))
    await desk.handler.set_language("call-1", "French")
    assert len(desk.provider.calls_of("connect")) == 1


async def test_a_room_without_a_pipeline_has_no_seeded_state() -> None:
    kit = RoomKit()
    await kit.create_room("r")
    kit.register_channel(WebSocketChannel("chat"))
    handler = HandoffHandler(kit, ConversationRouter(default_agent_id="a"))
    state = await handler.ensure_state("r")
    assert (state.phase, state.active_agent_id) == ("intake", None)
    assert (await kit.get_room("r")).metadata == {}
