"""The summary of a run in the terminal: totals, one line a scenario that is worth one, and where the files are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from roomkit_sim.sim.report.meaning import meaning_of_latencies
from roomkit_sim.sim.report.totals import ScenarioTotals, Totals, quantile

__all__ = ["milliseconds", "terminal_lines", "verdict_line"]

_MOST_ROWS = 15


def verdict_line(totals: Totals) -> str:
    """The run in one line."""
    parts = [f"{totals.passed} of {totals.calls} calls passed"]
    if totals.failed:
        parts.append(f"{totals.failed} failed")
    if totals.invalid:
        parts.append(f"{totals.invalid} invalid")
    refused = f", {totals.refused} refused" if totals.refused else ""
    parts.append(f"{totals.handoffs} handoffs accepted, {totals.completed} completed{refused}")
    return "; ".join(parts)


def terminal_lines(totals: Totals, output: Path) -> Iterator[str]:
    """The lines.

    Args:
        totals: The run.
        output: The report's folder, as the user would type it.
    """
    yield verdict_line(totals)
    shown = [*_worth_showing(totals)]
    if shown:
        width = max(len(scenario.name) for scenario in shown)
        yield f"{'scenario':<{width}}  calls  handoffs  ear p50   p90   max ms  verdict"
        for scenario in shown:
            yield _row(scenario, width)
        left_out = len(totals.scenarios) - len(shown)
        if left_out:
            yield f"... and {left_out} more scenarios without fault"
    yield meaning_of_latencies(totals.kinds)
    if totals.passed < totals.calls:
        yield "what a code means, what usually causes it and what to do: roomkit-sim explain CODE"
    if totals.kept:
        kept = f"sound, trace and page of each are in {output / 'calls'}"
        yield f"to listen and look: open {output / 'index.html'} in a browser; {kept}"
    yield f"report: {output / 'index.html'}  data: {output / 'handoffs.csv'}"


def _worth_showing(totals: Totals) -> Iterator[ScenarioTotals]:
    """All of them if they are few; else those that failed, and the slowest."""
    if len(totals.scenarios) <= _MOST_ROWS:
        yield from totals.scenarios
        return
    failed = [scenario for scenario in totals.scenarios if scenario.failed]
    good = [scenario for scenario in totals.scenarios if not scenario.failed]
    slowest = sorted(good, key=lambda scenario: -(scenario.ears_ms[-1] if scenario.ears_ms else 0.0))
    yield from [*failed, *slowest[:3]]


def _row(scenario: ScenarioTotals, width: int) -> str:
    ears = [milliseconds(quantile(scenario.ears_ms, share)) for share in (0.5, 0.9, 1.0)]
    handoffs = f"{scenario.completed}/{scenario.handoffs}"
    verdict = "passed" if not scenario.failed else f"{scenario.failed} FAILED  {' '.join(scenario.codes)}"
    warned = f"  warned {' '.join(scenario.warned)}" if scenario.warned else ""
    name = f"{scenario.name:<{width}}"
    return f"{name}  {scenario.calls:>5}  {handoffs:>8}  {ears[0]:>7} {ears[1]:>5} {ears[2]:>8}  {verdict}{warned}"


def milliseconds(value: float | None) -> str:
    """A latency for people; a dash where there is none."""
    return "-" if value is None else f"{value:.0f}"
