from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.sim import Run, simulate
from roomkit_sim.sim.runner.application import Answer
from tests.sim.runner.finance_line import SCENARIOS, short_call


@pytest.fixture
def run_with() -> Callable[..., Run]:
    """Plays the short call with an application; further settings replace parts of the scenario."""

    def run(app: Answer, seed: int = 0, **changes: Any) -> Run:
        return simulate(short_call(**changes), app=app, base_dir=SCENARIOS, seed=seed)

    return run
