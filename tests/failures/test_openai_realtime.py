"""Failures that users of OpenAI Realtime met, through the whole runtime: pipeline, channel, provider, the real SDK."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from roomkit_sim import Agent
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities
from tests.failures.realtime_line import TO_ADVISOR, Line, a_while, line
from tests.providers.openai.realtime_service import KEY, ScriptedRealtime, Served, serving

pytestmark = pytest.mark.sim

CALL = ("c1", "handoff_conversation", json.dumps(TO_ADVISOR))


@asynccontextmanager
async def openai_line(world: World, voices: tuple[str, str]) -> AsyncIterator[tuple[Line, Served, ScriptedRealtime]]:
    """A caller at 24 kHz who has been connected to triage."""
    agents = [Agent("triage", role="Receptionist", voice=voices[0]), Agent("advisor", role="Advisor", voice=voices[1])]
    transport = MockRealtimeTransport(transport_sample_rate=24_000)
    provider = OpenAIRealtimeProvider(KEY)
    async with (
        serving(world) as service,
        line(provider, agents=agents, transport=transport, greet_on_handoff=True) as made,
    ):
        await made.call()
        yield made, await service.connection(0), service


def steps(made: Line) -> list[str]:
    return [data["step"] for data in made.of("realtime_connection")]


async def test_51_the_handoff_tool_has_the_form_that_the_service_demands(world: World) -> None:
    async with openai_line(world, ("marin", "cedar")) as (_, served, _):
        [tool] = served.of("session.update")[0]["session"]["tools"]
        assert tool["type"] == "function"
        assert set(tool) == {"type", "name", "description", "parameters"}


async def test_52_no_answer_is_asked_for_while_one_is_active(world: World) -> None:
    async with openai_line(world, ("marin", "marin")) as (made, served, _):
        await served.answer("r0", "Good morning")
        await served.call("r1", CALL)
        await served.until(lambda it: it.of("response.create"))
        await served.begin("r2")
        await a_while(0.1)
        [session] = made.voice.get_room_sessions("call-1")
        await made.voice.inject_text(session, "Also tell them the time.")
        await a_while()
        assert len(served.of("response.create")) == 1
        await served.done("r2")
        await served.until(lambda it: len(it.of("response.create")) == 2)


async def test_a_handoff_with_the_same_voice_stays_on_the_connection(world: World) -> None:
    async with openai_line(world, ("marin", "marin")) as (made, served, service):
        await served.answer("r0", "Good morning")
        await served.call("r1", CALL)
        await served.until(lambda it: it.of("response.create"))
        assert steps(made) == ["opened", "updated"]
        assert "Role: Advisor" in str(served.prompt)
        # The result, the update, then the cue to speak: the receptionist has nothing more to say.
        assert served.kinds[1:] == [
            "conversation.item.create",
            "session.update",
            "conversation.item.create",
            "response.create",
        ]
        assert service.dials == 1
        assert (await made.state()).active_agent_id == "advisor"


async def test_a_handoff_to_another_voice_takes_the_conversation_along(world: World) -> None:
    async with openai_line(world, ("marin", "cedar")) as (made, first, service):
        await first.answer("r0", "Good morning")
        await first.say("input_audio_buffer.committed", item_id="u1")
        await first.heard("u1", "I want bonds")
        await first.call("r1", CALL)
        second = await service.connection(1)
        await second.until(lambda it: it.of("response.create"))
        assert steps(made) == ["opened", "reconnecting", "reseeded"]
        assert (second.voice, "Role: Advisor" in str(second.prompt)) == ("cedar", True)
        said = [(item["role"], item["content"][0]["text"]) for item in second.items]
        assert said[:2] == [("assistant", "Good morning"), ("user", "I want bonds")]
        assert first.of("response.create") == []
        await a_while()
        assert first.closed.is_set()


async def test_66_what_was_not_played_is_truncated_once_and_in_the_right_item(world: World) -> None:
    async with openai_line(world, ("marin", "cedar")) as (made, served, _):
        await served.answer("r1", "A long story", bytes(48 * 2000))
        await a_while(0.5)
        await served.say("input_audio_buffer.speech_started", item_id="u1")
        await served.say("input_audio_buffer.speech_started", item_id="u1")
        await a_while(0.2)
        [cut] = served.of("conversation.item.truncate")
        assert (cut["item_id"], cut["audio_end_ms"]) == ("item of r1", pytest.approx(500, abs=30))
        await served.answer("r2", "Another story", bytes(48 * 1000))
        await a_while(0.2)
        await served.say("input_audio_buffer.speech_started", item_id="u2")
        await a_while(0.2)
        [_, later] = served.of("conversation.item.truncate")
        assert (later["item_id"], later["audio_end_ms"]) == ("item of r2", pytest.approx(200, abs=30))
        assert made.errors == []


@pytest.mark.parametrize("wanted", [True, False])
async def test_66_only_a_provider_that_must_be_told_is_told_what_was_not_played(wanted: bool) -> None:
    provider = MockRealtimeProvider(capabilities=RealtimeCapabilities(truncation=wanted))
    transport = MockRealtimeTransport(transport_sample_rate=24_000)
    async with line(provider, transport=transport) as made:
        session = await made.call()
        await provider.simulate_response_start(session)
        await provider.simulate_audio(session, bytes(48 * 400))
        await a_while(0.1)
        # This one has not reached the line when the caller speaks.
        await provider.simulate_audio(session, bytes(48 * 200))
        await provider.simulate_speech_start(session)
        await a_while()
        told: list[Any] = [call.args["unplayed_ms"] for call in provider.calls_of("truncate")]
        assert told == ([pytest.approx(500)] if wanted else [])
