"""The waterfalls of handoffs: their additive latencies as bars that follow one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roomkit_sim.sim.metrics.waterfall import HandoffMetrics

__all__ = ["Bar", "waterfalls"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One latency. Percent of the whole; nothing was measured where ``ms`` is nothing."""

    name: str
    ms: float | None
    left: float
    width: float


def waterfalls(handoffs: Sequence[HandoffMetrics]) -> list[list[Bar]]:
    """The bars of each handoff, in order, with what is left unexplained at the end; all on one scale."""
    parts = [{**item.latencies.stages, "unattributed_ms": item.latencies.unattributed_ms} for item in handoffs]
    scale = max((_length(part) for part in parts), default=0.0) or 1.0
    return [_bars(part, scale) for part in parts]


def _length(parts: Mapping[str, float | None]) -> float:
    return sum(max(value, 0.0) for value in parts.values() if value is not None)


def _bars(parts: Mapping[str, float | None], scale: float) -> list[Bar]:
    bars: list[Bar] = []
    left = 0.0
    for name, value in parts.items():
        width = 0.0 if value is None else 100 * max(value, 0.0) / scale
        bars.append(Bar(name.removesuffix("_ms"), value, round(left, 2), round(width, 2)))
        left += width
    return bars
