"""Stages as a graph."""

from __future__ import annotations

import pytest

from roomkit_sim.errors import PipelineError
from roomkit_sim.orchestration.graph import PipelineStage, StageGraph

STAGES = [
    PipelineStage(phase="open", agent_id="triage", next="work", description="opens"),
    PipelineStage(phase="work", agent_id="coder", next="review", description="writes"),
    PipelineStage(phase="review", agent_id="reviewer", next="wrap-up", can_return_to={"work", "open"}),
    PipelineStage(phase="wrap-up", agent_id="triage", description="closes"),
]


def test_the_next_phase_comes_before_those_that_can_be_gone_back_to() -> None:
    assert StageGraph(STAGES).exits("review") == ["wrap-up", "open", "work"]


def test_transitions_list_every_phase_and_nothing_follows_the_last() -> None:
    assert StageGraph(STAGES).transitions() == {
        "open": {"work"},
        "work": {"review"},
        "review": {"wrap-up", "open", "work"},
        "wrap-up": set(),
    }


def test_an_unknown_phase_leads_nowhere() -> None:
    assert StageGraph(STAGES).exits("intake") == []


@pytest.mark.parametrize(
    "stage",
    [
        PipelineStage(phase="a", agent_id="x", next="gone"),
        PipelineStage(phase="a", agent_id="x", can_return_to={"gone"}),
    ],
)
def test_a_way_to_a_phase_that_no_stage_has_is_an_error(stage: PipelineStage) -> None:
    with pytest.raises(PipelineError, match="'gone', which is not a valid phase"):
        StageGraph([stage])


def test_an_agent_in_two_stages_keeps_the_targets_of_both() -> None:
    stages = [
        PipelineStage(phase="open", agent_id="a", next="work"),
        PipelineStage(phase="work", agent_id="b", next="wrap-up"),
        PipelineStage(phase="wrap-up", agent_id="a", next="survey"),
        PipelineStage(phase="survey", agent_id="c"),
    ]
    graph = StageGraph(stages)
    assert graph.phases_of("a") == ["open", "wrap-up"]
    assert list(graph.targets("a")) == ["b", "c"]


def test_an_agent_is_never_its_own_target() -> None:
    graph = StageGraph([PipelineStage(phase="a", agent_id="x", next="b"), PipelineStage(phase="b", agent_id="x")])
    assert graph.targets("x") == {}


def test_targets_carry_the_description_of_their_stage() -> None:
    assert StageGraph(STAGES).targets("reviewer") == {"triage": "closes", "coder": "writes"}


def test_the_agent_of_a_last_stage_has_no_targets() -> None:
    graph = StageGraph([PipelineStage(phase="a", agent_id="x", next="b"), PipelineStage(phase="b", agent_id="y")])
    assert graph.targets("y") == {}


def test_a_conversation_starts_in_the_first_stage_or_the_one_named() -> None:
    assert (StageGraph(STAGES).default_phase, StageGraph(STAGES).default_agent()) == ("open", "triage")
    assert StageGraph(STAGES, "review").default_agent() == "reviewer"


def test_a_graph_without_stages_has_nobody_to_start_with() -> None:
    empty = StageGraph([])
    assert empty.default_phase is None
    assert empty.default_agent() is None
    assert empty.transitions() == {}


def test_of_two_phases_of_an_agent_the_reachable_one_is_entered() -> None:
    graph = StageGraph(STAGES)
    assert graph.phase_for("triage", "review") == "wrap-up"
    assert graph.phase_for("triage", "work") == "open"
    assert graph.phase_for("stranger", "work") is None


def test_the_phase_map_names_the_last_phase_of_an_agent() -> None:
    assert StageGraph(STAGES).phase_map() == {"triage": "wrap-up", "coder": "work", "reviewer": "review"}
