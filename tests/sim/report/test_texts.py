from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from roomkit_sim.sim import Run
from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.report.failure_text import failure_text
from roomkit_sim.sim.report.markdown import codes_markdown, summary_markdown, switches_markdown
from roomkit_sim.sim.report.rows import rows_of
from roomkit_sim.sim.report.run_info import run_info
from roomkit_sim.sim.report.staging import Collected
from roomkit_sim.sim.report.terminal import terminal_lines
from roomkit_sim.sim.report.totals import quantile, totals

SWITCHES_PAGE = Path(__file__).parents[3] / "docs" / "misbehaviours.md"
FINDINGS_PAGE = Path(__file__).parents[3] / "docs" / "findings.md"


def collected(*runs: Run) -> Collected:
    return Collected([rows_of(call) for run in runs for call in run.calls])


def test_failure_names_place_code_paths_events_and_how_to_repeat_and_listen(failed: Run) -> None:
    lines = failure_text(failed.calls[0], "reports/latest/calls/x/index.html").splitlines()
    assert lines[0].startswith("failing-call:1  failing-call[gemini-live-s0]")
    assert lines[1] == "  ROUTE001 agent-advisor came where it should have ended, at step 2 of the route"
    text = "\n".join(lines)
    assert "expected      agent-triage\n" in text
    assert "actual        agent-triage -> agent-advisor    first divergence at step 2" in text
    assert "the caller has said 'ask-advice'" in text
    assert "handoff agent-triage -> agent-advisor accepted" in text
    assert lines[-2].split() == ["replay", *failed.record.rerun.split()]
    assert lines[-1].startswith("  listen          reports/latest/calls/x/index.html#t=")


def test_failure_of_a_call_that_is_not_kept_does_not_offer_to_listen(failed: Run) -> None:
    assert "listen" not in failure_text(failed.calls[0], None)


def test_terminal_tells_totals_worst_scenarios_and_files(passed: Run, failed: Run) -> None:
    lines = list(terminal_lines(totals(collected(passed, failed)), Path("reports/latest")))
    assert lines[0] == "1 of 2 calls passed; 1 failed; 2 handoffs accepted, 2 completed"
    assert any("failing-call" in line and "1 FAILED  ROUTE001" in line for line in lines)
    assert lines[-1] == "report: reports/latest/index.html  data: reports/latest/handoffs.csv"
    assert len(lines) <= 10
    assert any("roomkit-sim explain CODE" in line for line in lines)


def test_terminal_says_where_to_listen_when_a_failed_call_is_kept(passed: Run, failed: Run) -> None:
    def hints(*kept: bool) -> list[str]:
        both = collected(passed, failed)
        for call, is_kept in zip(both.calls, kept, strict=True):
            call["kept"] = is_kept
        return [line for line in terminal_lines(totals(both), Path("reports/latest")) if "open reports" in line]

    [hint] = hints(False, True)
    assert hint.startswith("to listen and look: open reports/latest/index.html in a browser")
    assert hint.endswith("reports/latest/calls")
    assert hints(True, False) == []


def test_warnings_are_shown_and_fail_nothing(passed: Run) -> None:
    (call,) = passed.calls
    warning = Finding("WIRE056", "no answer is under way", severity=Severity.WARNING)
    rows = Collected([rows_of(replace(call, findings=(warning,)))])
    lines = list(terminal_lines(totals(rows), Path("reports/latest")))
    assert lines[0].startswith("1 of 1 calls passed")
    assert any(line.endswith("passed  warned WIRE056") for line in lines)
    text = summary_markdown(totals(rows), rows, run_info("pytest", ["gemini-live"], [("virtual", "fake")]))
    assert text.startswith("### ✅")
    assert "**WIRE056** no answer is under way (warning)" in text


def test_terminal_stays_short_when_there_are_many_scenarios(passed: Run) -> None:
    many = collected(passed)
    many.calls = [{**many.calls[0], "scenario": f"scenario-{number:03}"} for number in range(200)]
    lines = list(terminal_lines(totals(many), Path("reports/latest")))
    assert len(lines) <= 17
    assert any("and 197 more scenarios without fault" in line for line in lines)


def test_markdown_is_a_table_that_no_message_can_break(failed: Run) -> None:
    rows = collected(failed)
    rows.findings = [{**rows.findings[0], "message": "a | b\n<script>"}]
    text = summary_markdown(totals(rows), rows, run_info("pytest", ["gemini-live"], [("virtual", "fake")]))
    assert "a \\| b &lt;script>" in text
    assert text.startswith("### ❌")
    assert "not of a real provider" in text


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [((), 0.5, None), ((7.0,), 0.9, 7.0), ((1.0, 2.0), 0.5, 1.0), ((1.0, 2.0, 3.0, 4.0), 0.9, 4.0)],
)
def test_quantile_is_the_nearest_rank(values: tuple[float, ...], share: float, expected: float | None) -> None:
    assert quantile(values, share) == expected


def test_page_of_findings_is_up_to_date() -> None:
    assert FINDINGS_PAGE.read_text() == codes_markdown(), "write docs/findings.md anew: roomkit-sim explain --all"


def test_page_of_misbehaviours_is_up_to_date() -> None:
    assert SWITCHES_PAGE.read_text() == switches_markdown(), (
        "write docs/misbehaviours.md anew: roomkit-sim explain --switches"
    )
