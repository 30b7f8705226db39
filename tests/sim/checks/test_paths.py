from __future__ import annotations

from typing import Any


def test_call_without_fault_has_no_findings(good_call: Any, good_expectation: Any) -> None:
    assert good_call.findings(**good_expectation) == []


def test_nothing_is_expected_where_nothing_is_written(good_call: Any) -> None:
    assert good_call.findings() == []


def test_other_route_names_both_paths_and_the_first_divergence(good_call: Any) -> None:
    (finding,) = good_call.findings(route=["agent-a", "agent-c"])
    assert finding.code == "ROUTE001"
    assert (finding.expected, finding.actual) == ("agent-a -> agent-c", "agent-a -> agent-b")
    assert finding.evidence["divergence"] == 1
    assert finding.at_ns == 5_200_000_000
    assert finding.where == "s.yaml:10"


def test_route_that_ends_too_early_diverges_at_the_end_of_the_call(good_call: Any) -> None:
    (finding,) = good_call.findings(route=["agent-a", "agent-b", "agent-a"])
    assert finding.evidence["divergence"] == 2
    assert "the call ended instead of agent-a" in finding.message


def test_route_that_goes_on_too_long_is_found(good_call: Any) -> None:
    (finding,) = good_call.findings(route=["agent-a"])
    assert "agent-b came where it should have ended" in finding.message


def test_other_phases_are_found(good_call: Any) -> None:
    (finding,) = good_call.findings(phases=["first", "third"])
    assert (finding.code, finding.where) == ("PHASE002", "s.yaml:11")


def test_transition_that_the_graph_does_not_allow_is_found(good_call: Any) -> None:
    good_call.plan["allowed_transitions"] = {"first": ["third"], "second": []}
    (finding,) = good_call.findings()
    assert finding.code == "PHASE001"
    assert finding.message == "illegal transition first -> second"
    assert finding.expected == "from first: third"


def test_transition_from_a_phase_that_the_graph_does_not_know_is_illegal(good_call: Any) -> None:
    good_call.plan["allowed_transitions"] = {"third": ["first"]}
    assert good_call.codes() == ["PHASE001"]


def test_roll_back_is_no_transition(good_call: Any) -> None:
    good_call.state(12, "agent-a", "first", 1, why="rolled_back").session(12, 3, "agent-a")
    good_call.tell(12, "wire.close", conn=2, code=1000, reason="", by="client")
    assert "PHASE001" not in good_call.codes()


def test_unknown_graph_is_not_guessed(good_call: Any) -> None:
    good_call.plan.clear()
    assert good_call.codes() == []
