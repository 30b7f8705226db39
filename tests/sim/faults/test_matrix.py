from __future__ import annotations

import copy
from pathlib import Path

import pytest

from roomkit_sim.errors import NothingToDisturbError, ScenarioError
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.realtime.reconnect_policy import ReconnectLimits
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.sim import simulate
from roomkit_sim.sim.faults.choice import fault_choice
from roomkit_sim.sim.faults.matrix import MATRIX, matrix, split
from roomkit_sim.sim.scenario.condition import NO_CONDITION
from roomkit_sim.sim.scenario.faults import FAULTS, Cut
from roomkit_sim.sim.scenario.loader import load, parse
from roomkit_sim.sim.scenario.plan import plans
from roomkit_sim.sim.trace.files import digest
from roomkit_sim.sim.trace.handoff_stages import STAGES
from tests.sim.runner.finance_line import SCENARIOS, application, short_call

CONDITIONS = {condition.name: condition for condition in matrix()}


def test_the_matrix_has_every_kind_of_fault_and_links_at_every_stage() -> None:
    tried = {fault.do for condition in matrix() for fault in condition.faults}
    # Misbehaviours are as many as the services have.
    assert tried | {"flip"} == set(FAULTS)
    assert [condition.name for condition in matrix() if condition.name.startswith("cut@")] == [
        f"cut@{stage}" for stage in STAGES
    ]
    assert len(CONDITIONS) == len(matrix())


def test_every_row_of_the_matrix_is_in_the_documentation() -> None:
    page = (SCENARIOS.parent / "docs" / "faults.md").read_text()
    for row in MATRIX:
        if not row.name.startswith(("any.", "gemini.", "openai.")):
            assert f"| `{row.name}` | {row.means} | " in page


def test_the_name_of_a_condition_is_its_fault_and_stage() -> None:
    assert split("cut+503@H10") == ("cut+503", "H10")
    assert split("bad-day") == ("bad-day", "")


def test_names_of_the_matrix_fit_an_80_column_table() -> None:
    assert [row.name for row in MATRIX if len(row.stages) > 1 and len(row.name) > 8] == []


def test_nothing_none_and_a_file_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "bad-day.yaml").write_text("- {do: cut, stage: H4}\n")
    scenario = parse(short_call(app="a.b:c"))
    assert fault_choice("none").conditions_of(scenario) == (NO_CONDITION,)
    (condition,) = fault_choice("bad-day.yaml", tmp_path).conditions_of(scenario)
    assert (condition.name, condition.faults) == ("bad-day", (Cut(stage="H4"),))
    assert condition.options == ("--sim-faults=bad-day.yaml",)
    with pytest.raises(ScenarioError, match=r"cannot read"):
        fault_choice("nowhere.yaml", tmp_path)


def test_the_matrix_leaves_scenarios_with_faults_of_their_own_as_they_are() -> None:
    own = parse(short_call(app="a.b:c", faults=[{"do": "cut", "stage": "H4"}]))
    assert fault_choice("matrix").conditions_of(own) == (NO_CONDITION,)
    assert len(fault_choice("matrix").conditions_of(parse(short_call(app="a.b:c")))) == len(matrix()) + 1


def test_a_condition_of_the_matrix_can_be_had_by_its_name_alone() -> None:
    scenario = parse(short_call(app="a.b:c"))
    names = [c.name for c in fault_choice("none").conditions_of(scenario, ["cut@H4", "nonsense"])]
    assert names == ["", "cut@H4"]


def test_a_plan_says_its_condition_in_id_slug_and_command() -> None:
    (source,) = load(SCENARIOS / "finance" / "handoff.scenario.yaml")
    made, *_ = plans(source, (3,), "a.scenario.yaml", conditions=[CONDITIONS["cut+503@H4"]])
    assert made.id == "short-handoff[gemini-live-s3-cut+503@H4]"
    assert made.slug.startswith("a--short-handoff--gemini-live--s3--cut-503-H4")
    assert made.rerun == f'pytest "a.scenario.yaml::{made.id}" --sim-faults=matrix'
    every = plans(source, (0,), "a.scenario.yaml", conditions=matrix())
    assert len({p.slug for p in every}) == len(every) > 200


