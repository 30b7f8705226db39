"""A finding: something about a call that is not as it must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from roomkit_sim.sim.checks.codes import CODES
from roomkit_sim.sim.trace.events import Json

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """What a finding does to its call."""

    ERROR = "error"
    """The call fails."""
    INVALID = "invalid"
    """The call fails, and proves nothing: a precondition did not hold."""
    WARNING = "warning"
    """The call does not fail; the report shows it."""
    WAIVED = "waived"
    """The scenario allows it, with a reason."""

    @property
    def fails(self) -> bool:
        """Whether a call with such a finding fails."""
        return self in (Severity.ERROR, Severity.INVALID)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be.

    Args:
        code: One of :data:`~roomkit_sim.sim.checks.codes.CODES`.
        at_ns: When in the call, in nanoseconds since the start of the run; nothing where it has no moment.
        where: ``file:line`` of what is not met.
        message: What happened.
        expected: What should have been.
        actual: What was.
        evidence: More, as plain JSON.
        severity: What it does to the call.
    """

    code: str
    message: str
    at_ns: int | None = None
    where: str = ""
    expected: str = ""
    actual: str = ""
    evidence: Mapping[str, Json] = field(default_factory=dict)
    severity: Severity = Severity.ERROR

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"finding code {self.code!r} is not registered in roomkit_sim.sim.checks.codes")

    @property
    def fails(self) -> bool:
        """Whether the call fails because of it."""
        return self.severity.fails

    def waived(self, reason: str) -> Finding:
        """The same, allowed."""
        return replace(self, severity=Severity.WAIVED, evidence={**self.evidence, "waived_because": reason})

    def as_dict(self) -> dict[str, Json]:
        """As plain JSON."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "at_ns": self.at_ns,
            "where": self.where,
            "message": self.message,
            "expected": self.expected,
            "actual": self.actual,
            "evidence": dict(self.evidence),
        }
