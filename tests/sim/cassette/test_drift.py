from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim.cassette.drift import Drift


@pytest.mark.parametrize(
    ("how", "advice"),
    [
        ({}, "undo the change, or record anew: --sim-provider=live --sim-record=all"),
        ({"origin": "simulated"}, "undo the change, or record anew: --sim-record=all"),
        ({"origin": "imported"}, "undo the change, or import what it was made of anew"),
        ({"mutations": ("cut at H4",)}, "disturb the call without replay"),
    ],
)
def test_a_drift_says_what_can_be_done_about_it(how: dict[str, Any], advice: str) -> None:
    drift = Drift("nothing was recorded", 1, 2, 0, None, None, None, None, 7, **how)
    *_, last = drift.details().splitlines()
    assert last.startswith("  what to do  ")
    assert last.endswith(advice)
