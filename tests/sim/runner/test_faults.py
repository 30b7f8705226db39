"""Faults strike when and what they are meant to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim import Run, simulate
from roomkit_sim.sim.faults.choice import fault_choice
from roomkit_sim.sim.scenario.loader import load
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.trace.handoffs import handoffs
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.stage_marks import StageWatch, stage_mark
from tests.sim.runner.finance_line import ROOT, SCENARIOS, application, short_call

LATE_NS = 20_000_000
"""Audio is read from samples, events come with frames of 20 ms."""

SHIPPED = sorted(path for path in (ROOT / "scenarios").rglob("*.scenario.yaml"))


def disturbed(*faults: dict[str, Any], mode: Mode | None = None, **changes: Any) -> Run:
    return simulate(
        short_call(faults=list(faults), **changes), app=application(), base_dir=SCENARIOS, mode=mode or Mode()
    )


def struck(run: Run) -> list[dict[str, Any]]:
    return [dict(event.data) for event in run.record.events if event.name == "world.fault"]


def at_ms(run: Run, name: str, **data: Any) -> list[float]:
    return [
        event.t_ns / 1e6
        for event in run.record.events
        if event.name == name and all(event.data.get(key) == value for key, value in data.items())
    ]


@pytest.fixture(scope="module")
def undisturbed() -> CallRecord:
    return simulate(short_call(), app=application(), base_dir=SCENARIOS).record


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name.partition(".")[0])
def test_live_stages_of_shipped_scenarios_are_those_that_are_measured(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for source in load(path):
        for call in simulate(source).calls:
            for handoff in handoffs(call.record):
                for stage, measured_ns in handoff.stages.items():
                    mark = stage_mark(call.record, handoff.n, stage)
                    assert mark is not None, (handoff.n, stage)
                    watch = StageWatch(mark)
                    (live_ns,) = [event.t_ns + mark.offset_ns for event in call.record.events if watch.feed(event)]
                    assert measured_ns <= live_ns <= measured_ns + LATE_NS, (handoff.n, stage)


@pytest.mark.parametrize("stage", [f"H{number}" for number in range(12) if number != 5])
def test_a_fault_strikes_at_the_stage_that_it_names(undisturbed: CallRecord, stage: str) -> None:
    """A stall of a millisecond changes nothing before it, and next to nothing after."""
    run = disturbed({"do": "stall", "ms": 1, "stage": stage})
    (fault_ms,) = at_ms(run, "world.fault")
    measured_ms = handoffs(undisturbed)[0].stages[stage] / 1e6
    # Between H6 and the next dial there is no connection to strike.
    assert measured_ms <= fault_ms <= measured_ms + (120 if stage == "H6" else LATE_NS / 1e6)
    assert struck(run)[0]["where"] == f"{stage} of handoff 1"


def test_a_fault_after_an_event_and_a_delay_strikes_then() -> None:
    run = disturbed({"do": "stall", "ms": 1, "after": {"event": "runtime.state", "nth": 2}, "delay_ms": 30})
    (fault_ms,), states = at_ms(run, "world.fault"), at_ms(run, "runtime.state")
    assert fault_ms == states[1] + 30


def test_a_message_fault_strikes_the_very_message_that_it_names() -> None:
    run = disturbed({"do": "drop", "frame": {"name": "toolCall"}})
    assert at_ms(run, "wire.received", frame="toolCall") == []
    assert len(at_ms(run, "server.tool_call")) == 1
    assert [fault["what"] for fault in struck(run)] == ["drop"]


@pytest.mark.parametrize("name", ["serverContent.turnComplete", "usageMetadata"])
def test_a_message_that_has_several_parts_is_found_by_each(name: str) -> None:
    [whole], [part] = (
        at_ms(disturbed({"do": "duplicate", "frame": {"name": named}}), "world.fault")
        for named in ("serverContent.turnComplete+usageMetadata", name)
    )
    assert part == whole


def test_any_other_fault_comes_right_after_the_message() -> None:
    run = disturbed({"do": "cut", "frame": {"name": "toolCall"}})
    assert at_ms(run, "wire.received", frame="toolCall") == at_ms(run, "world.fault")


def test_messages_of_the_client_are_counted_too() -> None:
    run = disturbed({"do": "stall", "ms": 1, "frame": {"direction": "up", "n": 1, "conn": 2}})
    (fault_ms,), setups = at_ms(run, "world.fault"), at_ms(run, "wire.sent", frame="setup", conn=2)
    assert [fault_ms] == setups


KINDS: list[tuple[dict[str, Any], Callable[[Run], bool]]] = [
    ({"do": "cut"}, lambda run: bool(at_ms(run, "wire.close", code=1006))),
    ({"do": "cut", "how": "close"}, lambda run: bool(at_ms(run, "wire.close", code=1006))),
    ({"do": "close", "code": 1012}, lambda run: bool(at_ms(run, "wire.close", code=1012, by="server"))),
    ({"do": "go_away", "time_left_ms": 900}, lambda run: bool(at_ms(run, "server.go_away"))),
    ({"do": "corrupt", "how": "no_json"}, lambda run: bool(at_ms(run, "wire.received", frame="unreadable"))),
    ({"do": "corrupt", "how": "bad_frame"}, lambda run: bool(at_ms(run, "wire.close", code=1002))),
    ({"do": "refuse", "how": "dns"}, lambda run: len(at_ms(run, "wire.dial")) == 3),
    ({"do": "refuse", "how": 503}, lambda run: bool(at_ms(run, "wire.rejected", status=503))),
]


@pytest.mark.parametrize(("fault", "shows"), KINDS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_a_fault_does_what_it_says(fault: dict[str, Any], shows: Callable[[Run], bool]) -> None:
    run = disturbed({**fault, "stage": "H2"})
    assert len(struck(run)) == 1
    assert shows(run)


def test_faults_of_several_connections_each_have_their_moment() -> None:
    run = disturbed({"do": "cut", "stage": "H8"}, {"do": "cut", "stage": "H10"})
    assert [fault["where"] for fault in struck(run)] == ["H8 of handoff 1", "H10 of handoff 1"]


MISSED: list[tuple[dict[str, Any], str]] = [
    (
        {"do": "cut", "stage": "H4", "handoff": 2},
        r"cut \(at H4 of handoff 2\) never struck: the undisturbed call has no H4 of handoff 2",
    ),
    (
        {"do": "cut", "after": {"event": "runtime.handoff_decided", "nth": 2}},
        r"cut \(at runtime.handoff_decided 2\) never struck: the event happened only 1 time",
    ),
    (
        {"do": "cut", "after": "caller.repeat"},
        r"cut \(at caller.repeat 1\) never struck: the event did not happen in this call",
    ),
    (
        {"do": "drop", "frame": {"n": 2, "conn": 1, "name": "toolCall"}},
        r"drop \(at down frame 2 toolCall of connection 1\) never struck: only 1 such message passed",
    ),
    ({"do": "drop", "frame": {"conn": 7}}, "drop .* never struck: no such message passed"),
    (
        {"do": "drop", "frame": {"name": "goAway"}},
        r"no such message passed; those that went down were setupComplete, .*serverContent.turnComplete\+usageMetadata",
    ),
    (
        {"do": "refuse", "stage": "H11"},
        r"refuse: refused \(at H11 of handoff 1\) never struck: its moment came at \S+ s, and nothing was dialled",
    ),
    (
        {"do": "cut", "stage": "H2", "delay_ms": 50_000},
        r"never struck: its moment came at \d+\.\d{3} s, and the run ended before it was due",
    ),
    ({"do": "cut", "at_ms": 59_000}, r"cut \(at 59000 ms\) never struck: the run ended before, at \d+\.\d{3} s"),
    (
        {"do": "flip", "switch": "gemini.resume_rejects_long_instructions", "at_ms": 0},
        r"came at 0\.000 s, and the service had no occasion .* What it does: a resume with long instructions",
    ),
]


@pytest.mark.parametrize(("fault", "why"), MISSED, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_a_fault_that_never_struck_is_named_with_the_reason(fault: dict[str, Any], why: str) -> None:
    # A fault that strikes twice does not stand in for one that does not.
    run = disturbed({"do": "duplicate", "count": 2, "at_ms": 1500}, fault)
    [message] = [finding.message for finding in run.findings if finding.code == "INVALID002"]
    assert re.match(f".*{why}", message), message


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes the short call into a file."""
    (tmp_path / "audio").symlink_to(SCENARIOS / "audio")

    def write(**changes: Any) -> Path:
        path = tmp_path / "short.scenario.yaml"
        path.write_text(yaml.safe_dump(short_call(app="not.used:here", **changes), sort_keys=False))
        return path

    return write


