"""What a check looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from roomkit_sim.sim.scenario.expect import Expectation
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["Locate", "Subject", "nowhere"]

Locate = Callable[..., str]
"""Gives ``file:line`` of a part of a call, such as ``locate("expect", "handoffs", 0)``."""


def nowhere(*part: str | int) -> str:
    """For calls that stand in no file."""
    return ""


@dataclass(frozen=True)
class Subject:
    """One call, and what is expected of it.

    Args:
        record: The call.
        expect: The expectation.
        locate: Where its parts stand in the scenario file.
    """

    record: CallRecord
    expect: Expectation
    locate: Locate = nowhere

    def expected_at(self, *part: str | int) -> str:
        """Where a part of the expectation stands, such as ``expected_at("handoffs", 0, "budget")``."""
        return self.locate("expect", *part)

    def step_at(self, number: int) -> str:
        """Where a step of the caller's script stands; steps are counted from 1."""
        return self.locate("caller", "script", number - 1)
