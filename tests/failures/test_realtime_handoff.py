"""Failures 37 to 44: handoffs in live speech-to-speech sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.errors import ProviderConnectionError
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider
from roomkit_sim.voice.realtime.provider import ConnectionStep, RealtimeCapabilities, RealtimeVoiceProvider

Build = Callable[..., Any]
WEATHER = {"name": "weather", "description": "", "parameters": {}}


async def test_37_the_model_is_answered_on_the_connection_that_asked(voice_desk: Build) -> None:
    desk = await voice_desk(greet_on_handoff=True)
    await desk.tool_call(await desk.call(), "advisor")
    methods = [call.method for call in desk.provider.calls]
    assert methods == ["connect", "submit_tool_result", "reconfigure", "inject_text"]


async def test_38_an_agent_without_voice_and_prompt_gets_the_channels_and_never_its_predecessors(
    voice_desk: Build,
) -> None:
    agents = [Agent("triage", system_prompt="You are triage.", voice="Aoede"), Agent("advisor"), Agent("closer")]
    for channel, expected in (
        ({"system_prompt": "Be kind.", "voice": "Puck"}, ("Be kind.", "Puck")),
        ({}, ("", "")),
    ):
        desk = await voice_desk(agents=agents, channel=channel)
        session = await desk.call()
        await desk.tool_call(session, "advisor")
        told = desk.provider.calls_of("reconfigure")[-1].args
        assert (told["system_prompt"], told["voice"]) == expected


async def test_39_rates_temperature_and_settings_outlive_a_handoff(voice_desk: Build) -> None:
    settings = {"vad_silence_ms": 300}
    channel = {"temperature": 0.2, "provider_config": settings, "transport_sample_rate": 8000}
    desk = await voice_desk(channel=channel)
    session = await desk.call()
    for target in ("advisor", "closer"):
        assert (await desk.tool_call(session, target))["accepted"]
        await desk.transport.simulate_client_audio(session, b"\x00\x10" * 8000, 8000)
        await desk.provider.simulate_response_start(session)
        await desk.provider.simulate_audio(session, b"\x00\x10" * 24000)
        await desk.provider.simulate_response_end(session)
        await desk.settle()
    said, heard = (sum(len(pcm) for _, pcm in side.sent_audio) for side in (desk.provider, desk.transport))
    assert abs(said - 2 * 32000) < 640, "two seconds at 16 kHz"
    assert abs(heard - 2 * 16000) < 640, "two seconds at 8 kHz"
    kept = [(call.args["temperature"], call.args["provider_config"]) for call in desk.provider.calls_of("reconfigure")]
    assert kept == [(0.2, settings)] * 2
    assert len(desk.provider.calls_of("connect")) == 1


async def test_40_the_next_caller_begins_with_the_first_agent(voice_desk: Build) -> None:
    agents = [Agent("triage"), Agent("advisor", system_prompt="You advise.", voice="Charon"), Agent("closer")]
    desk = await voice_desk(agents=agents, channel={"system_prompt": "Be kind.", "voice": "Puck"})
    first = await desk.call()
    await desk.tool_call(first, "advisor")
    await desk.kit.create_room("call-2")
    await desk.kit.attach_channel("call-2", "voice")
    second = await desk.call("call-2")
    assert desk.config(second) == ("Be kind.", "Puck", ["handoff_conversation"])
    assert (await desk.state("call-2")).active_agent_id == "triage"
    assert desk.config(first)[:2] == ("You advise.", "Charon")


def down(times: int) -> Callable[[str], Exception | None]:
    """Let the first reconnects fail."""
    left = [ProviderConnectionError("line down")] * times
    return lambda method: left.pop() if method == "reconfigure" and left else None


async def test_41_a_handoff_whose_reconnect_fails_leaves_no_agent_in_the_state_who_is_not_on_the_line(
    voice_desk: Build,
) -> None:
    desk = await voice_desk(fail=down(2))
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    assert ((await desk.state()).active_agent_id, desk.config(session)[1]) == ("triage", "Voice of triage")
    assert session.state is VoiceSessionState.ACTIVE
    assert desk.observed.hook_names[-1] == "on_handoff_rejected"

    lost = await voice_desk(fail=down(99))
    session = await lost.call()
    await lost.tool_call(session, "advisor")
    assert (session.state, lost.voice.session_rooms) == (VoiceSessionState.ENDED, {})
    assert (await lost.state()).active_agent_id == "triage"
    assert [error["message"] for error in lost.observed.of("error")] == ["line down"]


class FixedSessions(MockRealtimeProvider):
    """A provider that cannot change a session."""

    def __init__(self) -> None:
        super().__init__(capabilities=RealtimeCapabilities(reconfiguration=False))

    reconfigure = RealtimeVoiceProvider.reconfigure  # type: ignore[assignment]


async def test_42_no_handoff_begins_a_new_conversation_or_loses_the_call(voice_desk: Build) -> None:
    desk = await voice_desk(channel={"tools": [WEATHER], "tool_handler": lambda name, arguments: {"sunny": True}})
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    await desk.provider.simulate_tool_call(session, "w1", "weather", {})
    await desk.settle()
    assert [call.method for call in desk.provider.calls if call.method in ("connect", "disconnect")] == ["connect"]
    assert [call_id for _, call_id, _ in desk.provider.tool_results] == ["call-1", "w1"]

    fixed = await voice_desk(provider=FixedSessions())
    session = await fixed.call()
    told = await fixed.tool_call(session, "advisor")
    assert not told["accepted"]
    assert [call.method for call in fixed.provider.calls if call.method in ("connect", "disconnect")] == ["connect"]
    assert (session.state, (await fixed.state()).active_agent_id) == (VoiceSessionState.ACTIVE, "triage")


class Watched(MockRealtimeProvider):
    """Notes the state of the session whenever it is asked for something, before and after."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[VoiceSessionState] = []

    async def reconfigure(self, session: VoiceSession, **settings: Any) -> None:
        self.states.append(session.state)
        await super().reconfigure(session, **settings)
        self.states.append(session.state)

    async def disconnect(self, session: VoiceSession) -> None:
        await super().disconnect(session)
        self.states.append(session.state)


