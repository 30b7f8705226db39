from __future__ import annotations

import json
import re

import pytest

from roomkit_sim.sim.report import frames
from tests.pytest_plugin.conftest import scenario_text

WRONG = {"expect": {"route": ["agent-triage"]}}


def test_scenario_is_an_item_with_a_stable_id_and_passes(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text())
    result = suite.runpytest("-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["good.scenario.yaml::short-call[[]gemini-live-s0[]] PASSED*"])
    result.stdout.fnmatch_lines(["1 of 1 calls passed; 1 handoffs accepted, 1 completed"])
    assert len(frames.handoffs(suite.path / "reports" / "latest")) == 1


def test_id_selects_one_run_and_repeats_it_exactly(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text())
    suite.runpytest("--sim-seeds", "0,7", "-p", "no:cacheprovider").assert_outcomes(passed=2)
    both = frames.calls(suite.path / "reports" / "latest")
    suite.runpytest("good.scenario.yaml::short-call[gemini-live-s7]").assert_outcomes(passed=1)
    again = frames.calls(suite.path / "reports" / "latest")
    assert list(again["digest"]) == list(both[both["seed"] == 7]["digest"])


@pytest.mark.parametrize(("seeds", "count"), [("3", 1), ("3x", 3), ("1,5", 2), ("2-4", 3)])
def test_seeds_make_runs(suite: pytest.Pytester, seeds: str, count: int) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text())
    result = suite.runpytest("--sim-seeds", seeds, "--collect-only", "-q")
    assert len(re.findall(r"short-call\[gemini-live-s\d+\]", result.stdout.str())) == count


def test_seeds_that_are_none_are_a_usage_error(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text())
    result = suite.runpytest("--sim-seeds", "many")
    result.stderr.fnmatch_lines(["ERROR: --sim-seeds='many': expected a seed*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("minutes", ["-1", "nan"])
def test_minutes_that_are_none_are_a_usage_error(suite: pytest.Pytester, minutes: str) -> None:
    result = suite.runpytest(f"--sim-live-minutes={minutes}")
    result.stderr.fnmatch_lines([f"ERROR: --sim-live-minutes={minutes}: expected a number of minutes, more than 0*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_keyword_selects_scenarios(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text(scenario="first-one"), b=scenario_text(scenario="other-one"))
    suite.runpytest("-k", "first").assert_outcomes(passed=1, deselected=1)


def test_failure_is_the_findings_text_without_a_traceback(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", bad=scenario_text(**WRONG))
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "bad.scenario.yaml:*  short-call[[]gemini-live-s0[]]",
            "  ROUTE001 agent-advisor came where it should have ended*",
            "    expected      agent-triage",
            '  replay          pytest "bad.scenario.yaml::short-call[[]gemini-live-s0[]]"',
            "  listen          reports/latest/calls/*/index.html#t=*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "runtest" not in result.stdout.str()
    (page,) = (suite.path / "reports" / "latest" / "calls").glob("*/index.html")
    assert "ROUTE001" in page.read_text()


def test_last_failed_repeats_the_failed_run_with_its_seed(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text(scenario="good-one"), b=scenario_text(scenario="bad-one", **WRONG))
    suite.runpytest("--sim-seeds", "4").assert_outcomes(passed=1, failed=1)
    result = suite.runpytest("--lf", "-v")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*bad-one[[]gemini-live-s4[]] FAILED*"])


def test_two_workers_make_one_report(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text(scenario="one"), b=scenario_text(scenario="two", **WRONG))
    result = suite.runpytest_subprocess("-n", "2")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["1 of 2 calls passed; 1 failed*"])
    report = suite.path / "reports" / "latest"
    assert set(frames.calls(report)["scenario"]) == {"one", "two"}
    assert {json.loads(line)["run"] for line in (report / "events.jsonl").read_text().splitlines()} == {
        "one[gemini-live-s0]",
        "two[gemini-live-s0]",
    }
    assert [path.name for path in (suite.path / "reports").iterdir()] == ["latest"]


def test_unknown_key_is_an_error_with_file_line_and_nearest_key(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", bad=scenario_text().replace("budget_ms:", "buget_ms:"))
    result = suite.runpytest()
    result.assert_outcomes(errors=1)
    line = scenario_text().splitlines().index("budget_ms: 60000") + 1
    result.stdout.fnmatch_lines([f"bad.scenario.yaml:{line}: *unknown key 'buget_ms': did you mean 'budget_ms'?"])
    assert "Traceback" not in result.stdout.str()


def test_missing_application_fails_with_the_reason_and_the_other_scenarios_run(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text(scenario="good-one"), b=scenario_text(app="lime:answer"))
    result = suite.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    line = scenario_text().splitlines().index("app: line:answer") + 1
    result.stdout.fnmatch_lines(
        [
            f"b.scenario.yaml:{line}  short-call[[]gemini-live-s0[]]",
            "  APP006 app 'lime:answer': cannot import 'lime': * Did you mean 'line'?*(invalid: *)",
            f"    b.scenario.yaml:{line}",
            '  replay          pytest "b.scenario.yaml::short-call[[]gemini-live-s0[]]"',
            "1 of 2 calls passed; 1 invalid*",
        ]
    )


def test_list_says_what_there_is_and_runs_nothing(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text(description="What it shows."))
    result = suite.runpytest("--sim-list")
    result.stdout.fnmatch_lines(["good.scenario.yaml::short-call[[]gemini-live-s0[]]", "    What it shows."])
    assert not (suite.path / "reports").exists()


def test_output_goes_where_the_user_says(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text())
    result = suite.runpytest("--sim-output", "elsewhere/run", "--sim-artifacts", "on")
    result.stdout.fnmatch_lines(["report: elsewhere/run/index.html*"])
    assert len([*(suite.path / "elsewhere" / "run" / "calls").iterdir()]) == 1


def test_output_that_is_no_report_is_refused_before_anything_is_run(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text())
    (suite.path / "precious").mkdir()
    (suite.path / "precious" / "file").write_text("x")
    result = suite.runpytest("--sim-output", "precious")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --sim-output=*precious: the folder holds something else than a report*"])
    assert (suite.path / "precious" / "file").read_text() == "x"


def test_report_that_cannot_be_written_is_said_and_fails_the_run(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text())
    suite.makeconftest(
        """
        import roomkit_sim.sim.report.staging as staging
        from roomkit_sim.errors import ReportError

        def fails(self, output):
            raise ReportError("disk on fire")

        staging.Staging.put_in_place = fails
        """
    )
    result = suite.runpytest()
    result.stdout.fnmatch_lines(["no report: disk on fire"])
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR


def test_suite_without_simulations_is_left_alone(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_other="def test_nothing():\n    pass\n")
    result = suite.runpytest()
    result.assert_outcomes(passed=1)
    assert "simulated calls" not in result.stdout.str()
    assert not (suite.path / "reports").exists()


def test_help_explains_the_options(suite: pytest.Pytester) -> None:
    text = suite.runpytest("--help").stdout.str()
    for option in ("--sim-seeds", "--sim-output", "--sim-artifacts", "--sim-list"):
        assert option in text


def test_junit_has_seed_and_latency(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text())
    suite.runpytest("--junitxml", "junit.xml")
    text = (suite.path / "junit.xml").read_text()
    assert '<property name="seed" value="0"' in text
    assert '<property name="handoff_ear_ms_max"' in text
