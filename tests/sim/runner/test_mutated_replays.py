"""A recording in which something goes wrong when it is replayed: what the runtime made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim import Run, simulate
from roomkit_sim.sim.cassette.library import open_cassette
from roomkit_sim.sim.cassette.model import Cassette, Frame, Plain
from roomkit_sim.sim.runner import stage
from roomkit_sim.sim.scenario.condition import Condition
from roomkit_sim.sim.scenario.fault_file import load_fault_plan
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.trace.files import digest
from tests.sim.runner.finance_line import SCENARIOS, application, short_call

Fault = Mapping[str, Any]


def play(folder: Path, faults: tuple[Fault, ...] = (), condition: Condition | None = None, **mode: Any) -> Run:
    return simulate(
        short_call(faults=[*faults]),
        app=application(),
        base_dir=SCENARIOS,
        mode=Mode(recordings=folder, **mode),
        condition=condition or Condition(),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("recordings")
    assert play(made, recording="all").passed
    return made


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> Run:
    return play(folder, against="replay")


@pytest.fixture
def disturbed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    def refuse(provider: str) -> Any:
        raise AssertionError("a replay needs no server")

    monkeypatch.setattr(stage, "server_class", refuse)
    return lambda *faults: play(folder, faults, against="replay")


def the_cassette(folder: Path) -> Cassette:
    [path] = folder.rglob("cassette.jsonl")
    return open_cassette(path)


def frame_of(folder: Path, conn: int, key: str) -> int:
    """Which frame of the server on a connection has this key first."""
    frames = [
        event
        for event in the_cassette(folder).connections[conn - 1].events
        if isinstance(event, Frame) and event.way == "received"
    ]
    places = (
        number for number, frame in enumerate(frames, 1) if isinstance(frame.body, Plain) and key in str(frame.body)
    )
    return next(places)


def at(conn: int, n: int) -> Fault:
    return {"frame": {"conn": conn, "n": n}}


def times_ms(run: Run, name: str) -> list[float]:
    return [event.t_ns / 1e6 for event in run.record.events if event.name == name]


def received(run: Run, conn: int) -> list[str]:
    """The server's messages as they reached the client."""
    return [
        str(event.data.get("frame"))
        for event in run.record.events
        if event.name == "wire.received" and event.data.get("conn") == conn
    ]


def codes(run: Run) -> list[str]:
    return [finding.code for finding in run.findings if finding.severity.fails]


def test_a_dropped_tool_call_never_becomes_a_handoff(folder: Path, disturbed: Callable[..., Run]) -> None:
    run = disturbed({"do": "drop", **at(1, frame_of(folder, 1, "toolCall"))})
    assert times_ms(run, "runtime.handoff_decided") == []
    assert "ROUTE001" in codes(run)
    assert "WIRE080" not in codes(run)


def test_a_delayed_tool_call_makes_the_handoff_late_by_as_much(
    folder: Path, undisturbed: Run, disturbed: Callable[..., Run]
) -> None:
    before, delay_ms = frame_of(folder, 1, "toolCall") - 1, 800
    run = disturbed({"do": "stall", "ms": delay_ms, "direction": "down", **at(1, before)})
    [struck], [decided] = times_ms(run, "world.fault"), times_ms(run, "runtime.handoff_decided")
    assert run.passed
    assert decided >= struck + delay_ms > times_ms(undisturbed, "runtime.handoff_decided")[0]


def test_a_repeated_tool_call_is_one_handoff(folder: Path, undisturbed: Run, disturbed: Callable[..., Run]) -> None:
    run = disturbed({"do": "duplicate", **at(1, frame_of(folder, 1, "toolCall"))})
    assert run.passed
    assert times_ms(run, "runtime.handoff_decided") == times_ms(undisturbed, "runtime.handoff_decided")
    assert [received(one, 1).count("toolCall") for one in (undisturbed, run)] == [1, 2]