def line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_a_fault_that_never_struck_has_its_line(written: Callable[..., Path]) -> None:
    path = written(faults=[{"do": "stall", "ms": 1, "at_ms": 1}, {"do": "drop", "frame": {"conn": 7}}])
    [finding] = [f for f in simulate(path, app=application()).findings if f.code == "INVALID002"]
    assert finding.where == f"{path}:{line_of(path, '- do: drop')}"


def test_a_fault_of_a_scenario_with_several_calls_has_its_line(written: Callable[..., Path]) -> None:
    parts = short_call()
    one = {key: parts[key] for key in ("caller", "expect")}
    path = written(faults=[{"do": "drop", "frame": {"conn": 7}}], caller=None, expect=None)
    document = yaml.safe_load(path.read_text()) | {"calls": [{"name": "only", **one}]}
    path.write_text(yaml.safe_dump({key: value for key, value in document.items() if value}, sort_keys=False))
    [finding] = [f for f in simulate(path, app=application()).findings if f.code == "INVALID002"]
    assert finding.where == f"{path}:{line_of(path, '- do: drop')}"


def test_a_fault_of_a_plan_that_never_struck_has_the_line_of_the_plan(tmp_path: Path) -> None:
    plan = tmp_path / "rain.yaml"
    plan.write_text("- {do: stall, ms: 1, at_ms: 1}\n- {do: drop, frame: {conn: 7}}\n")
    [condition] = fault_choice(str(plan)).conditions
    run = simulate(short_call(), app=application(), base_dir=SCENARIOS, condition=condition)
    [finding] = [f for f in run.findings if f.code == "INVALID002"]
    assert finding.where == f"{plan}:2"


