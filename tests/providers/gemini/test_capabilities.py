"""What the provider does depends on what its model can do, and the application may know better."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roomkit_sim.providers.gemini.live_models import live_capabilities
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.voice.base import VoiceSession

TOOL = {"name": "look_up", "description": "Looks up", "parameters": {"type": "object", "properties": {}}}
UPDATES = replace(live_capabilities("gemini-live"), in_session_update=True)


@pytest.fixture
def session() -> VoiceSession:
    return VoiceSession(room_id="room", participant_id="caller", channel_id="voice")


def test_no_model_is_taken_to_change_inside_a_connection() -> None:
    for model in ("gemini-2.5-flash-native-audio-preview-12-2025", "models/gemini-3-live", "unheard-of"):
        assert not GeminiLiveProvider("key", model).capabilities.in_session_update
    assert GeminiLiveProvider("key", capabilities=UPDATES).capabilities is UPDATES


async def test_prompt_and_tools_change_inside_the_connection_of_a_model_that_can(server, make_provider, told, session):
    provider = make_provider(UPDATES)
    told.listen_to(provider)
    await provider.connect(session, system_prompt="Triage", voice="Aoede", tools=[TOOL])
    first = await server.connection(0)
    await provider.reconfigure(session, system_prompt="Advise", voice="Aoede", tools=())
    await first.until(lambda it: it.of("contextUpdate"))
    [update] = first.of("contextUpdate")
    assert update["systemInstruction"]["parts"] == [{"text": "Advise"}]
    assert update["tools"] == {"tools": []}
    assert (server.dials, told.steps) == (1, ["opened", "updated"])


async def test_another_voice_takes_another_connection_all_the_same(server, make_provider, session):
    provider = make_provider(UPDATES)
    await provider.connect(session, system_prompt="Triage", voice="Aoede")
    await (await server.connection(0)).offer_handle("handle-1")
    await provider.reconfigure(session, system_prompt="Advise", voice="Charon")
    assert (await server.connection(1)).voice == "Charon"


async def test_a_model_that_cannot_resume_is_told_what_was_said(server, make_provider, told, session):
    provider = make_provider(replace(UPDATES, resumption=False))
    told.listen_to(provider)
    await provider.connect(session, voice="Aoede")
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    await first.say(serverContent={"inputTranscription": {"text": "I want to invest"}})
    await first.say(serverContent={"turnComplete": True})
    await told.until(lambda it: it.finals)
    await provider.reconfigure(session, voice="Charon")
    assert (await server.connection(1)).handle is None
    assert told.steps[-1] == "reseeded"
