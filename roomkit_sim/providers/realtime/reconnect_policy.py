"""When to dial again, with which handle, after which pause. A pure state machine.

A cycle is the replacement of one connection: because it was lost, because the server asked for it, or because the
session is configured anew. The shell feeds it failures and does what it says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from roomkit_sim.providers.realtime.failures import FailureKind

__all__ = [
    "Cycle",
    "Dial",
    "GiveUp",
    "ReconnectLimits",
    "after_failure",
    "first_step",
    "limits_after",
    "should_reconnect",
]


Deadline: TypeAlias = Literal["short", "rest", "whole"]


@dataclass(frozen=True)
class ReconnectLimits:
    """How hard to try.

    Args:
        max_attempts: Dials in one cycle, the first included.
        base_delay_s: Pause before the second; it doubles with each further one.
        max_delay_s: The longest pause.
    """

    max_attempts: int = 5
    base_delay_s: float = 0.5
    max_delay_s: float = 4.0

    def delay_s(self, failures: int) -> float:
        """The pause after so many failed dials."""
        return 0.0 if failures == 0 else min(self.base_delay_s * 2.0 ** (failures - 1), self.max_delay_s)


@dataclass(frozen=True)
class Dial:
    """Dial after ``delay_s``; with ``handle``, or, without one, as a new conversation.

    With ``alone``, an old connection that is still open is closed first. ``deadline``: ``"short"`` where a caller hears
    nothing meanwhile, and a lost message is likelier than a service that needs so long; the ``"rest"`` of a whole one
    for the repetition, for it may have been the service after all; else the ``"whole"``.
    """

    handle: str | None
    delay_s: float
    attempt: int
    alone: bool = False
    deadline: Deadline = "short"


@dataclass(frozen=True)
class GiveUp:
    """There is no point in another attempt."""

    reason: str


Step: TypeAlias = Dial | GiveUp


@dataclass(frozen=True)
class Cycle:
    """The state of a cycle.

    Args:
        handle: The resumption handle to use; ``None`` if there is none, or if it was refused.
        limits: How hard to try.
        failures: Failed dials so far, not counting the refusal of a handle and a repetition.
        handle_refused: Whether a handle was refused in this cycle.
        overlapping: Whether the old connection is still open.
        repeated: Whether a dial that nobody answered was repeated in this cycle.
    """

    handle: str | None
    limits: ReconnectLimits
    failures: int = 0
    handle_refused: bool = False
    overlapping: bool = False
    repeated: bool = False

    @property
    def next_attempt(self) -> int:
        """The number of the next dial; one that is made because a handle was refused counts with the one before."""
        return self.failures + self.repeated + 1


def should_reconnect(kind: FailureKind, *, go_away_announced: bool) -> bool:
    """Whether a lost connection is to be replaced.

    A clean close is the provider's way to end a session, unless it announced that only the connection ends.
    """
    return go_away_announced or kind not in (FailureKind.CLOSED, FailureKind.DENIED)


def first_step(handle: str | None, limits: ReconnectLimits, *, overlapping: bool = False) -> tuple[Cycle, Dial]:
    """Begin a cycle, the old connection being still open if ``overlapping``."""
    return Cycle(handle, limits, overlapping=overlapping), Dial(handle, 0.0, 1)


def limits_after(kind: FailureKind, limits: ReconnectLimits) -> ReconnectLimits:
    """How hard to try after the connection was lost this way: once, if what was sent on it was refused."""
    return replace(limits, max_attempts=1) if kind is FailureKind.REFUSED else limits


def after_failure(cycle: Cycle, kind: FailureKind) -> tuple[Cycle, Step]:
    """What to do after a dial failed.

    A service may refuse to go on with a conversation whose old connection is open: then that is closed, and the same is
    tried again. Any other refusal while a handle was used is taken as a refusal of the handle: one new conversation is
    tried at once. A dial that nobody answered is repeated at once, and once; from then on there is no hurry.
    """
    if kind is FailureKind.DENIED:
        return cycle, GiveUp("the credentials were refused")
    if kind in (FailureKind.REFUSED, FailureKind.CLOSED):
        if cycle.handle is None:
            return cycle, GiveUp("the configuration was refused")
        if cycle.overlapping:
            return replace(cycle, overlapping=False), Dial(cycle.handle, 0.0, cycle.next_attempt, alone=True)
        fresh = replace(cycle, handle=None, handle_refused=True)
        return fresh, Dial(None, 0.0, cycle.next_attempt)
    if kind is FailureKind.UNANSWERED and not cycle.repeated:
        again = replace(cycle, repeated=True)
        return again, Dial(again.handle, 0.0, again.next_attempt, deadline="rest")
    failed = replace(cycle, failures=cycle.failures + 1)
    if failed.failures >= cycle.limits.max_attempts:
        return failed, GiveUp(f"{failed.failures} attempts failed")
    deadline: Deadline = "whole" if failed.repeated else "short"
    return failed, Dial(failed.handle, cycle.limits.delay_s(failed.failures), failed.next_attempt, deadline=deadline)