def test_a_switch_that_did_nothing_has_its_line(written: Callable[..., Path]) -> None:
    path = written(switches=["any.slow_frames", "any.parallel_tools"])
    [finding] = [f for f in simulate(path, app=application()).findings if f.code == "INVALID010"]
    assert finding.where == f"{path}:{line_of(path, '- any.parallel_tools')}"
    assert "What it does: a tool call comes in one batch" in finding.message


def test_a_switch_of_another_provider_is_left_out_as_among_the_switches() -> None:
    both = {"gemini-live": "not.used:here", "openai-realtime": "not.used:here"}
    flips = [{"do": "flip", "switch": name, "at_ms": 0} for name in ("openai.voice_ignored", "any.slow_frames")]
    run = disturbed(*flips, app=both)
    assert [finding.code for finding in run.findings if finding.code.startswith("INVALID")] == []
    assert [fault["what"] for fault in struck(run)] == ["flip: any.slow_frames"]


def test_a_flip_that_concerns_no_provider_of_the_scenario_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"faults\.0\.switch: 'openai\.voice_ignored' is no switch of gemini-live"):
        disturbed({"do": "flip", "switch": "openai.voice_ignored", "at_ms": 0})


def test_the_same_faults_repeat_the_same_bytes() -> None:
    from roomkit_sim.sim.trace.files import digest

    one, other = (disturbed({"do": "reorder", "stage": "H1"}, {"do": "slow", "stage": "H3"}) for _ in range(2))
    assert digest(one.record.events) == digest(other.record.events)


HURRIED: dict[str, Any] = {
    "script": [
        {"wait": {"for": "time", "ms": 300}},
        {"say": {"id": "ask-advice", "text": "Hello, I would like some advice about my portfolio."}},
        {"wait": {"for": "agent_speech", "persona": "advisor", "within_ms": 6000}},
        {"wait": {"for": "agent_silence", "ms": 300}},
        "hang_up",
    ]
}


def test_faults_strike_in_real_time_at_the_stages_of_the_simulated_call() -> None:
    run = disturbed({"do": "cut", "stage": "H4"}, {"do": "slow", "stage": "H3"}, mode=Mode("real"), caller=HURRIED)
    told = [(fault["what"], fault["conn"] is not None) for fault in struck(run)]
    assert sorted(told) == [("cut", True), ("slow", False)]
    invalid = [finding.message for finding in run.findings if finding.code == "INVALID002"]
    why = "a slow link needs simulated time: sockets of this machine have no speed to take away"
    assert invalid == [f"slow (at H3 of handoff 1) never struck: {why}"]
