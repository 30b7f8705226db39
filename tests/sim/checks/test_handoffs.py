from __future__ import annotations

from typing import Any

import pytest

HANDOFF = {"from": "agent-a", "to": "agent-b"}


def test_handoff_that_was_never_asked_for_is_found(good_call: Any) -> None:
    (finding,) = good_call.findings(handoffs=[HANDOFF, {"from": "agent-b", "to": "agent-a"}])
    assert finding.code == "ROUTE002"
    assert finding.expected == "agent-b -> agent-a, accepted"


def test_handoff_that_nobody_expected_is_found(good_call: Any) -> None:
    (finding,) = good_call.findings(handoffs=[])
    assert (finding.code, finding.actual) == ("ROUTE004", "agent-a -> agent-b, accepted")


@pytest.mark.parametrize(
    "wanted",
    [{"from": "agent-c", "to": "agent-b"}, {"from": "agent-a", "to": "agent-c"}, {**HANDOFF, "accepted": False}],
)
def test_handoff_that_is_another_one_is_found(good_call: Any, wanted: dict[str, Any]) -> None:
    assert good_call.codes(handoffs=[wanted]) == ["ROUTE003"]


def test_refusal_for_another_reason_is_found(good_call: Any) -> None:
    good_call.handoff(12, "agent-b", "agent-x", conn=2, accepted=False)
    refused = {"from": "agent-b", "to": "agent-x", "accepted": False}
    assert good_call.codes(handoffs=[HANDOFF, {**refused, "reason": "because"}]) == []
    (finding,) = good_call.findings(handoffs=[HANDOFF, {**refused, "reason": "too far"}])
    assert (finding.code, finding.actual) == ("ROUTE003", "because")


def test_new_agent_who_is_never_heard_is_found_even_where_nothing_is_expected(good_call: Any) -> None:
    good_call.told = [item for item in good_call.told if item[2] != "agent_voice" or item[3]["agent"] != "agent-b"]
    (finding,) = good_call.findings()
    assert finding.code == "ROUTE005"
    assert "H11" in finding.actual
    assert good_call.codes(handoffs=[{**HANDOFF, "completes": False}]) == []


def test_handoff_to_a_person_need_not_complete(good_call: Any) -> None:
    good_call.handoff(12, "agent-b", "human", conn=2)
    good_call.tell(12.2, "wire.close", conn=2, code=1000, reason="", by="client")
    assert good_call.codes() == []


def test_budget_that_is_kept_is_no_finding_and_one_that_is_not_says_by_how_much(good_call: Any) -> None:
    assert good_call.codes(handoffs=[{**HANDOFF, "budget": {"ear_ms": 1500}}]) == []
    (finding,) = good_call.findings(handoffs=[{**HANDOFF, "budget": {"ear_ms": 1499}}])
    assert finding.code == "LAT001"
    assert "ear_ms is 1500.0, 1.0 over its budget" in finding.message
    assert finding.at_ns == 6_500_000_000


def test_budget_on_a_stage_that_did_not_happen_is_found(good_call: Any) -> None:
    good_call.told = [item for item in good_call.told if item[1:3] != ("server", "resumed")]
    (finding,) = good_call.findings(handoffs=[{**HANDOFF, "budget": {"rehydrate_ms": 100}}])
    assert finding.code == "LAT002"


def test_budget_of_a_handoff_that_was_never_heard_is_not_a_second_finding(good_call: Any) -> None:
    good_call.told = [item for item in good_call.told if item[2] != "agent_voice" or item[3]["agent"] != "agent-b"]
    assert good_call.codes(handoffs=[{**HANDOFF, "budget": {"ear_ms": 100}}]) == ["ROUTE005"]


def test_expected_handoff_to_a_person_need_not_complete(good_call: Any) -> None:
    good_call.handoff(12, "agent-b", "human", conn=2)
    good_call.tell(12.2, "wire.close", conn=2, code=1000, reason="", by="client")
    assert good_call.codes(handoffs=[HANDOFF, {"from": "agent-b", "to": "human"}]) == []