def test_misbehaviours_are_tried_where_the_provider_has_them() -> None:
    (source,) = load(SCENARIOS / "finance" / "handoff.scenario.yaml")
    names = [p.condition for p in plans(source, (0,), "a", conditions=matrix()) if p.provider == "gemini-live"]
    assert "gemini.handle_expired@H0" in names
    assert "any.fragmented_frames@H0" in names
    assert not [name for name in names if name.startswith("openai.")]


def test_a_misbehaviour_whose_moment_does_not_come_does_not_concern_the_scenario() -> None:
    with pytest.raises(NothingToDisturbError, match="the moment at which it would go wrong never came"):
        simulate(short_call(), app=application(), base_dir=SCENARIOS, condition=CONDITIONS["gemini.close_58_min@H0"])


def test_what_the_scenario_does_not_have_cannot_be_disturbed() -> None:
    refused = copy.deepcopy(short_call(expect={}))
    refused["mind"]["triage"]["rules"][0]["calls"]["handoff_conversation"]["target"] = "agent-nobody"
    with pytest.raises(NothingToDisturbError, match="the first handoff has no H4"):
        simulate(refused, app=application(), base_dir=SCENARIOS, condition=CONDITIONS["cut@H4"])


@pytest.mark.parametrize("name", ["silent@H10", "deaf@H0"])
def test_a_peer_that_is_silently_gone_is_found_out_and_the_call_goes_on(name: str) -> None:
    run = simulate(SCENARIOS / "finance" / "handoff.scenario.yaml", condition=CONDITIONS[name])
    outcome = run.calls[0].outcome
    assert outcome is not None
    assert (outcome.kind, run.passed) == ("recovered", True)
    assert outcome.extra_ms is not None
    assert outcome.extra_ms < 20_000


def test_a_goaway_in_place_of_the_acknowledgement_does_not_let_audio_out_before_it() -> None:
    run = simulate(SCENARIOS / "finance" / "handoff.scenario.yaml", condition=CONDITIONS["go-away@H7"])
    assert run.passed, run.findings
    assert "first_frame_lost" in str([event.data for event in run.record.events if event.name == "runtime.error"])


def test_a_call_that_cannot_be_got_over_ends_cleanly_and_says_why() -> None:
    run = simulate(SCENARIOS / "finance" / "handoff.scenario.yaml", condition=CONDITIONS["cut+gone@H11"])
    outcome = run.calls[0].outcome
    assert outcome is not None
    assert outcome.kind == "ended"
    assert "could not be reconnected: 5 attempts failed" in outcome.reasons[0]


def test_the_same_condition_repeats_the_same_bytes() -> None:
    runs = [
        simulate(short_call(), app=application(), base_dir=SCENARIOS, condition=CONDITIONS["swap@H1"]) for _ in range(2)
    ]
    assert digest(runs[0].record.events) == digest(runs[1].record.events)
    assert runs[0].record.condition == "swap@H1"
    assert runs[0].record.run == "short-call[gemini-live-s0-swap@H1]"


def test_an_application_that_leaves_its_caller_alone_is_corrupted() -> None:
    """What the matrix is for: this one takes ten minutes before it dials again."""
    patient = LiveTiming(limits=ReconnectLimits(base_delay_s=600, max_delay_s=600))
    app = application(provider=lambda api_key: GeminiLiveProvider(api_key=api_key, timing=patient))
    run = simulate(short_call(), app=app, base_dir=SCENARIOS, condition=CONDITIONS["cut+503@H10"])
    (corruption,) = [finding for finding in run.findings if finding.fails]
    assert corruption.code == "FAULT001"
    assert "the line was open, and nobody spoke for" in corruption.actual
