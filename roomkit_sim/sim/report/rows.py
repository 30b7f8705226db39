"""The rows that a call contributes to a run's tables. Plain JSON types, so that they travel between processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.outcome import Outcome
from roomkit_sim.sim.faults.excuses import strikes
from roomkit_sim.sim.faults.matrix import split
from roomkit_sim.sim.metrics.caller_audio import account
from roomkit_sim.sim.metrics.latencies import METRIC_VERSION
from roomkit_sim.sim.metrics.waterfall import HandoffMetrics, measure
from roomkit_sim.sim.report.unplayed import unplayed_finding
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.files import digest
from roomkit_sim.sim.trace.handoff_stages import STAGES
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["CALL_COLUMNS", "FAULT_COLUMNS", "FINDING_COLUMNS", "HANDOFF_COLUMNS", "Row", "Rows", "rows_of", "unplayed"]

Row = dict[str, Json]

_IDENTITY = ("run", "scenario", "provider", "clock", "seed", "condition", "call")

CALL_COLUMNS = (
    *_IDENTITY,
    "against",
    "slug",
    "source",
    "verdict",
    "findings",
    "handoffs",
    "accepted",
    "completed",
    "duration_ms",
    "caller_lost_ms",
    "caller_doubled_ms",
    "digest",
    "notes",
    "rerun",
)

HANDOFF_COLUMNS = (
    *_IDENTITY,
    "n",
    "from_agent",
    "to_agent",
    "from_phase",
    "to_phase",
    "accepted",
    "reason",
    *(f"{stage.lower()}_ns" for stage in STAGES),
    "ear_ms",
    "gap_ms",
    "decide_ms",
    "legality_ms",
    "commit_ms",
    "teardown_ms",
    "reconnect_ms",
    "rehydrate_ms",
    "first_voice_ms",
    "split_brain_ms",
    "unattributed_ms",
    "caller_lost_ms",
    "caller_doubled_ms",
    "metric_version",
)
"""CONTRACTS: decided, in this order."""

FINDING_COLUMNS = (*_IDENTITY, "code", "severity", "at_ns", "where", "message", "expected", "actual")


FAULT_COLUMNS = (*_IDENTITY, "fault", "stage", "struck_ns", "outcome", "extra_ms", "reasons", "slug", "rerun")


@dataclass(frozen=True)
class Rows:
    """What one call contributes.

    Args:
        call: A row of ``calls.csv``.
        handoffs: Rows of ``handoffs.csv``.
        findings: Rows of ``findings.csv``.
        faults: Rows of ``faults.csv``: one if the call was disturbed on purpose.
    """

    call: Row
    handoffs: Sequence[Row]
    findings: Sequence[Row]
    faults: Sequence[Row] = ()


def rows_of(checked: CheckedCall) -> Rows:
    """The rows of a call."""
    record = checked.record
    identity: Row = {
        "run": record.run,
        "scenario": record.scenario,
        "provider": record.provider,
        "clock": record.clock,
        "seed": record.seed,
        "condition": record.condition,
        "call": record.call,
    }
    handoffs = measure(record)
    audio = account(record)
    call: Row = {
        **identity,
        "against": record.plan.get("against"),
        "slug": record.slug,
        "source": record.source,
        "verdict": checked.verdict,
        "findings": ", ".join(dict.fromkeys(finding.code for finding in checked.failures)),
        "handoffs": len(handoffs),
        "accepted": sum(metrics.handoff.accepted is True for metrics in handoffs),
        "completed": sum(metrics.handoff.completed for metrics in handoffs),
        "duration_ms": record.end_ns / 1e6,
        "caller_lost_ms": None if audio is None else audio.lost_ms(),
        "caller_doubled_ms": None if audio is None else audio.doubled_ms(),
        "digest": digest(record.events),
        "notes": _notes(record.plan.get("notes")),
        "rerun": record.rerun,
    }
    return Rows(
        call,
        [{**identity, "slug": record.slug, **_handoff(metrics)} for metrics in handoffs],
        [{**identity, **_finding(finding)} for finding in checked.findings],
        [] if checked.outcome is None else [{**identity, **_fault(record, checked.outcome)}],
    )


def _fault(record: CallRecord, outcome: Outcome) -> Row:
    fault, stage = split(record.condition)
    struck = strikes(record)
    return {
        "fault": fault,
        "stage": stage,
        "struck_ns": struck[0].t_ns if struck else None,
        "outcome": outcome.kind,
        "extra_ms": outcome.extra_ms,
        "reasons": "; ".join(outcome.reasons),
        "slug": record.slug,
        "rerun": record.rerun,
    }


def unplayed(plan: Plan, error: Exception) -> Rows:
    """The rows of a run that could not be played: it proves nothing, and must not be missing from the report."""
    scenario = plan.scenario
    identity: Row = {
        "run": plan.id,
        "scenario": scenario.scenario,
        "provider": plan.provider,
        "clock": plan.mode.clock,
        "seed": plan.seed,
        "condition": plan.condition,
        "call": scenario.scenario,
    }
    finding = _finding(unplayed_finding(plan, error))
    call: Row = {
        "against": plan.mode.against,
        "slug": plan.slug,
        "source": plan.source,
        "verdict": "invalid",
        "findings": finding["code"],
        "handoffs": 0,
        "accepted": 0,
        "completed": 0,
        "rerun": plan.rerun,
    }
    return Rows(
        {**dict.fromkeys(CALL_COLUMNS), **identity, **call},
        [],
        [{**dict.fromkeys(FINDING_COLUMNS), **identity, **finding}],
    )


def _notes(notes: Json) -> str:
    return "; ".join(str(note) for note in notes) if isinstance(notes, list) else ""


def _finding(finding: Finding) -> Row:
    said = finding.as_dict()
    return {key: said[key] for key in FINDING_COLUMNS[len(_IDENTITY) :]}


def _handoff(metrics: HandoffMetrics) -> Row:
    handoff = metrics.handoff
    return {
        "n": handoff.n,
        "from_agent": handoff.from_agent,
        "to_agent": handoff.to_agent,
        "from_phase": handoff.from_phase,
        "to_phase": handoff.to_phase,
        "accepted": handoff.accepted,
        "reason": handoff.reason,
        **{f"{stage.lower()}_ns": handoff.stages.get(stage) for stage in STAGES},
        **metrics.latencies.as_dict(),
        "caller_lost_ms": metrics.caller_lost_ms,
        "caller_doubled_ms": metrics.caller_doubled_ms,
        "metric_version": METRIC_VERSION,
    }
