"""The normaliser against frames that were recorded from the live service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

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

PROTOCOL = Path(__file__).parents[4] / "shared" / "protocol"

pytestmark = pytest.mark.skipif(not PROTOCOL.is_dir(), reason=f"the recorded frames are not there: {PROTOCOL}")


def told(name: str) -> list[LiveEvent]:
    recording: dict[str, Any] = yaml.safe_load((PROTOCOL / name).read_text(encoding="utf-8"))
    normaliser = RealtimeNormaliser(LiveSettings())
    events: list[LiveEvent] = []
    for frame in recording["interactions"]:
        if frame["direction"] == "received":
            events += normaliser.feed(frame["data"])
    assert not normaliser.responding
    return [event for event in events if not isinstance(event, SessionState)]


def finals(events: list[LiveEvent]) -> list[tuple[str, str]]:
    return [(event.role, event.text) for event in events if isinstance(event, Transcript) and event.final]


def test_a_spoken_turn() -> None:
    events = told("openai_audio_in_server_vad_turn.yaml")
    assert finals(events) == [
        ("user", "Hello, my name is Marcelo."),
        ("assistant", "Hello, Marcelo! Great to meet you. How can I help you today?"),
    ]
    kinds = [type(event) for event in events]
    assert kinds[:3] == [SpeechStarted, SpeechEnded, ResponseStarted]
    assert kinds[-1] is ResponseEnded
    assert kinds.count(AudioOut) > 10


def test_a_round_with_a_tool() -> None:
    events = told("openai_tool_call_round.yaml")
    (called,) = [event for event in events if isinstance(event, ToolCalled)]
    assert (called.name, called.arguments) == ("get_weather", {"city": "London"})
    assert finals(events) == [("assistant", "It is foggy and 12 degrees in London.")]
    assert [type(event) for event in events].count(ResponseEnded) == 2


@pytest.mark.parametrize("name", ["openai_text_in_audio_out_turn.yaml", "openai_message_history_seeding.yaml"])
def test_other_turns(name: str) -> None:
    events = told(name)
    assert type(events[0]) is ResponseStarted
    assert type(events[-1]) is ResponseEnded
    assert [role for role, _ in finals(events)] == ["assistant"]
