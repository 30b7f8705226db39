"""What became of a call that was disturbed on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Outcome", "OutcomeKind"]

OutcomeKind: TypeAlias = Literal["survived", "recovered", "ended", "corrupted", "invalid"]
"""``ended``: cleanly, with an error that says why."""


@dataclass(frozen=True)
class Outcome:
    """What became of it. docs/faults.md has the definitions.

    Args:
        kind: The verdict.
        extra_ms: How much longer than in the undisturbed call the caller waited, at the worst step; nothing where the
            call did not come so far.
        reasons: Why it is corrupted, or how it ended.
    """

    kind: OutcomeKind
    extra_ms: float | None = None
    reasons: tuple[str, ...] = ()
