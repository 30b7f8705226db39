"""The normaliser against frames that were recorded from the live service."""

from __future__ import annotations

import pytest

from roomkit_sim.providers.openai.realtime_events import RealtimeNormaliser, SessionState
from roomkit_sim.providers.realtime.events import (
    AudioOut,
    LiveEvent,
    ResponseEnded,
    ResponseStarted,
    SpeechEnded,
    SpeechStarted,
    ToolCalled,
    Transcript,
)
from roomkit_sim.providers.realtime.settings import LiveSettings
from tests.sim.servers.fidelity import needs_recordings, received, recording

pytestmark = needs_recordings


def told(name: str) -> list[LiveEvent]:
    normaliser = RealtimeNormaliser(LiveSettings())
    events: list[LiveEvent] = []
    for frame in received(recording(name)):
        events += normaliser.feed(frame)
    assert not normaliser.responding
    return [event for event in events if not isinstance(event, SessionState)]


def finals(events: list[LiveEvent]) -> list[tuple[str, str]]:
    return [(event.role, event.text) for event in events if isinstance(event, Transcript) and event.final]


def test_a_spoken_turn() -> None:
    events = told("openai_audio_in_server_vad_turn")
    assert finals(events) == [
        ("user", "Hello, my name is Marcelo."),
        ("assistant", "Hello, Marcelo! Great to meet you. How can I help you today?"),
    ]
    kinds = [type(event) for event in events]
    assert kinds[:3] == [SpeechStarted, SpeechEnded, ResponseStarted]
    assert kinds[-1] is ResponseEnded
    assert kinds.count(AudioOut) > 10


def test_a_round_with_a_tool() -> None:
    events = told("openai_tool_call_round")
    (called,) = [event for event in events if isinstance(event, ToolCalled)]
    assert (called.name, called.arguments) == ("get_weather", {"city": "London"})
    assert finals(events) == [("assistant", "It is foggy and 12 degrees in London.")]
    assert [type(event) for event in events].count(ResponseEnded) == 2


@pytest.mark.parametrize("name", ["openai_text_in_audio_out_turn", "openai_message_history_seeding"])
def test_other_turns(name: str) -> None:
    events = told(name)
    assert type(events[0]) is ResponseStarted
    assert type(events[-1]) is ResponseEnded
    assert [role for role, _ in finals(events)] == ["assistant"]
