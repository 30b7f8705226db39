"""Decisions on handoffs, without a loop, a kit or a clock."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.orchestration.decisions import (
    HUMAN,
    Accepted,
    Decision,
    Refused,
    Surroundings,
    decide_handoff,
    readable,
    resolve_target,
)
from roomkit_sim.orchestration.graph import PipelineStage, StageGraph
from roomkit_sim.orchestration.state import ConversationState

GRAPH = StageGraph(
    [
        PipelineStage(phase="triage", agent_id="agent-triage", next="advising"),
        PipelineStage(phase="advising", agent_id="agent-advisor", next="closing", can_return_to={"triage"}),
        PipelineStage(phase="closing", agent_id="agent-closer"),
    ]
)
AROUND = Surroundings(
    agents=("agent-triage", "agent-advisor", "agent-closer"),
    aliases={"the advisor": "agent-advisor", "operator": HUMAN},
    graph=GRAPH,
    default_agent_id="agent-triage",
)
TRIAGE = ConversationState(phase="triage", active_agent_id="agent-triage")
ADVISING = ConversationState(phase="advising", active_agent_id="agent-advisor")
CLOSING = ConversationState(phase="closing", active_agent_id="agent-closer")


def decide(target: Any, state: ConversationState = TRIAGE, caller: str | None = None, **more: Any) -> Decision:
    around = more.pop("around", AROUND)
    arguments = {"target": target, "reason": "asked for it", "summary": "wants bonds", **more}
    return decide_handoff(arguments, caller or state.active_agent_id or "agent-triage", state, around)


def refusal(decision: Decision) -> str:
    assert isinstance(decision, Refused), decision
    return decision.reason


def test_a_legal_handoff_names_agent_phase_reason_and_summary() -> None:
    assert decide("agent-advisor") == Accepted("agent-advisor", "advising", "asked for it", "wants bonds", "same")


def test_a_handoff_may_go_back_where_the_stage_allows_it() -> None:
    decision = decide("agent-triage", ADVISING)
    assert isinstance(decision, Accepted)
    assert decision.to_phase == "triage"


@pytest.mark.parametrize("target", [None, "", "   ", 7, ["agent-advisor"], {}])
def test_a_missing_or_senseless_target_is_refused_with_the_possible_ones(target: Any) -> None:
    reason = refusal(decide(target))
    assert "'target' is missing" in reason
    assert "agent-advisor" in reason
    assert HUMAN in reason


def test_handoff_to_unknown_agent_is_rejected() -> None:
    reason = refusal(decide("agent-nobody"))
    assert "'agent-nobody' not found in room" in reason
    assert "agent-advisor" in reason


def test_a_transition_that_no_stage_allows_is_rejected() -> None:
    reason = refusal(decide("agent-closer"))
    assert "'triage' to 'closing' is not allowed" in reason
    assert "advising" in reason


def test_nothing_but_a_person_follows_the_last_stage() -> None:
    assert "last phase" in refusal(decide("agent-triage", CLOSING))
    assert isinstance(decide(HUMAN, CLOSING), Accepted)


def test_an_agent_that_is_not_in_charge_cannot_hand_off() -> None:
    reason = refusal(decide("agent-closer", ADVISING, caller="agent-triage"))
    assert "'agent-triage' is not in charge" in reason
    assert "'agent-advisor' is" in reason


def test_the_default_agent_is_in_charge_while_nobody_else_is() -> None:
    fresh = ConversationState(phase="triage")
    assert isinstance(decide("agent-advisor", fresh, caller="agent-triage"), Accepted)
    assert "not in charge" in refusal(decide("agent-closer", fresh, caller="agent-advisor"))


def test_handoff_to_oneself_is_rejected() -> None:
    assert "with you already" in refusal(decide("agent-triage"))


def test_handoff_to_oneself_by_alias_is_rejected() -> None:
    assert "with you already" in refusal(decide("the advisor", ADVISING))


def test_a_phase_of_another_agent_is_rejected() -> None:
    reason = refusal(decide("agent-advisor", next_phase="closing"))
    assert "'closing' does not belong to 'agent-advisor'" in reason
    assert "advising" in reason


def test_the_phase_of_the_target_may_be_named() -> None:
    decision = decide("agent-advisor", next_phase=" advising ")
    assert isinstance(decision, Accepted)
    assert decision.to_phase == "advising"


def test_null_arguments_count_as_absent() -> None:
    decision = decide_handoff(
        {"target": "agent-advisor", "reason": None, "summary": None, "next_phase": None, "channel_escalation": None},
        "agent-triage",
        TRIAGE,
        AROUND,
    )
    assert decision == Accepted("agent-advisor", "advising", "", "", "same")


def test_an_unknown_escalation_is_refused_with_the_known_ones() -> None:
    reason = refusal(decide("agent-advisor", channel_escalation="pigeon"))
    assert "'pigeon'" in reason
    assert "same, voice, email, sms" in reason


def test_an_escalation_without_a_channel_of_that_type_is_refused() -> None:
    assert "no sms channel" in refusal(decide("agent-advisor", channel_escalation="sms"))


def test_an_escalation_with_a_channel_of_that_type_is_accepted() -> None:
    around = Surroundings(agents=AROUND.agents, graph=GRAPH, channel_types=frozenset({"sms"}))
    decision = decide("agent-advisor", around=around, channel_escalation="sms")
    assert isinstance(decision, Accepted)
    assert decision.escalation == "sms"


@pytest.mark.parametrize("state", [TRIAGE, ADVISING, CLOSING])
def test_a_person_can_take_over_in_every_phase_and_needs_none(state: ConversationState) -> None:
    decision = decide(HUMAN, state)
    assert isinstance(decision, Accepted)
    assert (decision.to_agent, decision.to_phase, decision.target) == (None, state.phase, HUMAN)


def test_an_alias_can_mean_a_person() -> None:
    decision = decide("operator")
    assert isinstance(decision, Accepted)
    assert decision.to_agent is None


def test_no_agent_hands_on_what_a_person_has_taken_over() -> None:
    taken = ConversationState(phase="triage", context={"handed_to_human": True})
    assert "a person has taken" in refusal(decide("agent-advisor", taken, caller="agent-triage"))


def test_a_conversation_given_back_to_an_agent_is_no_longer_in_human_hands() -> None:
    taken = ConversationState(phase="triage", context={"handed_to_human": True})
    given_back = taken.transition("triage", "agent-triage")
    assert isinstance(decide("agent-advisor", given_back), Accepted)


def test_without_a_pipeline_every_agent_may_hand_over_to_every_other() -> None:
    around = Surroundings(agents=("a", "b"), phase_map={"b": "billing"})
    state = ConversationState(active_agent_id="a")
    decision = decide("b", state, around=around)
    assert isinstance(decision, Accepted)
    assert decision.to_phase == "billing"


def test_without_a_pipeline_the_phase_falls_back_to_handling() -> None:
    decision = decide("b", ConversationState(active_agent_id="a"), around=Surroundings(agents=("a", "b")))
    assert isinstance(decision, Accepted)
    assert decision.to_phase == "handling"


def test_explicit_transitions_bind_without_a_pipeline() -> None:
    around = Surroundings(agents=("a", "b"), phase_map={"b": "billing"}, allowed_transitions={"intake": {"sales"}})
    reason = refusal(decide("b", ConversationState(active_agent_id="a"), around=around))
    assert "'intake' to 'billing' is not allowed" in reason
    assert "sales" in reason


@pytest.mark.parametrize(
    ("raw", "resolved"),
    [("the advisor", "agent-advisor"), (" the advisor ", "agent-advisor"), ("The Advisor", "The Advisor"), (None, "")],
)
def test_targets_are_resolved_once_and_exactly(raw: Any, resolved: str) -> None:
    assert resolve_target({"target": raw}, AROUND.aliases) == resolved


def test_text_without_lone_surrogates_and_controls_keeps_everything_else() -> None:
    assert readable("a\x00b\ud83d\n\tprix 5\u00a0\u20ac \U0001f600") == "ab\n\tprix 5\u00a0\u20ac \U0001f600"


def test_an_alias_of_an_alias_is_not_followed() -> None:
    assert resolve_target({"target": "a"}, {"a": "b", "b": "c"}) == "b"


def test_an_agent_with_two_phases_enters_the_one_that_can_be_reached() -> None:
    graph = StageGraph(
        [
            PipelineStage(phase="open", agent_id="a", next="work"),
            PipelineStage(phase="work", agent_id="b", next="wrap-up"),
            PipelineStage(phase="wrap-up", agent_id="a"),
        ]
    )
    around = Surroundings(agents=("a", "b"), graph=graph)
    decision = decide("a", ConversationState(phase="work", active_agent_id="b"), around=around)
    assert isinstance(decision, Accepted)
    assert decision.to_phase == "wrap-up"
