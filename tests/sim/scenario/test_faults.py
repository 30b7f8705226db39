from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim.scenario.caller import HangUp
from roomkit_sim.sim.scenario.condition import Condition
from roomkit_sim.sim.scenario.fault_file import load_fault_plan
from roomkit_sim.sim.scenario.faults import AfterEvent, AtFrame, Close, Corrupt, Cut, Flip, GoAway, Refuse, Stall
from roomkit_sim.sim.scenario.loader import load, parse
from tests.sim.runner.finance_line import short_call


def faults(*written: dict[str, Any]) -> Any:
    return parse(short_call(app="a.b:c", faults=list(written))).faults


def test_each_kind_of_fault_is_a_value_of_its_own_with_its_settings() -> None:
    assert faults(
        {"do": "cut", "how": "silent", "direction": "up", "stage": "H10", "handoff": 2},
        {"do": "stall", "ms": 5, "at_ms": 7},
        {"do": "corrupt", "how": "truncated", "frame": {"n": 3, "conn": 2}},
        {"do": "refuse", "how": 503, "times": 2, "after": "wire.close", "delay_ms": 10},
        {"do": "close", "code": 1008, "after": {"event": "runtime.state", "nth": 2}},
    ) == (
        Cut(how="silent", direction="up", stage="H10", handoff=2),
        Stall(ms=5, at_ms=7),
        Corrupt(how="truncated", frame=AtFrame(n=3, conn=2)),
        Refuse(how=503, times=2, after=AfterEvent(event="wire.close"), delay_ms=10),
        Close(code=1008, after=AfterEvent(event="runtime.state", nth=2)),
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stage": "H4"}, "a fault says what it does: 'do' is one of cut, close, go_away"),
        ({"do": "explode", "stage": "H4"}, "do: nothing is called 'explode' here: known: cut, close, go_away"),
        ({"do": "cut"}, "exactly one of 'at_ms', 'stage', 'frame' and 'after'"),
        ({"do": "cut", "at_ms": 1, "stage": "H4"}, "exactly one of"),
        ({"do": "cut", "stage": "H12"}, "'H12' is no stage of a handoff"),
        ({"do": "cut", "stage": "h4"}, "'h4' is no stage of a handoff: did you mean 'H4'?"),
        ({"do": "cut", "at_ms": 1, "handoff": 2}, "'handoff' goes with 'stage', not with 'at_ms'"),
        ({"do": "cut", "at_ms": 1, "delay_ms": 2}, "add it to 'at_ms'"),
        ({"do": "cut", "stage": "H4", "direction": "up"}, "'direction' goes with 'how: silent'"),
        ({"do": "cut", "stage": "H4", "time_left_ms": 1}, "unknown key 'time_left_ms'"),
        ({"do": "cut", "after": "lunch"}, "'lunch' is no trace event"),
        ({"do": "refuse", "how": 418, "stage": "H4"}, "'dns', 'refused', 401, 403, 429 or 503"),
        ({"do": "flip", "switch": "any.nonsense", "stage": "H4"}, "unknown switch 'any.nonsense'"),
    ],
)
def test_a_fault_that_makes_no_sense_says_why(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=r"^faults\.0") as raised:
        faults(wrong)
    assert message in str(raised.value)


def test_a_fault_in_a_file_is_wrong_in_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.scenario.yaml"
    good = "scenario: a\napp: a.b:c\ncaller: {script: [hang_up]}\nmind: {a: {when: x}}\nfaults:\n"
    path.write_text(good + "  - {do: cut, stage: H4}\n  - do: stall\n    stage: H4\n    mss: 3\n")
    with pytest.raises(ScenarioError, match=r"a.scenario.yaml:9: faults.1.mss: unknown key 'mss': did you mean 'ms'"):
        load(path)


@pytest.mark.parametrize(
    ("fault", "when"),
    [
        (Cut(at_ms=5), "5 ms"),
        (Cut(stage="H4", delay_ms=20), "H4 of handoff 1 + 20 ms"),
        (Cut(frame=AtFrame(n=2, conn=1, name="setupComplete")), "down frame 2 setupComplete of connection 1"),
        (Cut(after=AfterEvent(event="wire.open")), "wire.open 1"),
    ],
)
def test_a_moment_can_be_told(fault: Cut, when: str) -> None:
    assert fault.when == when


