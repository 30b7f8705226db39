"""The record modes of vcrpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.modes import decide

PATH = Path("recordings/test/call/cassette.jsonl")


@pytest.mark.parametrize(
    ("mode", "exists", "drifted", "action"),
    [
        ("none", True, False, "replay"),
        ("none", True, True, "replay"),
        ("once", True, False, "replay"),
        ("once", True, True, "replay"),
        ("once", False, False, "record"),
        ("new_episodes", True, False, "replay"),
        ("new_episodes", True, True, "record"),
        ("new_episodes", False, False, "record"),
        ("all", True, False, "record"),
        ("all", False, False, "record"),
    ],
)
def test_what_is_done_in_each_mode(mode: Any, exists: bool, drifted: bool, action: str) -> None:
    assert decide(mode, PATH, exists=exists, drifted=drifted) == action


def test_nothing_is_recorded_in_mode_none() -> None:
    with pytest.raises(CassetteError, match="record mode 'none' makes none") as caught:
        decide("none", PATH, exists=False)
    assert caught.value.path == PATH
