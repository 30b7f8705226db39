"""What a check looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from roomkit_sim.sim.scenario.expect import Expectation
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["Locate", "Subject", "nowhere"]

Locate = Callable[..., str]
"""Gives ``file:line`` of a part of the expectation, such as ``locate("handoffs", 0, "budget")``."""


def nowhere(*part: str | int) -> str:
    """For calls whose expectation stands in no file."""
    return ""


@dataclass(frozen=True)
class Subject:
    """One call, and what is expected of it.

    Args:
        record: The call.
        expect: The expectation.
        locate: Where its parts stand.
    """

    record: CallRecord
    expect: Expectation
    locate: Locate = nowhere
