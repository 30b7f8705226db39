from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim.checks.consequences import drift_first
from roomkit_sim.sim.checks.findings import Finding

LEFT_NS = 5_000_000_000
DRIFT = Finding("WIRE080", "the client sent another message", at_ns=LEFT_NS)


def failing(*findings: Finding) -> list[str]:
    return [finding.code for finding in drift_first(findings) if finding.fails]


@pytest.mark.parametrize(
    "finding",
    [
        Finding("ROUTE001", "the call ended", at_ns=LEFT_NS),
        Finding("ROUTE002", "never asked for", at_ns=LEFT_NS),
        Finding("ROUTE005", "never heard", at_ns=LEFT_NS - 1),
        Finding("PHASE002", "the call ended", at_ns=LEFT_NS),
        Finding("AUDIO001", "others", expected="one, two", actual="one"),
        Finding("AUDIO001", "others", expected="one, two", actual="(nothing)"),
    ],
)
def test_what_follows_from_a_drift_fails_no_more_and_says_why(finding: Finding) -> None:
    assert failing(finding, DRIFT) == ["WIRE080"]
    _, excused = drift_first((finding, DRIFT))
    assert excused.evidence["waived_because"] == "the call left its recording, and was ended there"
    assert failing(finding) == [finding.code]


@pytest.mark.parametrize(
    "finding",
    [
        Finding("ROUTE001", "another agent came", at_ns=LEFT_NS - 1),
        Finding("AUDIO001", "others", expected="one, two", actual="three"),
        Finding("CALLER001", "waited", at_ns=LEFT_NS - 1),
        Finding("APP001", "raised", at_ns=LEFT_NS),
        Finding("INV001", "two voices", at_ns=LEFT_NS),
    ],
)
def test_what_does_not_follow_from_a_drift_still_fails_after_it(finding: Finding) -> None:
    assert failing(finding, DRIFT) == ["WIRE080", finding.code]


def test_of_a_call_that_left_its_recording_nothing_else_is_shown_as_failed(good_call: Any) -> None:
    good_call.tell(10, "world.drift", message="the client sent another message")
    found = good_call.findings(route=["agent-a", "agent-b", "agent-c"])
    assert [finding.code for finding in found if finding.fails] == ["WIRE080"]
