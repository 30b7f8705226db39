"""Runs all checks on a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from roomkit_sim.sim.checks.conduct import (
    check_application,
    check_caller,
    check_hearing,
    check_prompts,
    check_voices,
    check_yielding,
)
from roomkit_sim.sim.checks.consequences import drift_first
from roomkit_sim.sim.checks.conversation import check_answers, check_context, check_transcripts
from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.checks.handoffs import check_budgets, check_completion, check_handoffs
from roomkit_sim.sim.checks.invariants import (
    check_caller_audio,
    check_human_takeover,
    check_one_voice,
    check_refusals,
    check_silence_of_the_old,
    check_state_and_wire,
    check_voices_of_agents,
)
from roomkit_sim.sim.checks.paths import check_legality, check_phases, check_route
from roomkit_sim.sim.checks.protocol.check import check_protocol
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.checks.validity import (
    check_faults,
    check_heard_at_all,
    check_pace,
    check_personas,
    check_switches,
)

__all__ = ["CHECKS", "run_checks"]

CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    check_application,
    check_pace,
    check_personas,
    check_faults,
    check_switches,
    check_heard_at_all,
    check_caller,
    check_protocol,
    check_route,
    check_handoffs,
    check_completion,
    check_legality,
    check_phases,
    check_hearing,
    check_one_voice,
    check_silence_of_the_old,
    check_state_and_wire,
    check_voices_of_agents,
    check_human_takeover,
    check_refusals,
    check_voices,
    check_context,
    check_answers,
    check_transcripts,
    check_prompts,
    check_yielding,
    check_caller_audio,
    check_budgets,
)
"""What makes the others meaningless first: a reader should begin at the top."""


def run_checks(subject: Subject) -> tuple[Finding, ...]:
    """Everything that is wrong with a call; what the scenario waives is marked so."""
    waive = subject.expect.waive
    found = [finding for check in CHECKS for finding in check(subject)]
    findings = [finding.waived(waive[finding.code]) if finding.code in waive else finding for finding in found]
    used = {finding.code for finding in found}
    return drift_first((*findings, *(_unneeded(subject, code) for code in waive if code not in used)))


def _unneeded(subject: Subject, code: str) -> Finding:
    return Finding(
        "INVALID006",
        f"{code} is waived, but it was not found: remove the waiver",
        where=subject.expected_at("waive", code),
        severity=Severity.INVALID,
    )
