"""Live sessions at the edges of a switch: none, ended, foreign, unknown agents, notices that cannot be sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.errors import ProviderConnectionError, ProviderError
from roomkit_sim.orchestration.prompts import greeting_instruction
from roomkit_sim.orchestration.realtime_switch import agent_of
from roomkit_sim.voice.base import VoiceSessionState

Build = Callable[..., Any]


async def test_a_session_knows_its_agent_from_start_to_handoff(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    assert agent_of(session) == "triage"
    await desk.tool_call(session, "advisor")
    assert agent_of(session) == "advisor"
    await desk.tool_call(session, "triage")
    await desk.tool_call(session, "human")
    assert agent_of(session) is None


async def test_an_agent_without_a_configuration_does_not_take_over(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    del desk.handler.agents["advisor"]
    await desk.tool_call(session, "advisor")
    assert (await desk.state()).active_agent_id == "triage"
    assert desk.provider.calls_of("reconfigure") == []
    assert "no configuration" in desk.observed.hooks[-1][1].content.body


async def test_without_an_agent_in_charge_a_session_has_the_channels_own_configuration(voice_desk: Build) -> None:
    desk = await voice_desk(channel={"voice": "Puck"})
    desk.handler.agents.clear()
    assert desk.config(await desk.call()) == (None, "Puck", [])


async def test_a_failed_switch_is_undone_though_the_caller_is_gone_by_then(voice_desk: Build) -> None:
    outcomes = [False, True, True]

    def fail(method: str) -> Exception | None:
        return ProviderError("line down") if method == "reconfigure" and outcomes and outcomes.pop(0) else None

    desk = await voice_desk(fail=fail)
    first, second = await desk.call(), await desk.call()

    async def hang_up(event: Any) -> None:
        if event.data["step"] == "failed":
            await desk.voice.end_session(first)

    desk.kit.on("session_reconfigure")(hang_up)
    await desk.tool_call(first, "advisor")
    assert desk.config(second)[1] == "Voice of triage"
    assert first.state is VoiceSessionState.ENDED
    assert desk.observed.of("error") == []


async def test_a_person_takes_over_the_sessions_that_are_still_there(voice_desk: Build) -> None:
    desk = await voice_desk()
    first, second = await desk.call(), await desk.call()
    release = desk.voice.release_provider

    async def release_and_hang_up(session: Any) -> None:
        await release(session)
        await desk.voice.end_session(second)

    desk.voice.release_provider = release_and_hang_up
    await desk.tool_call(first, "human")
    assert (first.state, second.state) == (VoiceSessionState.PAUSED, VoiceSessionState.ENDED)
    assert desk.observed.of("error") == []


async def test_a_failed_handoff_that_cannot_be_announced_is_undone_all_the_same(voice_desk: Build) -> None:
    failing = [ProviderError("line down")] * 2
    desk = await voice_desk(fail=lambda method: failing.pop() if method == "reconfigure" and failing else None)
    session = await desk.call()

    async def detach(event: Any) -> None:
        if event.data["step"] == "failed":
            await desk.kit.detach_channel("call-1", "voice")

    desk.kit.on("session_reconfigure")(detach)
    await desk.tool_call(session, "advisor")
    assert (await desk.state()).active_agent_id == "triage"
    assert [data["where"] for data in desk.observed.of("error")] == ["announcing a failed handoff"]
    assert desk.observed.hook_names[-1] == "on_handoff_rejected"


async def test_a_call_that_cannot_be_connected_leaves_a_room_that_can_be_called_again(voice_desk: Build) -> None:
    refusals = [ProviderConnectionError("no line")]
    desk = await voice_desk(fail=lambda method: refusals.pop() if method == "connect" and refusals else None)
    with pytest.raises(ProviderConnectionError):
        await desk.call()
    session = await desk.call()
    assert (await desk.tool_call(session, "advisor"))["accepted"]
    assert desk.config(session)[1] == "Voice of advisor"


async def test_a_handoff_after_the_caller_hung_up_configures_no_session(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    call = await desk.begin_tool_call(session, "advisor")
    await desk.voice.end_session(session, reason="hang_up")
    await desk.settle()
    assert [called for _, called, _ in desk.provider.tool_results if called == call] == []
    assert desk.provider.calls_of("reconfigure") == []
    assert ("advisor", "handoff") not in desk.observed.routes


@pytest.mark.parametrize(
    ("role", "prompt", "language", "summary", "cue"),
    [
        ("Advisor", None, None, None, "[You are now the Advisor. Introduce yourself briefly and continue"),
        (None, None, None, None, "[You have taken this conversation over. Introduce yourself briefly"),
        ("Advisor", "Say hello.", "French", None, "[Respond in French] Say hello."),
        (None, "Say hello.", None, "wants bonds", "Say hello. [Summary from triage: wants bonds]"),
    ],
)
def test_the_cue_to_speak_names_role_language_and_summary(
    role: str | None, prompt: str | None, language: str | None, summary: str | None, cue: str
) -> None:
    agent = Agent("advisor", role=role)
    text = greeting_instruction(agent, prompt=prompt, language=language, from_agent="triage", summary=summary)
    assert text.startswith(cue)
