"""What follows from a call having left its recording: it was ended there, and what was to come did not."""

from __future__ import annotations

from collections.abc import Sequence

from roomkit_sim.sim.checks.findings import Finding

__all__ = ["DRIFT", "drift_first"]

DRIFT = "WIRE080"

_NEVER_CAME = frozenset(
    {"ROUTE002", "ROUTE005", "LAT002", "INVALID002", "INVALID004", "INVALID006", "INVALID008", "INVALID010"}
)
"""Codes that say of a call that something did not happen in it."""

_CUT_SHORT = frozenset(
    {
        "ROUTE001",
        "ROUTE003",
        "PHASE002",
        "LAT001",
        "AUDIO001",
        "AUDIO003",
        "AUDIO004",
        "AUDIO005",
        "CALLER002",
        "INV004",
    }
)
"""Codes that the end itself can cause; what was wrong before is a finding of its own."""


def drift_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings of a call: where it left its recording, that comes first, and what follows from it fails no more.

    Args:
        findings: Everything that was found.
    """
    drifts = [finding for finding in findings if finding.code == DRIFT]
    if not drifts:
        return tuple(findings)
    left_ns = min(drift.at_ns or 0 for drift in drifts)
    others = [finding for finding in findings if finding.code != DRIFT]
    return (*drifts, *(_excused(finding, left_ns) for finding in others))


def _excused(finding: Finding, left_ns: int) -> Finding:
    if not finding.fails or not _follows(finding, left_ns):
        return finding
    return finding.waived("the call left its recording, and was ended there")


def _follows(finding: Finding, left_ns: int) -> bool:
    if finding.code == "AUDIO001":
        # So far as it went, it went as expected.
        return finding.actual == "(nothing)" or f"{finding.expected}, ".startswith(f"{finding.actual}, ")
    if finding.code in _NEVER_CAME:
        return True
    return finding.code in _CUT_SHORT and (finding.at_ns is None or finding.at_ns >= left_ns)
