"""Sums up a run: what the terminal, the Markdown summary and the index page show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.report.heat_map import HeatMap, heat_maps
from roomkit_sim.sim.report.rows import Row
from roomkit_sim.sim.report.staging import Collected

__all__ = ["ScenarioTotals", "Totals", "quantile", "totals"]


@dataclass(frozen=True)
class ScenarioTotals:
    """One scenario, all its seeds and calls together.

    Args:
        name: The scenario.
        calls: How many calls.
        failed: How many of them failed or are invalid.
        handoffs: How many handoffs were accepted.
        refused: How many were refused.
        completed: After how many the new agent was heard.
        ears_ms: ``ear_ms`` of the completed ones, ascending.
        codes: Codes of the findings that fail, in order of appearance.
        warned: The codes of the warnings.
    """

    name: str
    calls: int
    failed: int
    handoffs: int
    refused: int
    completed: int
    ears_ms: tuple[float, ...]
    codes: tuple[str, ...]
    warned: tuple[str, ...]


@dataclass(frozen=True)
class Totals:
    """A run.

    Args:
        scenarios: In order of their names.
        calls: How many calls.
        failed: How many of them failed.
        invalid: How many prove nothing.
        handoffs: How many handoffs were accepted.
        refused: How many were refused.
        completed: After how many the new agent was heard.
        kinds: Which kinds of calls were made: clock and what answered, each.
        heat_maps: What became of the calls that were disturbed on purpose.
        kept: Of how many of those that did not pass sound, trace and page are kept.
    """

    scenarios: tuple[ScenarioTotals, ...]
    calls: int
    failed: int
    invalid: int
    handoffs: int
    refused: int
    completed: int
    kinds: tuple[tuple[str, str], ...]
    heat_maps: tuple[HeatMap, ...] = ()
    kept: int = 0

    @property
    def passed(self) -> int:
        """Calls without fault."""
        return self.calls - self.failed - self.invalid


def totals(collected: Collected) -> Totals:
    """Sum up."""
    names = sorted({str(call["scenario"]) for call in collected.calls})
    scenarios = tuple(_scenario(name, collected) for name in names)
    return Totals(
        scenarios=scenarios,
        calls=len(collected.calls),
        failed=sum(call["verdict"] == "failed" for call in collected.calls),
        invalid=sum(call["verdict"] == "invalid" for call in collected.calls),
        handoffs=sum(scenario.handoffs for scenario in scenarios),
        refused=sum(scenario.refused for scenario in scenarios),
        completed=sum(scenario.completed for scenario in scenarios),
        kinds=tuple(sorted({(str(call["clock"]), str(call["against"])) for call in collected.calls})),
        heat_maps=heat_maps(collected.faults),
        kept=sum(call["verdict"] != "passed" and bool(call.get("kept")) for call in collected.calls),
    )


def _scenario(name: str, collected: Collected) -> ScenarioTotals:
    calls = _of(collected.calls, name)
    handoffs = _of(collected.handoffs, name)
    findings = _of(collected.findings, name)
    ears = [value for row in handoffs if isinstance(value := row["ear_ms"], int | float)]
    return ScenarioTotals(
        name=name,
        calls=len(calls),
        failed=sum(call["verdict"] != "passed" for call in calls),
        handoffs=sum(row["accepted"] is True for row in handoffs),
        refused=sum(row["accepted"] is False for row in handoffs),
        completed=sum(row["h11_ns"] is not None for row in handoffs),
        ears_ms=tuple(sorted(ears)),
        codes=_codes(findings, *(severity for severity in Severity if severity.fails)),
        warned=_codes(findings, Severity.WARNING),
    )


def _codes(findings: Iterable[Row], *severities: Severity) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(row["code"]) for row in findings if row["severity"] in severities))


def _of(rows: Iterable[Row], scenario: str) -> list[Row]:
    return [row for row in rows if row["scenario"] == scenario]


def quantile(ascending: Sequence[float], share: float) -> float | None:
    """The smallest value that ``share`` of the values do not exceed (the nearest-rank definition)."""
    if not ascending:
        return None
    rank = max(1, -(-share * len(ascending) // 1))
    return ascending[int(rank) - 1]
