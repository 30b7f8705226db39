"""The faults that the runtime must not have, one test each: initial state, people, order, failures, sessions, tools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.errors import ProviderError, RoomError
from roomkit_sim.orchestration.state import get_conversation_state, set_conversation_state
from roomkit_sim.voice.base import VoiceSessionState
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider
from roomkit_sim.voice.realtime.tools import DeferredToolResult

Build = Callable[..., Any]


def failing(*outcomes: bool) -> Callable[[str], Exception | None]:
    """Let the reconfigurations fail for which ``outcomes`` says so, in order; later ones succeed."""
    left = list(outcomes)

    def fail(method: str) -> Exception | None:
        return ProviderError("line down") if method == "reconfigure" and left and left.pop(0) else None

    return fail


# 1. Initial state


async def test_the_first_handoff_of_a_fresh_text_room_is_accepted(text_desk: Build) -> None:
    desk = await text_desk()
    result = await desk.handle("triage", "advisor")
    assert result.accepted, result.reason
    assert (await desk.state()).active_agent_id == "advisor"


async def test_the_first_handoff_of_a_fresh_call_is_accepted(voice_desk: Build) -> None:
    desk = await voice_desk()
    told = await desk.tool_call(await desk.call(), "advisor")
    assert (told["accepted"], told["new_agent_id"], told["new_phase"]) == (True, "advisor", "advising")


async def test_a_fresh_room_is_seeded_with_the_default_stage_at_its_first_event(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.say("hello")
    state = await desk.state()
    assert (state.phase, state.active_agent_id, state.handoff_count) == ("triage", "triage", 0)
    assert [data["why"] for data in desk.observed.of("conversation_state")] == ["seeded"]


# 2. human


async def test_no_agent_answers_text_after_a_person_has_taken_over(text_desk: Build) -> None:
    desk = await text_desk()
    assert (await desk.handle("triage", "human")).accepted
    await desk.say("are you there?")
    assert desk.calls() == {"triage": 0, "advisor": 0, "closer": 0}
    assert (await desk.state()).phase == "triage"
    assert desk.observed.of("conversation_state")[-1]["agent"] == "human"


async def test_the_supervisor_is_silent_too_after_a_person_has_taken_over(text_desk: Build, model: Any) -> None:
    names = ("triage", "advisor", "closer", "boss")
    desk = await text_desk(agents=[Agent(name, provider=model(name)) for name in names], supervisor_id="boss")
    await desk.handle("triage", "human")
    await desk.say("are you there?")
    assert desk.calls()["boss"] == 0


async def test_an_agent_set_by_the_application_answers_again_after_a_person(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handle("triage", "human")
    room = await desk.kit.get_room("call-1")
    given_back = get_conversation_state(room).transition("advising", "advisor", "the person has left")
    await desk.kit.store.update_room(set_conversation_state(room, given_back))
    await desk.say("hello?")
    assert desk.calls() == {"triage": 0, "advisor": 1, "closer": 0}


async def test_no_model_hears_a_caller_whom_a_person_has_taken_over(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    assert (await desk.tool_call(session, "human"))["accepted"]
    await desk.transport.simulate_client_audio(session, b"\0\1" * 160)
    await desk.settle()
    assert desk.provider.sent_audio == []
    assert session.state is VoiceSessionState.PAUSED
    assert desk.transport.calls_of("disconnect") == [], "the caller's line stays open for the person"
    assert desk.observed.routes[-1] == ("human", "handoff")


async def test_a_new_call_in_a_room_that_a_person_has_taken_over_gets_no_agent(voice_desk: Build) -> None:
    desk = await voice_desk()
    await desk.tool_call(await desk.call(), "human")
    with pytest.raises(RoomError, match="a person has taken the conversation"):
        await desk.call()
    assert len(desk.provider.calls_of("connect")) == 1


async def test_a_model_that_cannot_be_disconnected_hears_nothing_all_the_same(voice_desk: Build) -> None:
    class Stubborn(MockRealtimeProvider):
        async def disconnect(self, session: Any) -> None:
            raise ProviderError("cannot hang up")

    desk = await voice_desk(provider=Stubborn())
    first, second = await desk.call(), await desk.call()
    await desk.tool_call(first, "human")
    for session in (first, second):
        await desk.transport.simulate_client_audio(session, b"\0\1" * 160)
    await desk.settle()
    assert desk.provider.sent_audio == []
    assert [data["message"] for data in desk.observed.of("error")] == ["cannot hang up"] * 2


# 3. Order


async def test_the_tool_is_answered_before_the_session_changes_and_the_new_agent_speaks_last(
    voice_desk: Build,
) -> None:
    desk = await voice_desk(greet_on_handoff=True)
    await desk.tool_call(await desk.call(), "advisor")
    assert [call.method for call in desk.provider.calls] == [
        "connect",
        "submit_tool_result",
        "reconfigure",
        "inject_text",
    ]


async def test_events_of_a_handoff_come_in_the_order_of_what_they_report(voice_desk: Build) -> None:
    desk = await voice_desk()
    await desk.tool_call(await desk.call(), "advisor")
    kinds = ("handoff_requested", "handoff_decided", "conversation_state", "session_reconfigure", "agent_routed")
    assert desk.observed.types(*kinds) == [
        "conversation_state",
        "agent_routed",
        "handoff_requested",
        "handoff_decided",
        "conversation_state",
        "session_reconfigure",
        "session_reconfigure",
        "agent_routed",
    ]
    assert [data["step"] for data in desk.observed.of("session_reconfigure")] == ["started", "completed"]
    assert desk.observed.routes == [("triage", "session_start"), ("advisor", "handoff")]


# 4. Failure of a step


async def test_a_reconnect_that_fails_once_is_retried(voice_desk: Build) -> None:
    desk = await voice_desk(fail=failing(True))
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    steps = [data["step"] for data in desk.observed.of("session_reconfigure")]
    assert steps == ["started", "retry", "completed"]
    assert (await desk.state()).active_agent_id == "advisor"
    assert desk.config(session)[1] == "Voice of advisor"


async def test_a_reconnect_that_keeps_failing_restores_the_agent_before_everywhere(voice_desk: Build) -> None:
    desk = await voice_desk(fail=failing(True, True))
    session = await desk.call()
    before = await desk.state()
    await desk.tool_call(session, "advisor")
    assert await desk.state() == before
    assert desk.config(session) == ("You are triage.", "Voice of triage", ["handoff_conversation"])
    assert desk.provider.calls_of("reconfigure")[-1].args["voice"] == "Voice of triage"
    assert desk.observed.hook_names == ["on_handoff", "on_phase_transition", "on_handoff_rejected"]
    assert "line down" in desk.observed.hooks[-1][1].content.body
    assert [data["why"] for data in desk.observed.of("conversation_state")] == ["seeded", "handoff", "rolled_back"]
    assert desk.observed.routes == [("triage", "session_start"), ("triage", "restored")]
    assert "[Handoff failed: triage -> advisor]" in (await desk.timeline())[-1].content.body


async def test_the_restored_agent_is_told_that_the_transfer_failed(voice_desk: Build) -> None:
    desk = await voice_desk(fail=failing(True, True))
    await desk.tool_call(await desk.call(), "advisor")
    [(_, text, _)] = desk.provider.injected_texts
    assert "transfer failed" in text
    assert "line down" in text


async def test_the_handoff_can_be_tried_again_after_a_failed_one(voice_desk: Build) -> None:
    desk = await voice_desk(fail=failing(True, True))
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    assert (await desk.tool_call(session, "advisor"))["accepted"]
    assert desk.config(session)[1] == "Voice of advisor"
    assert (await desk.state()).handoff_count == 1


async def test_a_session_that_cannot_be_restored_ends_with_an_error_and_the_new_agent_is_not_in_charge(
    voice_desk: Build,
) -> None:
    desk = await voice_desk(fail=failing(True, True, True))
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    assert session.state is VoiceSessionState.ENDED
    assert desk.voice.session_rooms == {}
    assert (await desk.state()).active_agent_id == "triage"
    assert desk.observed.of("session_reconfigure")[-1]["step"] == "gave_up"
    assert [data["where"] for data in desk.observed.of("error")] == ["restoring the agent before a failed handoff"]
    assert len(desk.observed.of("session_ended")) == 1


async def test_a_language_set_while_a_switch_fails_outlives_the_rollback(voice_desk: Build) -> None:
    desk = await voice_desk(fail=failing(True, True))
    session = await desk.call()

    async def meanwhile(event: Any) -> None:
        if event.data["step"] == "retry":
            room = await desk.kit.get_room("call-1")
            state = get_conversation_state(room).with_context(language="French")
            await desk.kit.store.update_room(set_conversation_state(room, state))

    desk.kit.on("session_reconfigure")(meanwhile)
    await desk.tool_call(session, "advisor")
    state = await desk.state()
    assert (state.active_agent_id, state.context) == ("triage", {"language": "French"})


async def test_a_caller_who_hangs_up_during_the_switch_leaves_no_error_and_no_second_reconnect(
    voice_desk: Build,
) -> None:
    desk = await voice_desk()
    session = await desk.call()

    async def hang_up(event: Any) -> None:
        if event.data["step"] == "started":
            await desk.voice.end_session(session, reason="hang_up")

    desk.kit.on("session_reconfigure")(hang_up)
    await desk.tool_call(session, "advisor")
    assert desk.provider.calls_of("reconfigure") == []
    assert desk.observed.of("error") == []
    assert [data["step"] for data in desk.observed.of("session_reconfigure")] == ["started", "gave_up"]
    assert ("advisor", "handoff") not in desk.observed.routes


async def test_a_hang_up_that_is_still_under_way_is_no_failed_switch(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    disconnect, gate = desk.provider.disconnect, asyncio.Event()

    async def slow(session: Any) -> None:
        await gate.wait()
        await disconnect(session)

    hanging_up: list[asyncio.Task[None]] = []

    async def hang_up(event: Any) -> None:
        if event.data["step"] == "started":
            hanging_up.append(asyncio.create_task(desk.voice.end_session(session, reason="hang_up")))
            await desk.settle()

    desk.provider.disconnect = slow
    desk.kit.on("session_reconfigure")(hang_up)
    await desk.handle("triage", "advisor")
    gate.set()
    await asyncio.gather(*hanging_up)
    assert [data["step"] for data in desk.observed.of("session_reconfigure")] == ["started", "gave_up"]
    assert "on_handoff_rejected" not in desk.observed.hook_names


# 5. Per session, never channel-wide


async def test_a_handoff_in_one_call_cannot_be_seen_in_another(voice_desk: Build) -> None:
    desk = await voice_desk()
    await desk.kit.create_room("call-2")
    await desk.kit.attach_channel("call-2", "voice")
    first, second = await desk.call(), await desk.call("call-2")
    await desk.tool_call(first, "advisor")
    await desk.kit.create_room("call-3")
    await desk.kit.attach_channel("call-3", "voice")
    third = await desk.call("call-3")
    assert [desk.config(session)[1] for session in (first, second, third)] == [
        "Voice of advisor",
        "Voice of triage",
        "Voice of triage",
    ]
    assert (await desk.state("call-2")).active_agent_id == "triage"


async def test_a_caller_who_comes_back_after_a_handoff_is_with_the_agent_in_charge(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    await desk.voice.end_session(session)
    assert desk.config(await desk.call())[1] == "Voice of advisor"


# 6. None means keep


async def test_a_change_of_language_keeps_voice_tools_temperature_and_settings(voice_desk: Build) -> None:
    desk = await voice_desk(channel={"temperature": 0.3, "provider_config": {"vad": "low"}})
    session = await desk.call()
    before = desk.voice.session_config(session)
    await desk.handler.set_language("call-1", "French")
    after = desk.voice.session_config(session)
    assert "Always respond in French" in (after.system_prompt or "")
    assert (after.voice, after.tools, after.temperature, after.provider_config) == (
        before.voice,
        before.tools,
        0.3,
        {"vad": "low"},
    )


async def test_a_handoff_keeps_temperature_and_provider_settings(voice_desk: Build) -> None:
    desk = await voice_desk(channel={"temperature": 0.3, "provider_config": {"vad": "low"}})
    await desk.tool_call(await desk.call(), "advisor")
    [call] = desk.provider.calls_of("reconfigure")
    assert (call.args["temperature"], call.args["provider_config"]) == (0.3, {"vad": "low"})


async def test_an_agent_without_voice_and_prompt_gets_the_channels_own_never_its_predecessors(
    voice_desk: Build,
) -> None:
    agents = [Agent("triage", system_prompt="Greet.", voice="Aoede"), Agent("advisor"), Agent("closer")]
    desk = await voice_desk(agents=agents, channel={"system_prompt": "House rules.", "voice": "Puck"})
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    assert desk.config(session)[:2] == ("House rules.", "Puck")


async def test_without_defaults_of_the_channel_the_predecessors_voice_and_prompt_are_cleared(
    voice_desk: Build,
) -> None:
    agents = [Agent("triage", system_prompt="Greet.", voice="Aoede"), Agent("advisor"), Agent("closer")]
    desk = await voice_desk(agents=agents)
    await desk.tool_call(await desk.call(), "advisor")
    [call] = desk.provider.calls_of("reconfigure")
    assert (call.args["system_prompt"], call.args["voice"]) == ("", "")


async def test_an_agent_with_a_role_and_no_prompt_adds_its_identity_to_the_channels_prompt(voice_desk: Build) -> None:
    agents = [Agent("triage"), Agent("advisor", role="Advisor"), Agent("closer")]
    desk = await voice_desk(agents=agents, channel={"system_prompt": "House rules."})
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    assert desk.config(session)[0] == "House rules.\n--- Agent Identity ---\nRole: Advisor"


# 7. The application's tools

WEATHER = {"name": "weather", "description": "", "parameters": {}}
CLOCK = {"name": "clock", "description": "", "parameters": {}}


async def test_the_applications_tools_stay_beside_the_handoff_tool(voice_desk: Build) -> None:
    desk = await voice_desk(channel={"tools": [WEATHER]})
    session = await desk.call()
    assert desk.config(session)[2] == ["weather", "handoff_conversation"]
    await desk.tool_call(session, "advisor")
    assert desk.config(session)[2] == ["weather", "handoff_conversation"]
    await desk.tool_call(session, "closer")
    assert desk.config(session)[2] == ["weather"]


async def test_tools_of_one_session_stand_in_for_the_channels_before_and_after_a_handoff(voice_desk: Build) -> None:
    desk = await voice_desk(channel={"tools": [WEATHER]})
    session = await desk.call(tools=[CLOCK])
    assert desk.config(session)[2] == ["clock", "handoff_conversation"]
    await desk.tool_call(session, "advisor")
    assert desk.config(session)[2] == ["clock", "handoff_conversation"]


# A model that has called a tool waits for the result


def _itself() -> dict[str, Any]:
    cyclic: dict[str, Any] = {}
    cyclic["self"] = cyclic
    return cyclic


def _cancelled() -> Any:
    raise asyncio.CancelledError


@pytest.mark.parametrize("result", [_itself, lambda: {(1, 2): 3}, _cancelled], ids=["cyclic", "tuple key", "cancelled"])
async def test_a_model_is_answered_although_the_tools_result_cannot_be_told(voice_desk: Build, result: Any) -> None:
    desk = await voice_desk(channel={"tools": [WEATHER], "tool_handler": lambda name, arguments: result()})
    session = await desk.call()
    await desk.provider.simulate_tool_call(session, "call-1", "weather", {})
    await desk.settle()
    assert desk.told("call-1") == {"error": "the tool 'weather' failed"}
    assert [data["where"] for data in desk.observed.of("error")] == ["tool weather"]


async def test_what_a_tool_has_put_off_is_done_although_its_result_cannot_be_told(voice_desk: Build) -> None:
    done: list[bool] = []

    async def then() -> None:
        done.append(True)

    def handler(name: str, arguments: dict[str, Any]) -> Any:
        return DeferredToolResult(_itself(), then)

    desk = await voice_desk(channel={"tools": [WEATHER], "tool_handler": handler})
    session = await desk.call()
    await desk.provider.simulate_tool_call(session, "call-1", "weather", {})
    await desk.settle()
    assert desk.told("call-1") == {"error": "the tool 'weather' failed"}
    assert done == [True]
