"""What a run left of its recordings is told when it ends."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import scenario_text
from tests.sim.runner.finance_line import short_call


def test_recordings_that_no_call_used_are_named_at_the_end_of_a_replay(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text(scenario="first-one"), b=scenario_text(scenario="other-one"))
    recorded = suite.runpytest("--sim-record=once", "-n", "2")
    recorded.assert_outcomes(passed=2)
    assert "not used" not in recorded.stdout.str()
    for workers in ("0", "2"):
        result = suite.runpytest("--sim-provider=replay", "-n", workers, "a.scenario.yaml")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(
            [
                "1 recording was not used in this run*recordings/manifest.json:",
                "  *recordings/gemini-live/b--other-one*",
            ]
        )
        assert "first-one--s0/cassette" not in result.stdout.str()
    whole = suite.runpytest("--sim-provider=replay")
    whole.assert_outcomes(passed=2)
    assert "not used" not in whole.stdout.str()
    assert [path.name for path in (suite.path / "reports").iterdir()] == ["latest"]
    assert not [*(suite.path / "reports" / "latest").glob("used*")]


def test_frames_that_were_not_played_are_named_at_the_end(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text())
    suite.runpytest("--sim-record=once").assert_outcomes(passed=1)
    script = [*short_call()["caller"]["script"][:3], "hang_up"]
    suite.makefile(".scenario.yaml", a=scenario_text(caller={"script": script}))
    result = suite.runpytest("--sim-provider=replay")
    result.stdout.fnmatch_lines(
        ["not played to the end: short-call[[]gemini-live-s0[]]: line *: * frames of the server on connection 2 *"]
    )


def test_a_run_that_replays_nothing_but_what_it_records_says_nothing_of_them(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text())
    suite.runpytest("--sim-record=once").assert_outcomes(passed=1)
    suite.makefile(".scenario.yaml", a=scenario_text(scenario="renamed"))
    for options in ([], ["--sim-record=once"]):
        assert "not used" not in suite.runpytest(*options).stdout.str()
