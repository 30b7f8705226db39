"""No switch of the Gemini Live server is without a test of its own beside this file."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomkit_sim.sim.scenario.switches import switches_of

TESTS = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("test_switches_*.py")))


@pytest.mark.parametrize("name", [switch.name for switch in switches_of("gemini-live")])
def test_every_switch_is_seen_on_the_wire(name: str) -> None:
    assert f'"{name}"' in TESTS
