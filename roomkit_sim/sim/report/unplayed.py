"""What is found of a run that could not be played."""

from __future__ import annotations

from roomkit_sim.errors import FileError
from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.scenario.plan import Plan

__all__ = ["unplayed_finding"]


def unplayed_finding(plan: Plan, error: Exception) -> Finding:
    """What is found of a run that could not be played: nothing is proved."""
    where = getattr(error, "where", "")
    if isinstance(error, FileError) and error.path is not None:
        where = str(error.path) if error.line is None else f"{error.path}:{error.line}"
    message = str(getattr(error, "reason", error))
    return Finding("APP006", message, where=where or plan.source, severity=Severity.INVALID)
