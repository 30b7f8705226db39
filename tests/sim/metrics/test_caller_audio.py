"""Which of the caller's audio reached the provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomkit_sim.sim.metrics.caller_audio import HEAD_MS, TAIL_MS, CallerAudio, Stretch, account, hang_up_ns
from roomkit_sim.sim.metrics.waterfall import measure
from roomkit_sim.sim.trace.record import CallRecord

Made = Callable[..., CallRecord]
FIRST, LAST = HEAD_MS, 10_000 - TAIL_MS


def ms(stretches: tuple[Stretch, ...]) -> list[tuple[float, float]]:
    return [(stretch.start_ns / 1e6, stretch.end_ns / 1e6) for stretch in stretches]


def accounted(record: CallRecord) -> CallerAudio:
    audio = account(record)
    assert audio is not None
    return audio


def test_audio_that_all_arrived_once_is_neither_lost_nor_doubled(call: Made) -> None:
    audio = accounted(call([(0, 10_000)]))
    assert (audio.lost, audio.doubled) == ((), ())
    assert (audio.lost_ms(), audio.doubled_ms()) == (0, 0)
    assert ms((audio.accounted,)) == [(FIRST, LAST)]


def test_what_arrived_on_two_connections_in_turn_is_whole(call: Made) -> None:
    assert accounted(call([(0, 4000), (4000, 10_000)])).lost == ()


def test_a_hole_is_lost_and_an_overlap_is_doubled(call: Made) -> None:
    audio = accounted(call([(0, 4000), (4500, 7000), (6800, 10_000)]))
    assert (ms(audio.lost), ms(audio.doubled)) == ([(4000, 4500)], [(6800, 7000)])
    assert (audio.lost_ms(), audio.doubled_ms()) == (500, 200)


def test_what_arrived_three_times_is_doubled_once(call: Made) -> None:
    assert accounted(call([(0, 10_000), (2000, 2500), (2000, 2500)])).doubled_ms() == 500


def test_a_part_of_the_call_can_be_asked_for(call: Made) -> None:
    audio = accounted(call([(0, 4000), (5000, 10_000)]))
    assert audio.lost_ms(4_500 * 10**6, 20_000 * 10**6) == 500
    assert audio.lost_ms(None, 4_200 * 10**6) == 200
    assert audio.lost_ms(5_000 * 10**6, 6_000 * 10**6) == 0


def test_the_head_and_the_tail_of_the_call_do_not_count(call: Made) -> None:
    assert accounted(call([(FIRST, LAST)])).lost == ()
    audio = accounted(call([(FIRST + 10, LAST - 10)]))
    assert ms(audio.lost) == [(FIRST, FIRST + 10), (LAST - 10, LAST)]


@pytest.mark.parametrize(("hole_ms", "lost_ms"), [(2, 0), (3, 3)])
def test_stretches_that_the_alignment_cannot_tell_are_left_out(call: Made, hole_ms: int, lost_ms: int) -> None:
    assert accounted(call([(0, 4000), (4000 + hole_ms, 10_000)])).lost_ms() == lost_ms


def test_nothing_is_said_where_audio_is_not_accounted_for(call: Made) -> None:
    assert account(call(None)) is None


def test_nothing_is_said_of_a_call_that_was_never_set_up(call: Made) -> None:
    record = call([(0, 10_000)])
    events = tuple(event for event in record.events if event.name != "wire.received")
    assert account(replace(record, events=events)) is None


def test_before_the_line_is_connected_nothing_can_be_lost(call: Made) -> None:
    record = call([(2000, 10_000)])
    events = tuple(
        event if event.name != "line.connected" else type(event)(2_000 * 10**6, 0, "call", "line", "connected", {})
        for event in record.events
    )
    late = replace(record, events=events)
    assert accounted(late).accounted.start_ns == (2000 + HEAD_MS) * 10**6


def test_what_is_said_while_the_application_has_muted_the_caller_is_not_lost(call: Made) -> None:
    mute = [
        (3000, "line.effect", {"effect": "input_muted", "muted": True}),
        (3500, "line.effect", {"effect": "input_muted", "muted": True}),
        (5000, "line.effect", {"effect": "input_muted", "muted": False}),
    ]
    audio = accounted(call([(0, 2800), (5300, 10_000)], mute))
    assert ms(audio.lost) == [(2800, 3000), (5000, 5300)]


def test_muted_to_the_end_is_not_lost_to_the_end(call: Made) -> None:
    mute = [(3000, "line.effect", {"effect": "input_muted", "muted": True})]
    assert accounted(call([(0, 3000)], mute)).lost == ()


@pytest.mark.parametrize("name", ["caller.hang_up", "line.disconnected", "caller.cut_off"])
def test_the_call_ends_when_somebody_hangs_up(call: Made, name: str) -> None:
    record = call([(0, 5000)], [(5000, name, {})])
    assert hang_up_ns(record) == 5_000 * 10**6
    assert accounted(record).lost == ()


@pytest.mark.parametrize("closed_at", [8100, 8900])
def test_audio_that_waited_for_a_new_session_when_the_caller_hung_up_is_no_loss(call: Made, closed_at: int) -> None:
    switch = [
        (8000, "runtime.reconfigure", {"step": "started"}),
        (closed_at, "wire.close", {"conn": 1, "code": 1000}),
        (9500, "runtime.reconfigure", {"step": "retry"}),
    ]
    assert accounted(call([(0, 8000)], switch)).lost == ()


@pytest.mark.parametrize(
    ("then", "lost"),
    [
        ([], []),
        ([(4500, "runtime.connection", {"step": "go_away"})], []),
        ([(4500, "runtime.connection", {"step": "resumed"})], [(4000, 5000)]),
    ],
)
def test_audio_that_waited_for_a_connection_when_the_caller_hung_up_is_no_loss(
    call: Made, then: list[Any], lost: list[Any]
) -> None:
    replacing = (4000, "runtime.connection", {"step": "reconnecting"})
    audio = accounted(call([(0, 4000)], [replacing, *then, (5000 + TAIL_MS, "caller.hang_up", {})]))
    assert ms(audio.lost) == lost


def test_audio_that_was_lost_in_a_switch_that_was_completed_is_a_loss(call: Made) -> None:
    switch = [
        (8000, "runtime.reconfigure", {"step": "started"}),
        (8500, "runtime.reconfigure", {"step": "completed"}),
    ]
    assert ms(accounted(call([(0, 8000), (8500, 10_000)], switch)).lost) == [(8000, 8500)]


def test_what_is_said_to_a_person_who_took_over_is_no_loss(call: Made) -> None:
    human = [(6000, "runtime.handoff_decided", {"accepted": True, "from": "agent-a", "to": "human"})]
    assert accounted(call([(0, 6000)], human)).lost == ()


spans = st.lists(st.tuples(st.integers(0, 9_999), st.integers(0, 9_999)).map(sorted).map(tuple), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(spans)
def test_every_millisecond_is_counted_as_often_as_it_arrived(call: Made, arrived: list[Any]) -> None:
    times = [sum(start <= at < end for start, end in arrived) for at in range(FIRST, LAST)]
    if not arrived:
        return
    audio = accounted(call(arrived))

    def counted(wanted: list[bool]) -> int:
        """Runs of at least three milliseconds."""
        runs, run = 0, 0
        for value in [*wanted, False]:
            if value:
                run += 1
            else:
                runs += run if run >= 3 else 0
                run = 0
        return runs

    assert audio.lost_ms() == counted([count == 0 for count in times])
    assert audio.doubled_ms() == counted([count > 1 for count in times])


@pytest.mark.parametrize(("start", "end", "part"), [(0, 10, (5, 8)), (6, 7, (6, 7)), (7, 99, (7, 8)), (8, 9, None)])
def test_the_part_of_a_stretch_between_two_moments(start: int, end: int, part: tuple[int, int] | None) -> None:
    assert Stretch(5, 8).within(start, end) == (Stretch(*part) if part else None)


# In a handoff


HANDOFF: list[tuple[int, str, dict[str, Any]]] = [
    (4000, "server.tool_call", {"conn": 1, "name": "handoff_conversation", "args": {"target": "agent-b"}}),
    (4010, "runtime.handoff_decided", {"accepted": True, "from": "agent-a", "to": "agent-b"}),
    (4020, "runtime.state", {"agent": "agent-b", "why": "handoff"}),
    (9_990, "line.agent_voice", {"agent": "agent-b", "start_sample": 6000 * 16, "samples": 16_000}),
]


def test_a_handoffs_lost_audio_is_that_between_its_call_and_the_new_voice(call: Made) -> None:
    [handoff] = measure(call([(0, 3900), (4100, 5950), (6100, 8000), (8500, 10_000)], HANDOFF))
    assert handoff.caller_lost_ms == 100 + 50
    assert handoff.caller_doubled_ms == 0
    assert handoff.handoff.completed
    assert handoff.latencies.commit_ms == 10


def test_a_handoff_that_never_completed_counts_to_the_end(call: Made) -> None:
    [handoff] = measure(call([(0, 4000), (4500, 8000), (8500, 10_000)], HANDOFF[:3]))
    assert (handoff.caller_lost_ms, handoff.handoff.completed) == (1000, False)
    assert handoff.latencies.ear_ms is None


def test_without_accounting_a_handoff_has_no_numbers_of_audio(call: Made) -> None:
    [handoff] = measure(call(None, HANDOFF))
    assert (handoff.caller_lost_ms, handoff.caller_doubled_ms) == (None, None)