def test_the_end_of_an_answer_that_changes_places_with_the_end_of_the_turn_ends_it_all_the_same(
    folder: Path, undisturbed: Run, disturbed: Callable[..., Run]
) -> None:
    run = disturbed({"do": "reorder", **at(2, frame_of(folder, 2, "generationComplete"))})
    assert run.passed
    ends = [
        [name for name in received(one, 2) if "Complete" in name and "setup" not in name] for one in (undisturbed, run)
    ]
    assert ends[1] == ends[0][::-1]
    # The caller hangs up after the answer: at the same moment.
    assert times_ms(run, "line.disconnected") == times_ms(undisturbed, "line.disconnected")


def test_a_truncated_tool_call_is_told_as_an_error_and_the_call_goes_on_without_it(
    folder: Path, disturbed: Callable[..., Run]
) -> None:
    run = disturbed({"do": "corrupt", "how": "truncated", **at(1, frame_of(folder, 1, "toolCall"))})
    assert len(times_ms(run, "runtime.error")) == 1
    assert times_ms(run, "runtime.handoff_decided") == []
    assert "APP005" in codes(run)


def test_a_connection_that_is_closed_is_dialled_again_which_no_recording_can_answer(
    folder: Path, disturbed: Callable[..., Run]
) -> None:
    run = disturbed({"do": "close", "code": 1011, **at(1, frame_of(folder, 1, "toolCall") - 1)})
    closed, [_, again] = times_ms(run, "wire.close"), times_ms(run, "wire.dial")
    assert closed[0] <= again
    [drift] = [finding for finding in run.findings if finding.code == "WIRE080"]
    assert "after       close at down frame 12 of connection 1" in drift.message


@pytest.mark.parametrize("conn", [1, 2])
def test_from_the_command_line_it_is_judged_against_the_recording_itself(
    conn: int, tmp_path: Path, folder: Path, disturbed: Callable[..., Run]
) -> None:
    """No server of ours is asked for what the call comes to undisturbed: ``disturbed`` forbids it."""
    path = tmp_path / "late.yaml"
    path.write_text(f"- {{do: stall, ms: 200, direction: down, frame: {{conn: {conn}, n: 2}}}}\n")
    named = load_fault_plan(path)
    run = play(folder, condition=Condition(named.name, named.faults), against="replay")
    [outcome] = [call.outcome for call in run.calls]
    assert outcome is not None
    assert outcome.kind == "survived"


def test_a_disturbed_replay_says_that_it_is_one(disturbed: Callable[..., Run]) -> None:
    assert disturbed({"do": "stall", "ms": 10, **at(1, 2)}).notes[-1].endswith("no longer what was recorded")
    assert disturbed().notes[-1].startswith("replayed: recorded from our own server on ")
    assert "disturbed" not in disturbed().notes[-1]


@pytest.mark.parametrize("recording", ["once", "new_episodes"])
def test_a_disturbed_replay_that_drifts_is_not_recorded_over_the_original(
    recording: Any, tmp_path: Path, folder: Path
) -> None:
    play(tmp_path, recording="all")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    fault = {"do": "close", "code": 1011, **at(1, frame_of(folder, 1, "toolCall") - 1)}
    play(tmp_path, (fault,), recording=recording)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


CUT = {"do": "cut", "at_ms": 1500}


def test_a_fault_that_happened_when_it_was_recorded_happens_once(tmp_path: Path) -> None:
    original = play(tmp_path, (CUT,), recording="all")
    assert len(times_ms(original, "world.fault")) == 1
    assert the_cassette(tmp_path).header.faults == (CUT,)
    again = play(tmp_path, (CUT,), against="replay")
    assert times_ms(again, "world.fault") == []
    assert times_ms(again, "wire.dial") == times_ms(original, "wire.dial")
    assert "disturbed" not in again.notes[-1]


def test_a_recording_with_faults_does_not_pass_for_one_with_others(tmp_path: Path) -> None:
    play(tmp_path, (CUT,), recording="all")
    for others in ((), ({"do": "cut", "at_ms": 1600},)):
        with pytest.raises(CassetteError, match=r"cassette\.jsonl:1: it was recorded with other faults") as caught:
            play(tmp_path, others, against="replay")
        assert "--sim-record=all" in str(caught.value)


def test_the_same_disturbance_leaves_the_same_trace(disturbed: Callable[..., Run]) -> None:
    fault = {"do": "drop", **at(2, 40)}
    assert digest(disturbed(fault).record.events) == digest(disturbed(fault).record.events)
