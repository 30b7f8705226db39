from __future__ import annotations

import numpy as np
import pytest

from roomkit_sim.sim.runner.wire_evidence import voices_by_wire
from roomkit_sim.sim.trace.events import Json, TraceEvent

RATE = 16_000
MS = 1_000_000


def event(t_ns: int, kind: str, data: dict[str, Json]) -> TraceEvent:
    return TraceEvent(t_ns, 0, "call", "server", kind, data)


def persona(t_ns: int, conn: int, name: str) -> TraceEvent:
    return event(t_ns, "persona", {"conn": conn, "name": name, "agent": f"agent-{name}"})


def started(t_ns: int, conn: int) -> TraceEvent:
    return event(t_ns, "audio_started", {"conn": conn})


def heard(events: list[TraceEvent], first: int, last: int) -> list[tuple[str | None, int, int]]:
    """Who is heard from where to where, in samples, when the caller hears a tone between two samples."""
    track = np.zeros(2 * RATE, np.int16)
    track[first:last] = (8000 * np.sin(np.arange(last - first))).astype(np.int16)
    voices = [found.data for found in voices_by_wire("call", events, track, RATE)]
    return [(voice["persona"], voice["start_sample"], voice["samples"]) for voice in voices]


@pytest.mark.parametrize("late_ns", [0, 1, 62_000, 62_499, 1_500_000, 4_900_000])
def test_sound_that_seems_to_begin_a_little_before_its_audio_arrives_is_that_audio(late_ns: int) -> None:
    # The window in which sound is located begins before it, and a moment lies anywhere inside its sample.
    start_ns = 500 * MS + late_ns
    events = [persona(0, 1, "advisor"), started(start_ns, 1)]
    assert heard(events, start_ns * RATE // 10**9, 16_000) == [("advisor", 8000, 8000)]


def test_sound_before_any_audio_arrived_is_nobodys() -> None:
    events = [persona(0, 1, "advisor"), started(600 * MS, 1)]
    assert heard(events, 8000, 16_000) == [(None, 8000, 1600), ("advisor", 9600, 6400)]


def test_an_answer_stays_with_the_agent_that_began_it_though_the_session_is_configured_anew() -> None:
    events = [persona(0, 1, "triage"), started(500 * MS, 1), persona(520 * MS, 1, "advisor")]
    assert heard(events, 8800, 16_000) == [("triage", 8800, 7200)]


def test_sound_changes_hands_where_other_audio_begins_to_arrive() -> None:
    events = [persona(0, 1, "triage"), persona(0, 2, "advisor"), started(500 * MS, 1), started(750 * MS, 2)]
    assert heard(events, 8000, 16_000) == [("triage", 8000, 4000), ("advisor", 12_000, 4000)]
