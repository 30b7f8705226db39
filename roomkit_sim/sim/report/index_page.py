"""The page of a run: its calls, the latencies of its handoffs, its transitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.metrics.latencies import ADDITIVE
from roomkit_sim.sim.report.pages import render
from roomkit_sim.sim.report.rows import Row
from roomkit_sim.sim.report.staging import Collected
from roomkit_sim.sim.report.terminal import verdict_line
from roomkit_sim.sim.report.totals import Totals, quantile
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.handoff_stages import STAGES

__all__ = ["DotStrip", "dot_strip", "index_page"]

_STRIPS = ("ear_ms", "gap_ms", *ADDITIVE, "split_brain_ms")
_PX = 560


@dataclass(frozen=True)
class DotStrip:
    """One latency of all handoffs, a dot each. Dots, not boxes: a run has few of them."""

    name: str
    dots: list[tuple[float, str]]
    low: float
    high: float
    p50: float
    p90: float


def index_page(totals: Totals, collected: Collected, info: dict[str, Json]) -> str:
    """The page as HTML."""
    strips = [strip for name in _STRIPS if (strip := dot_strip(name, collected.handoffs)) is not None]
    return render(
        "index.html.j2",
        verdict=verdict_line(totals),
        good=totals.passed == totals.calls,
        calls=sorted(collected.calls, key=lambda row: (row["verdict"] == "passed", str(row["slug"]))),
        # What is excused in hundreds of disturbed calls would bury the rest; findings.csv has it.
        findings=[row for row in collected.findings if row["severity"] != Severity.WAIVED or not row["condition"]],
        heat_maps=totals.heat_maps,
        stages=STAGES,
        strips=strips,
        strip_px=_PX,
        transitions=_transitions(collected.handoffs),
        worst=_worst_ear(collected.handoffs),
        info=info,
    )


def dot_strip(name: str, handoffs: Iterable[Row]) -> DotStrip | None:
    """The dots of one latency; nothing when no handoff has it."""
    values = sorted((value, _label(row)) for row in handoffs if isinstance(value := row[name], int | float))
    if not values:
        return None
    numbers: Sequence[float] = [value for value, _ in values]
    scale = _PX / max(numbers[-1], 1.0)
    return DotStrip(
        name=name.removesuffix("_ms"),
        dots=[(round(max(value, 0.0) * scale, 1), f"{value:.1f} ms: {label}") for value, label in values],
        low=numbers[0],
        high=numbers[-1],
        p50=quantile(numbers, 0.5) or 0.0,
        p90=quantile(numbers, 0.9) or 0.0,
    )


def _label(row: Row) -> str:
    return f"{row['call']} s{row['seed']}, {row['from_agent']} → {row['to_agent']}"


def _transitions(handoffs: Iterable[Row]) -> list[tuple[str, str, int, int, int]]:
    """From, to, how often asked for, accepted, and heard by the caller."""
    asked: Counter[tuple[str, str]] = Counter()
    accepted: Counter[tuple[str, str]] = Counter()
    completed: Counter[tuple[str, str]] = Counter()
    for row in handoffs:
        edge = (str(row["from_agent"]), str(row["to_agent"]))
        asked[edge] += 1
        accepted[edge] += row["accepted"] is True
        completed[edge] += row["h11_ns"] is not None
    return [(*edge, asked[edge], accepted[edge], completed[edge]) for edge in sorted(asked)]


def _worst_ear(handoffs: Iterable[Row]) -> dict[str, float]:
    """The longest ``ear_ms`` of each call, by its slug."""
    worst: dict[str, float] = {}
    for row in handoffs:
        key, value = str(row["slug"]), row["ear_ms"]
        if isinstance(value, int | float):
            worst[key] = max(worst.get(key, 0.0), float(value))
    return worst
