"""Test suites in folders of their own, in which the plugin runs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.sim.runner.finance_line import SCENARIOS, short_call

# pytester forgets the modules that a test has loaded; pandas cannot be loaded twice in a process.
LOADED = pd

APP = Path(__file__).parents[1] / "sim" / "runner" / "finance_line.py"


def scenario_text(**changes: object) -> str:
    return yaml.safe_dump({**short_call(), "app": "line:answer", **changes}, sort_keys=False)


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with an application, the speech that its callers need, and the plugin."""
    # In processes of their own: inside this one, extension modules would be loaded a second time, and crash it.
    monkeypatch.setattr(pytester, "runpytest", pytester.runpytest_subprocess)
    pytester.makepyfile(line=APP.read_text() + "\nanswer = application()\n")
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (pytester.path / "audio").symlink_to(SCENARIOS / "audio")
    return pytester
