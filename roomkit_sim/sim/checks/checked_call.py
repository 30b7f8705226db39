"""A call that was played and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.checks.outcome import Outcome
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["CheckedCall", "Verdict"]

Verdict = Literal["passed", "failed", "invalid"]


@dataclass(frozen=True)
class CheckedCall:
    """One call and what was found in it.

    Args:
        record: The call.
        findings: What is wrong with it; warnings, and what is waived, too.
        outcome: What became of it, where it was disturbed on purpose.
    """

    record: CallRecord
    findings: tuple[Finding, ...]
    outcome: Outcome | None = None

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that make the call fail: no warnings, and nothing that is waived."""
        return tuple(finding for finding in self.findings if finding.fails)

    @property
    def passed(self) -> bool:
        """Whether there is none that makes the call fail."""
        return not self.failures

    @property
    def verdict(self) -> Verdict:
        """Invalid is not passed: nothing was proved."""
        if self.passed:
            return "passed"
        return "invalid" if any(finding.severity is Severity.INVALID for finding in self.failures) else "failed"