async def test_43_a_session_is_never_over_in_the_middle_of_a_handoff(voice_desk: Build) -> None:
    provider = Watched()
    desk = await voice_desk(provider=provider, greet_on_handoff=True)
    session = await desk.call()

    async def look(event: Any, context: Any = None) -> None:
        provider.states.append(session.state)

    desk.kit.on("*")(look)
    for trigger in (HookTrigger.ON_HANDOFF, HookTrigger.ON_PHASE_TRANSITION, HookTrigger.ON_SESSION_ENDED):
        desk.kit.hook(trigger, execution=HookExecution.ASYNC)(look)
    await desk.tool_call(session, "advisor")
    assert len(provider.states) > 8
    assert set(provider.states) == {VoiceSessionState.ACTIVE}
    assert desk.observed.of("session_ended") == []


class Forgetful(MockRealtimeProvider):
    """Cannot go on with a conversation on a new connection."""

    def __init__(self, step: ConnectionStep) -> None:
        super().__init__()
        self.step: ConnectionStep = step

    async def reconfigure(self, session: VoiceSession, **settings: Any) -> None:
        await self.simulate_connection(session, self.step, "the handle was refused")


@pytest.mark.parametrize("step", ["fresh", "reseeded"])
async def test_44_a_handoff_that_lost_the_conversation_says_so(voice_desk: Build, step: ConnectionStep) -> None:
    desk = await voice_desk(provider=Forgetful(step))
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    told = [event for event in desk.observed.events if event.type == "realtime_connection"]
    assert [event.data for event in told if event.data["step"] != "opened"] == [
        {"step": step, "detail": "the handle was refused"}
    ]
    assert told[-1].session_id == session.id
