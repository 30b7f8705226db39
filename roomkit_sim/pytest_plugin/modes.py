"""How the options ask scenarios to be played."""

from __future__ import annotations

import pytest

from roomkit_sim.sim.scenario.mode import RECORDINGS, Mode

__all__ = ["mode_of"]


def mode_of(config: pytest.Config) -> Mode:
    """The mode of a run.

    Raises:
        ScenarioError: Options contradict each other.
    """
    chosen = config.getoption("--sim-recordings")
    return Mode(
        clock=config.getoption("--sim-clock"),
        against=config.getoption("--sim-provider"),
        recording=config.getoption("--sim-record"),
        recordings=config.rootpath / RECORDINGS if chosen is None else config.invocation_params.dir / chosen,
    )