def test_a_fault_plan_is_a_list_and_named_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "bad day.yaml"
    path.write_text("- {do: cut, stage: H4}\n- {do: go_away, at_ms: 10}\n")
    plan = load_fault_plan(path)
    assert (plan.name, plan.faults) == ("bad-day", (Cut(stage="H4"), GoAway(at_ms=10)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("do: cut\n", "plan.yaml: a fault plan is one list of faults"),
        ("[]\n", "plan.yaml: a fault plan is one list of faults"),
        ("- {do: cut, stage: H4}\n-\n  do: cut\n  stage: H77\n", "plan.yaml:4: 1.stage: 'H77' is no stage"),
        ("- {do: cut, stage: H4, stage: H5}\n", "plan.yaml:1: key 'stage' stands here and in line 1"),
    ],
)
def test_a_wrong_fault_plan_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(ScenarioError) as raised:
        load_fault_plan(tmp_path / "plan.yaml")
    assert message in str(raised.value)


def test_a_condition_concerns_the_providers_that_have_its_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    from roomkit_sim.sim.scenario import faults, switches

    known = {"gemini.forgets": switches.Switch("gemini.forgets", "forgets", "assumed")}
    monkeypatch.setattr(faults, "SWITCHES", known)
    forgets = Condition("forgets", (Flip(switch="gemini.forgets", at_ms=0),))
    assert [forgets.concerns(provider) for provider in ("gemini-live", "openai-realtime")] == [True, False]
    assert Condition("cut", (Cut(at_ms=0),)).concerns("openai-realtime")
    # What concerns it not is left out of the rest.
    assert Condition("both", (Cut(at_ms=0), *forgets.faults)).concerns("openai-realtime")


MISSPELT: list[tuple[dict[str, Any], str]] = [
    (
        {"after": "runtime.handof_decided"},
        "after.event: 'runtime.handof_decided' is no trace event: did you mean 'runtime.handoff_decided'?",
    ),
    ({"after": {"event": "wire.opened"}}, "did you mean 'wire.open'?"),
    ({"after": "handoff_decided"}, "'<source>.<kind>'"),
    ({"after": "line.agent_voice"}, "is found out when the call is over: nothing can happen at that moment"),
    (
        {"frame": {"name": "setupCompleted"}},
        "frame.name: no message that goes down is called 'setupCompleted': did you mean 'setupComplete'?",
    ),
    ({"frame": {"name": "serverContent.turnComplete+usage"}}, "is called 'usage'"),
    ({"frame": {"name": "session.update"}}, "messages 'session.update' go up, not down: say 'direction: up'"),
    ({"frame": {"name": "xyz"}}, "docs/faults.md lists them"),
]


@pytest.mark.parametrize(("moment", "message"), MISSPELT)
def test_a_misspelt_event_or_message_is_told_the_nearest_with_file_and_line(
    tmp_path: Path, moment: dict[str, Any], message: str
) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump([{"do": "cut", "at_ms": 1}, {"do": "cut", **moment}], sort_keys=False))
    with pytest.raises(ScenarioError) as raised:
        load_fault_plan(path)
    assert message in str(raised.value)
    last = len(path.read_text().splitlines())
    assert str(raised.value).startswith(f"{path}:{last}: 1.")


def test_a_misspelt_fault_is_told_the_nearest_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("- {do: cut, stage: H4}\n- stage: H4\n  do: cutt\n")
    with pytest.raises(ScenarioError, match=rf"^{path}:3: 1\.do: nothing is called 'cutt' here: did you mean 'cut'\?$"):
        load_fault_plan(path)


def test_a_fault_that_does_not_say_what_it_does_is_told_what_there_is() -> None:
    with pytest.raises(ScenarioError, match="'do' is one of cut, close"):
        faults({"stage": "H4"})


@pytest.mark.parametrize("step", ["hangup", {"hangup": {"after_ms": 3}}])
def test_a_misspelt_step_is_told_the_nearest(step: Any) -> None:
    with pytest.raises(ScenarioError, match="nothing is called 'hangup' here: did you mean 'hang_up'"):
        parse(short_call(app="a:b", caller={"script": [step]}))


def test_a_misspelt_event_at_which_the_caller_hangs_up_is_told_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'runtime\.handoff_decided'\?"):
        HangUp(on="runtime.handoff_decide")
