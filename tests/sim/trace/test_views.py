"""Routes, phases, connections, voices and positions, read from traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.sim.trace.connections import connections
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.trace.route import phases, route
from roomkit_sim.sim.trace.speech import agent_speech, heard_utterances, utterances, voices_of_agent

if TYPE_CHECKING:
    from conftest import Story

Begin = Callable[[], "Story"]


# Routes


def test_the_route_is_who_was_in_charge_one_after_the_other(story: Begin) -> None:
    told = (
        story()
        .at(0, "runtime.session_started", agent="agent-triage")
        .at(1, "runtime.routed", agent="agent-triage", why="session_start")
        .at(2, "runtime.state", phase="advising", agent="agent-advisor")
        .at(3, "runtime.routed", agent="agent-advisor", why="handoff")
        .at(4, "runtime.state", phase="triage", agent="agent-triage")
    )
    steps = route(told.events())
    assert [step.name for step in steps] == ["agent-triage", "agent-advisor", "agent-triage"]
    assert [step.t_ns for step in steps] == [0, 2_000_000, 4_000_000]


def test_a_person_who_takes_over_is_on_the_route(story: Begin) -> None:
    told = (
        story()
        .at(0, "runtime.routed", agent="agent-triage")
        .at(1, "runtime.handoff_decided", accepted=True, from_="agent-triage", to="human")
        .at(2, "runtime.state", phase="handling", agent=None)
    )
    assert [step.name for step in route(told.events())] == ["agent-triage", "human"]


def test_a_refused_handoff_leads_nowhere(story: Begin) -> None:
    told = (
        story()
        .at(0, "runtime.routed", agent="agent-triage")
        .at(1, "runtime.handoff_decided", accepted=False, from_="agent-triage", to="human")
    )
    assert [step.name for step in route(told.events())] == ["agent-triage"]


def test_phases_follow_the_state_alone(story: Begin) -> None:
    told = (
        story()
        .at(0, "runtime.state", phase="triage", agent="a")
        .at(1, "runtime.handoff_decided", accepted=True, to_phase="closing", from_="a", to="b")
        .at(2, "runtime.state", phase="triage", agent="b")
        .at(3, "runtime.state", phase="advising", agent="b")
    )
    assert [step.name for step in phases(told.events())] == ["triage", "advising"]


def test_an_empty_trace_has_no_views(story: Begin) -> None:
    record = story().record()
    views = [route(()), phases(()), connections(()), utterances(record), agent_speech(record), heard_utterances(record)]
    assert [len(view) for view in views] == [0] * 6


# Connections


def test_a_connection_is_dialled_opened_ready_and_closed(story: Begin) -> None:
    told = (
        story()
        .at(0, "wire.dial", conn=1)
        .at(60, "wire.open", conn=1)
        .at(100, "wire.received", conn=1, frame="setupComplete")
        .at(150, "wire.received", conn=1, frame="setupComplete")
        .at(100, "server.persona", conn=1, name="triage", agent="agent-triage", voice="Kore")
        .at(900, "wire.close", conn=1, code=1001, by="server")
    )
    [view] = connections(told.events())
    times = (view.dialled_ns, view.opened_ns, view.ready_ns, view.closed_ns)
    assert times == (0, 60_000_000, 100_000_000, 900_000_000)
    assert (view.close_code, view.closed_by) == (1001, "server")
    spell = view.persona_at(100_000_000)
    assert spell is not None
    assert (spell.persona, spell.agent, spell.voice) == ("triage", "agent-triage", "Kore")
    assert view.persona_at(99_999_999) is None


@pytest.mark.parametrize(("t_ms", "is_open"), [(99, False), (100, True), (899, True), (900, False)])
def test_a_session_is_open_from_its_acknowledgement_to_its_close(story: Begin, t_ms: int, is_open: bool) -> None:
    told = story().at(0, "wire.dial", conn=1).at(100, "wire.received", conn=1, frame="setupComplete")
    [view] = connections(told.at(900, "wire.close", conn=1).events())
    assert view.open_at(t_ms * 1_000_000) is is_open


def test_what_never_happened_on_a_connection_has_no_time(story: Begin) -> None:
    [view] = connections(story().at(0, "wire.dial", conn=1).at(5, "wire.close", conn=1, code="x", by=3).events())
    assert (view.opened_ns, view.ready_ns, view.close_code, view.closed_by) == (None, None, None, None)
    assert not view.open_at(3)


def test_an_acknowledgement_together_with_something_else_counts(story: Begin) -> None:
    told = story().at(7, "wire.received", conn=1, frame="setupComplete+sessionResumptionUpdate")
    [view] = connections(told.events())
    assert view.ready_ns == 7_000_000


def test_several_connections_are_in_the_order_of_dialling(story: Begin) -> None:
    told = story().at(0, "wire.dial", conn=4).at(1, "wire.dial", conn=2).at(2, "wire.open", conn=4)
    assert [view.conn for view in connections(told.events())] == [4, 2]


# Speech


def test_voices_are_by_their_start_with_all_that_is_known_of_them(story: Begin) -> None:
    told = story().voice(500, 900, "agent-b", "Puck").voice(100, 400, "agent-a", "Kore")
    first, second = agent_speech(told.record())
    assert (first.agent, first.voice, first.start_ns, first.end_ns) == ("agent-a", "Kore", 100_000_000, 400_000_000)
    assert (second.agent, second.ms) == ("agent-b", 400)


def test_voices_at_once_are_named(story: Begin) -> None:
    told = story().at(0, "line.agent_voice", start_sample=0, samples=160, voice=None, mixed=["Kore", "Puck"])
    [span] = agent_speech(told.record())
    assert (span.voice, span.mixed) == (None, ("Kore", "Puck"))


def test_utterances_are_timed_by_their_samples_and_not_by_when_they_were_told(story: Begin) -> None:
    told = story().at(9000, "caller.speech_end", utterance="ask", start_sample=1600, end_sample=16_000)
    [utterance] = utterances(told.record())
    assert (utterance.start_ns, utterance.end_ns) == (100_000_000, 1_000_000_000)


def test_what_was_heard_says_on_which_connection(story: Begin) -> None:
    told = story().at(1, "server.heard", conn=1, utterance="ask").at(2, "server.heard", conn=2, utterance=None)
    assert [(item.utterance, item.conn) for item in heard_utterances(told.record())] == [("ask", 1), (None, 2)]


def test_the_voices_of_an_agent_are_those_it_was_configured_with(story: Begin) -> None:
    told = (
        story()
        .at(0, "server.persona", conn=1, agent="a", voice="Kore")
        .at(1, "server.persona", conn=2, agent="a", voice="Puck")
        .at(2, "server.persona", conn=3, agent="b", voice="Zephyr")
        .at(3, "server.persona", conn=4, agent="a", voice="")
    )
    assert voices_of_agent(told.record(), "a") == {"Kore", "Puck"}


# Positions


@given(st.integers(0, 10**9), st.sampled_from([8000, 16_000, 24_000, 44_100]))
def test_a_sample_and_its_time_are_the_same_place(sample: int, rate_hz: int) -> None:
    record = CallRecord("c", "c", "s", "p", "virtual", 0, "", "a:1", "run", rate_hz, ())
    assert record.sample(record.ns(sample)) == sample


@given(st.integers(0, 10**15))
def test_the_nearest_sample_is_at_most_half_a_sample_away(t_ns: int) -> None:
    record = CallRecord("c", "c", "s", "p", "virtual", 0, "", "a:1", "run", 16_000, ())
    assert abs(record.ns(record.sample(t_ns)) - t_ns) <= 31_250


@pytest.mark.parametrize(
    ("condition", "run"), [("", "scenario[gemini-live-s0]"), ("mobile", "scenario[gemini-live-s0-mobile]")]
)
def test_a_run_is_named_as_its_pytest_item(story: Begin, condition: str, run: str) -> None:
    assert story().record(condition=condition).run == run


def test_the_end_of_a_call_is_the_end_of_its_tracks_or_of_its_events(story: Begin) -> None:
    assert story().at(20_000, "world.seed").record().end_ns == 20_000 * 10**6
    assert story().at(5, "world.seed").record().end_ns == 12_000 * 10**6
    no_audio: Any = {"agent_audio": CallRecord("c", "c", "s", "p", "v", 0, "", "a", "r", 16_000, ()).agent_audio}
    assert story().record(**no_audio).end_ns == 0


def test_nothing_is_recorded_after_the_recorder_is_closed() -> None:
    recorder = Recorder("call", lambda: 0)
    recorder.emit("world", "seed")
    recorder.close()
    recorder.emit("wire", "close")
    assert [event.kind for event in recorder.events] == ["seed"]
