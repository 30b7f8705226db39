"""Replays of what was recorded in real time are held to its moments."""

from __future__ import annotations

import pytest

from roomkit_sim.sim.cassette.model import Event, Frame, Plain, RecordedConnection, Sound
from roomkit_sim.sim.cassette.pace import Pace
from roomkit_sim.sim.cassette.script import Script, server_steps

MS = 1_000_000
DIALLED = 5000
"""When the connection was dialled in the recording, in milliseconds of the run."""

BYTES_PER_MS = 32


def told(t_ms: int) -> Frame:
    return Frame("sent", t_ms * MS, False, Plain({}))


def said(t_ms: int) -> Frame:
    return Frame("received", t_ms * MS, False, Plain({}))


def heard(t_ms: int) -> Frame:
    size = 20 * BYTES_PER_MS
    return Frame("sent", t_ms * MS, False, Sound({"a": "<audio>"}, ("a",), size, bytes(size)))


def paced(*events: Event, scale: float = 1.0) -> Script:
    connection = RecordedConnection(1, None, 0, "h", "/", 101, 0, {}, {}, events, {})
    pace = Pace(round(DIALLED * MS * scale), scale)
    return Script(server_steps(connection), scale=scale, pace=pace, audio_rate=BYTES_PER_MS * 1000)


def due_ms(script: Script) -> float | None:
    due = script.due_ns()
    return None if due is None else due / MS


@pytest.mark.parametrize(
    ("answers_at", "due"),
    [(100, 300), (90, 300), (1, 300), (-151, 49), (130, 300), (131, 331), (900, 1100)],
    ids=["as recorded", "10 ms early", "99 ms early", "251 ms early", "30 ms late", "31 ms late", "0.8 s late"],
)
def test_an_answer_to_a_client_that_is_a_little_early_or_late_has_its_recorded_moment(
    answers_at: int, due: int
) -> None:
    script = paced(told(100), said(300))
    script.opened((DIALLED - 200) * MS)
    script.told((DIALLED + answers_at) * MS)
    assert due_ms(script) == DIALLED + due


def test_nothing_comes_before_the_message_that_caused_it() -> None:
    script = paced(told(100), said(101))
    script.opened(DIALLED * MS)
    script.told((DIALLED + 120) * MS)
    assert due_ms(script) == DIALLED + 120


def test_sound_that_is_a_frame_late_is_not_waited_for() -> None:
    script = paced(*(heard(20 * n) for n in range(1, 11)), said(201))
    script.opened(DIALLED * MS)
    for n in range(1, 9):
        script.heard(20 * BYTES_PER_MS, (DIALLED + 10 + 20 * n) * MS)
        assert due_ms(script) is None
    script.heard(20 * BYTES_PER_MS, (DIALLED + 190) * MS)
    assert due_ms(script) == DIALLED + 201


def test_sound_that_is_later_is_waited_for() -> None:
    script = paced(*(heard(20 * n) for n in range(1, 11)), said(201))
    script.opened(DIALLED * MS)
    for n in range(1, 10):
        script.heard(20 * BYTES_PER_MS, (DIALLED + 500 + 20 * n) * MS)
    assert due_ms(script) is None
    script.heard(20 * BYTES_PER_MS, (DIALLED + 700) * MS)
    assert due_ms(script) == DIALLED + 701


def test_after_the_client_has_closed_no_sound_is_waited_for() -> None:
    script = paced(heard(20), said(40))
    script.opened(DIALLED * MS)
    script.deafen()
    assert due_ms(script) == DIALLED + 40


def test_moments_are_scaled_with_the_replay() -> None:
    script = paced(told(100), said(300), scale=0.5)
    script.opened(round(DIALLED * 0.5) * MS)
    script.told(round((DIALLED + 90) * 0.5) * MS)
    assert due_ms(script) == (DIALLED + 300) * 0.5
