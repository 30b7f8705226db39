"""When a replayed server does what it did."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.sim.cassette.model import Close, Event, Frame, Loss, Plain, RecordedConnection, Sound
from roomkit_sim.sim.cassette.mutation import Mutation
from roomkit_sim.sim.cassette.script import Script, client_steps, mutated, server_steps

MS = 1_000_000
OPENED = 100


def told(t_ms: int, what: str = "") -> Frame:
    return Frame("sent", t_ms * MS, False, Plain({"told": what}))


def said(t_ms: int, what: str = "") -> Frame:
    return Frame("received", t_ms * MS, False, Plain({"said": what}))


def heard(t_ms: int, size: int = 640) -> Frame:
    return Frame("sent", t_ms * MS, False, Sound({"a": "<audio>"}, ("a",), size, bytes(size)))


def recorded(*events: Event) -> RecordedConnection:
    return RecordedConnection(1, None, 0, "h", "/", 101, OPENED * MS, {}, {}, events, {})


def script_of(*events: Event, **settings: object) -> Script:
    return Script(server_steps(recorded(*events)), **settings)  # type: ignore[arg-type]


def due_ms(script: Script) -> float | None:
    due = script.due_ns()
    return None if due is None else due / MS


def test_what_the_server_says_first_comes_as_long_after_the_opening_as_it_did() -> None:
    script = script_of(said(130))
    assert due_ms(script) is None
    script.opened(1000 * MS)
    assert due_ms(script) == 1030


def test_it_comes_after_the_message_that_came_before_it_whenever_that_comes() -> None:
    script = script_of(told(150), said(200), said(205))
    script.opened(0)
    assert due_ms(script) is None
    script.told(5000 * MS)
    assert due_ms(script) == 5050
    script.take(5050 * MS)
    assert due_ms(script) == 5055


def test_a_message_of_the_same_instant_counts_as_cause_only_when_it_stands_before() -> None:
    script = script_of(said(200), told(200), said(200))
    script.opened(0)
    assert due_ms(script) == 100
    script.take(100 * MS)
    assert due_ms(script) is None
    script.told(100 * MS)
    assert due_ms(script) == 100


def test_it_waits_for_as_much_audio_as_had_left() -> None:
    script = script_of(heard(120), heard(140), said(150))
    script.opened(0)
    script.heard(640, 500 * MS)
    assert due_ms(script) is None
    script.heard(640, 520 * MS)
    assert due_ms(script) == 530


def test_audio_of_the_same_instant_is_no_cause() -> None:
    script = script_of(heard(120), heard(140), said(140))
    script.opened(0)
    script.heard(640, 500 * MS)
    assert due_ms(script) == 520


def test_both_causes_must_have_come() -> None:
    script = script_of(told(110), heard(140), said(150))
    script.opened(0)
    script.heard(640, 40 * MS)
    assert due_ms(script) is None
    script.told(300 * MS)
    assert due_ms(script) == 340


def test_audio_that_is_ignored_is_no_cause() -> None:
    script = script_of(told(110), heard(140), said(150), waits_for_audio=False)
    script.opened(0)
    script.told(10 * MS)
    assert due_ms(script) == 50


@given(
    st.lists(st.integers(1, 2000), min_size=1, max_size=30),
    st.lists(st.integers(1, 60_000), max_size=8),
)
def test_it_does_not_matter_how_the_audio_is_cut(recorded_sizes: list[int], cuts: list[int]) -> None:
    """All audio at one instant, in any portions: every answer is due at the same times as after one portion."""
    total = sum(recorded_sizes)
    events: list[Event] = []
    for n, size in enumerate(recorded_sizes):
        events += [heard(110 + 20 * n, size), said(115 + 20 * n)]

    def dues(portions: Sequence[int]) -> list[float | None]:
        script = script_of(*events)
        script.opened(0)
        for portion in portions:
            script.heard(portion, 700 * MS)
        found = []
        while (due := due_ms(script)) is not None:
            found.append(due)
            script.take(round(due * MS))
        return found

    marks = sorted({0, *(cut % total for cut in cuts), total})
    portions = [b - a for a, b in pairwise(marks)]
    assert dues(portions) == dues([total])
    assert len(dues([total])) == len(recorded_sizes)


def test_times_can_be_scaled() -> None:
    script = script_of(told(150), said(250), scale=0.25)
    script.opened(0)
    script.told(10 * MS)
    assert due_ms(script) == 35


def test_the_clients_audio_is_none_of_its_steps() -> None:
    steps = client_steps(recorded(told(1), heard(2), said(3), Close("sent", 4, 1000, "")))
    assert [(step.number, type(step.event)) for step in steps] == [(1, Frame), (2, Close)]


def test_the_end_of_tcp_is_the_servers_when_the_server_ended_it() -> None:
    assert [step.event for step in server_steps(recorded(Loss(1, "server", None)))] == [Loss(1, "server", None)]
    assert server_steps(recorded(Loss(1, "client", None))) == []


def test_what_a_client_did_not_wait_for_can_be_left_out() -> None:
    script = script_of(
        told(110), said(200, "late"), Close("sent", 300 * MS, 1000, ""), Close("received", 340 * MS, 1000, "")
    )
    script.opened(0)
    script.told(10 * MS)
    script.told(20 * MS)
    skipped = script.skip_before(2)
    assert [step.event for step in skipped] == [said(200, "late")]
    assert due_ms(script) == 60


THREE = (said(110, "1"), said(120, "2"), said(130, "3"))


@pytest.mark.parametrize(
    ("mutation", "expected"),
    [
        (Mutation("drop", 1, 2), ["1", "3"]),
        (Mutation("repeat", 1, 2), ["1", "2", "2", "3"]),
        (Mutation("reorder", 1, 2), ["1", "3", "2"]),
        (Mutation("reorder", 1, 3), ["1", "2", "3"]),
        (Mutation("close", 1, 2, code=1011, reason="broken"), ["1", (1011, "broken"), "end"]),
        (Mutation("close", 1, 2, code=1006), ["1", "end"]),
        (Mutation("drop", 1, 9), ["1", "2", "3"]),
    ],
    ids=str,
)
def test_a_mutation_changes_what_comes(mutation: Mutation, expected: list[object]) -> None:
    found: list[object] = []
    for step in mutated(server_steps(recorded(*THREE)), [mutation]):
        match step.event:
            case Frame(body=Plain({"said": what})):
                found.append(what)
            case Close(code=code, reason=reason):
                found.append((code, reason))
            case _:
                found.append("end")
    assert found == expected


def test_a_delay_holds_up_what_comes_after_it() -> None:
    script = Script(mutated(server_steps(recorded(*THREE)), [Mutation("delay", 1, 2, delay_ms=15)]))
    script.opened(0)
    times = []
    while (due := script.due_ns()) is not None:
        times.append(due / MS)
        script.take(due)
    assert times == [10, 35, 35]


def test_a_truncated_frame_is_marked() -> None:
    steps = mutated(server_steps(recorded(*THREE)), [Mutation("truncate", 1, 1)])
    assert [step.truncated for step in steps] == [True, False, False]


@pytest.mark.parametrize(("do", "settings"), [("delay", {}), ("drop", {"delay_ms": 1}), ("drop", {"frame": 0})])
def test_a_mutation_that_means_nothing_is_refused(do: str, settings: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        Mutation(do, **{"conn": 1, "frame": 1, **settings})  # type: ignore[arg-type]
