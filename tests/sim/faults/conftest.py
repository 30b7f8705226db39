"""Calls that were disturbed, told by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from roomkit_sim.sim.checks.outcome import Outcome
from roomkit_sim.sim.faults.verdict import judge
from tests.sim.checks.conftest import RATE, Story, good_call, story

__all__ = ["good_call", "story"]


@pytest.fixture
def disturbed(good_call: Story) -> Story:
    """A to B; at 7 s, while B speaks, the connection is cut, and B is back at 9 s. The caller hangs up at 18 s."""
    good_call.tell(7, "world.fault", what="cut", where="H11 of handoff 1", conn=2)
    good_call.tell(7, "wire.close", conn=2, code=1006, reason="cut", by="client")
    good_call.session(7.5, 3, "agent-b").voice(9, "agent-b", 2)
    return good_call.tell(18, "line.disconnected", by="caller", at_sample=18 * RATE)


@pytest.fixture
def judged() -> Callable[[Story], Outcome]:
    """The outcome of a call; undisturbed it would have had no steps to compare."""

    def of(told: Story) -> Outcome:
        expect = {"route": ["agent-a", "agent-b"], "handoffs": [{"from": "agent-a", "to": "agent-b"}]}
        return judge(told.record(), told.findings(**expect), Story().record())

    return of
