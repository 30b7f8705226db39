from __future__ import annotations

import pytest

from roomkit_sim.sim.audio.identification import VoiceIdentifier, VoiceSpan
from roomkit_sim.sim.runner.evidence import agent_voices
from roomkit_sim.sim.trace.events import Json, TraceEvent

RATE = 16_000
MS = 1_000_000
FOUND = 8_000
"""The sample at which the voice is found to begin."""


class Finds(VoiceIdentifier):
    """Finds one voice, from half a second on."""

    def identify(self, samples: object, rate_hz: int) -> list[VoiceSpan]:
        return [VoiceSpan("marin", FOUND, 16_000)]


def event(t_ns: int, kind: str, **data: Json) -> TraceEvent:
    return TraceEvent(t_ns, 0, "call", "server", kind, {"conn": 1, **data})


def heard(started_ns: int) -> dict[str, Json]:
    events = [
        event(0, "persona", name="advisor", agent="agent-advisor", voice="marin"),
        event(started_ns, "audio_started", voice="marin"),
    ]
    [found] = agent_voices("call", events, [], RATE, Finds())  # type: ignore[arg-type]
    return dict(found.data)


@pytest.mark.parametrize("late_ns", [0, 1, 62_499, 1_500_000, 9_900_000])
def test_a_voice_that_is_found_a_little_before_its_answer_begins_is_that_answers(late_ns: int) -> None:
    data = heard(500 * MS + late_ns)
    assert data["agent"] == "agent-advisor"
    begins = data["start_sample"]
    assert isinstance(begins, int)
    assert 0 <= begins * MS * 1000 / RATE - (500 * MS + late_ns) < MS * 1000 / RATE
    assert data["samples"] == 16_000 - begins


def test_a_voice_that_was_heard_long_before_is_nobodys() -> None:
    data = heard(520 * MS)
    assert (data["agent"], data["start_sample"]) == (None, FOUND)


def test_a_voice_that_is_found_after_its_answer_began_is_left_where_it_is() -> None:
    assert heard(400 * MS)["start_sample"] == FOUND
