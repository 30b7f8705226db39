from __future__ import annotations

import pytest

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim.scenario.minutes import parse_minutes


@pytest.mark.parametrize(("text", "minutes"), [("10", 10), ("0.5", 0.5), ("1440", 1440), (3.0, 3)])
def test_minutes_are_read(text: str | float, minutes: float) -> None:
    assert parse_minutes(text) == minutes


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e9", "many", "", -2.0])
def test_minutes_that_are_none_are_refused_with_what_is_accepted(text: str | float) -> None:
    with pytest.raises(ScenarioError, match=f"--sim-live-minutes={text}: expected .* more than 0 and at most 1440"):
        parse_minutes(text)
