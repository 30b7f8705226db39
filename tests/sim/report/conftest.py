"""Played calls, one that passed and one that failed: played once for all tests of the reports."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim import Run, simulate
from tests.sim.runner.finance_line import SCENARIOS, application, short_call


def play(**changes: Any) -> Run:
    return simulate(short_call(**changes), app=application(), base_dir=SCENARIOS)


@pytest.fixture(scope="session")
def passed() -> Run:
    return play()


@pytest.fixture(scope="session")
def failed() -> Run:
    scenario = short_call(scenario="failing-call", expect={"route": ["agent-triage"]})
    return simulate(scenario, app=application(), base_dir=SCENARIOS)
