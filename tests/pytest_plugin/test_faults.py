from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim.sim.report import frames
from tests.pytest_plugin.conftest import scenario_text

QUIET = ("-p", "no:cacheprovider")


def faults(suite: pytest.Pytester) -> list[dict[str, Any]]:
    with Path(suite.path / "reports" / "latest" / "faults.csv").open(newline="") as file:
        return [*csv.DictReader(file)]


def test_the_matrix_makes_an_item_for_each_fault_and_stage(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text())
    result = suite.runpytest("--sim-faults=matrix", "--collect-only", "-q")
    ids = re.findall(r"short-call\[(.*)\]", result.stdout.str())
    assert ids[0] == "gemini-live-s0"
    assert {"gemini-live-s0-cut@H0", "gemini-live-s0-cut@H11", "gemini-live-s0-503@H4"} <= set(ids)


def test_disturbed_calls_pass_with_a_picture_and_their_rows_also_in_several_processes(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text())
    ids = [f"a.scenario.yaml::short-call[gemini-live-s0-{name}]" for name in ("1011@H8", "1011@H9", "503@H4")]
    result = suite.runpytest("--sim-faults=matrix", *ids, "-n", "2", *QUIET)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["* H8 *", "1011 *", "503@H4 *", "short-call, gemini-live: *", "*3 of 3 calls passed*"])
    assert sorted(row["stage"] for row in faults(suite)) == ["H4", "H8", "H9"]
    assert "<h2>Faults: short-call, gemini-live</h2>" in (suite.path / "reports/latest/index.html").read_text()
    assert "#### Faults: short-call" in (suite.path / "reports" / "latest" / "summary.md").read_text()


def test_the_id_of_a_disturbed_call_repeats_its_bytes_without_the_option(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text())
    suite.runpytest("--sim-faults=matrix", "-k", "swap and H1 and not H10 and not H11", *QUIET)
    first = frames.calls(suite.path / "reports" / "latest")
    suite.runpytest("a.scenario.yaml::short-call[gemini-live-s0-swap@H1]", *QUIET)
    again = frames.calls(suite.path / "reports" / "latest")
    picked = first[first["condition"] == "swap@H1"]
    assert list(again["digest"]) == list(picked["digest"])
    assert list(again["rerun"]) == list(picked["rerun"])


def test_a_fault_plan_is_applied_to_every_scenario(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text(), b=scenario_text(scenario="other-call"))
    suite.makefile(".yaml", rain="- {do: stall, ms: 300, stage: H4}\n- {do: slow, after: wire.open}\n")
    result = suite.runpytest("--sim-faults=rain.yaml", "-v", *QUIET)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*short-call[[]gemini-live-s0-rain[]] PASSED*", "*rain *"])
    assert [(row["fault"], row["stage"]) for row in faults(suite)] == [("rain", ""), ("rain", "")]
    assert faults(suite)[0]["rerun"].endswith("--sim-faults=rain.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {do: cut, stage: H4}\n- {do: cut, stage: H44}\n", "rain.yaml:2: 1.stage: 'H44' is no stage of a handoff"),
        (
            None,
            "rain.yaml: cannot read the file: No such file or directory; give none, matrix or the file of a fault plan",
        ),
    ],
)
def test_a_wrong_fault_plan_is_a_usage_error_with_file_and_line(
    suite: pytest.Pytester, text: str | None, message: str
) -> None:
    if text is not None:
        suite.makefile(".yaml", rain=text)
    result = suite.runpytest("--sim-faults=rain.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()


def test_a_misspelt_matrix_is_told_so(suite: pytest.Pytester) -> None:
    result = suite.runpytest("--sim-faults=matirx")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().rstrip().endswith("the file of a fault plan; did you mean 'matrix'?")


def test_what_a_scenario_does_not_have_is_skipped(suite: pytest.Pytester) -> None:
    nobody = scenario_text()
    nobody = nobody.replace("target: agent-advisor", "target: agent-nobody")
    suite.makefile(".scenario.yaml", a=nobody)
    result = suite.runpytest("--sim-faults=matrix", "a.scenario.yaml::short-call[gemini-live-s0-cut@H8]", "-rs", *QUIET)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*the first handoff has no H8: there is nothing to disturb*"])


def test_a_python_test_says_what_goes_wrong_and_sees_what_became_of_it(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", a=scenario_text())
    suite.makepyfile("""
        from roomkit_sim.sim.scenario.condition import Condition
        from roomkit_sim.sim.scenario.faults import Cut

        def test_the_advisor_comes_though_the_line_is_cut(simulate):
            cut = Condition("cut", (Cut(stage="H8"),))
            assert simulate("a.scenario.yaml", condition=cut).calls[0].outcome.kind == "survived"
    """)
    suite.runpytest(*QUIET).assert_outcomes(passed=2)
    assert [row["outcome"] for row in faults(suite)] == ["survived"]
