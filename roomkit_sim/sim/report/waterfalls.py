"""The waterfall of a handoff: its additive latencies as bars that follow one another."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit_sim.sim.metrics.waterfall import HandoffMetrics

__all__ = ["Bar", "waterfall"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One latency. Percent of the whole; nothing was measured where ``ms`` is nothing."""

    name: str
    ms: float | None
    left: float
    width: float


def waterfall(metrics: HandoffMetrics) -> list[Bar]:
    """The bars, in order, with what is left unexplained at the end."""
    parts = {**metrics.latencies.stages, "unattributed_ms": metrics.latencies.unattributed_ms}
    whole = sum(max(value, 0.0) for value in parts.values() if value is not None) or 1.0
    bars: list[Bar] = []
    left = 0.0
    for name, value in parts.items():
        width = 0.0 if value is None else 100 * max(value, 0.0) / whole
        bars.append(Bar(name.removesuffix("_ms"), value, round(left, 2), round(width, 2)))
        left += width
    return bars
