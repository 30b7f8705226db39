"""Scenarios from Python: one call through networks from good to bad, and what may be asserted of them."""

from pathlib import Path

import pytest

TRIAGE = Path(__file__).with_name("triage.scenario.yaml")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_caller_hears_the_advisor_whatever_the_network_draws(simulate, seed):
    run = simulate(TRIAGE, seed=seed)
    (handoff,) = run.handoffs
    assert handoff.latencies.gap_ms < 2500
    assert handoff.caller_lost_ms == 0
