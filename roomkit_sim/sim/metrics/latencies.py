"""The latencies of a handoff, metric set v2.

The definitions stand in docs/latencies.md. A change of any of them is a new :data:`METRIC_VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

__all__ = ["ADDITIVE", "METRIC_VERSION", "Latencies", "latencies_of"]

METRIC_VERSION = "2"

_DIFFERENCES: Mapping[str, tuple[str, str]] = {
    # latency: (from, to)
    "ear_ms": ("H0", "H11"),
    "decide_ms": ("H0", "H2"),
    "legality_ms": ("H2", "H3"),
    "commit_ms": ("H3", "H4"),
    "teardown_ms": ("H4", "H6"),
    "reconnect_ms": ("H6", "H8"),  # of an overlapped handoff, or one in the session: from H4
    "rehydrate_ms": ("H8", "H9"),
    "first_voice_ms": ("H9", "H11"),
}

ADDITIVE = tuple(name for name in _DIFFERENCES if name != "ear_ms")
"""The latencies that follow one another and make up ``ear_ms``, in order."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds; nothing where a stage that it needs did not happen.

    Args:
        ear_ms: From the end of the caller's request to the new agent's first audible sample.
        gap_ms: The dead air that the caller hears.
        decide_ms: Until the handoff call is on the wire.
        legality_ms: Until the runtime has decided.
        commit_ms: Until the state is stored.
        teardown_ms: Until the old connection is closed, where the new session waits for that.
        reconnect_ms: Until the new setup is acknowledged.
        rehydrate_ms: Until the context is there.
        first_voice_ms: Until the new agent is heard.
        split_brain_ms: How long the state and the wire named different agents.
        unattributed_ms: What of ``ear_ms`` no measured stage explains.
    """

    ear_ms: float | None = None
    gap_ms: float | None = None
    decide_ms: float | None = None
    legality_ms: float | None = None
    commit_ms: float | None = None
    teardown_ms: float | None = None
    reconnect_ms: float | None = None
    rehydrate_ms: float | None = None
    first_voice_ms: float | None = None
    split_brain_ms: float | None = None
    unattributed_ms: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """Column name to milliseconds, in the order of the columns."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def stages(self) -> dict[str, float | None]:
        """The additive ones, in order."""
        return {name: getattr(self, name) for name in ADDITIVE}


def latencies_of(stages: Mapping[str, int]) -> Latencies:
    """The latencies of one handoff.

    Args:
        stages: ``"H0"`` .. ``"H11"`` to nanoseconds; what did not happen is not in it.
    """
    values = {name: _difference(stages, *ends) for name, ends in _DIFFERENCES.items()}
    if not _closes_first(stages):
        values |= {"teardown_ms": None, "reconnect_ms": _difference(stages, "H4", "H8")}
    split = _difference(stages, "H4", "H8")
    return Latencies(
        **values,
        gap_ms=_gap(stages),
        split_brain_ms=None if split is None else abs(split),
        unattributed_ms=_unattributed(values),
    )


def _closes_first(stages: Mapping[str, int]) -> bool:
    """Whether the old connection was closed before the new session was there, so that closing it took the caller time.

    It is not when the new connection is made before the old one is broken, nor when the old one is kept.
    """
    return "H6" in stages and ("H8" not in stages or stages["H6"] <= stages["H8"])


def _difference(stages: Mapping[str, int], start: str, end: str) -> float | None:
    if start not in stages or end not in stages:
        return None
    return (stages[end] - stages[start]) / 1e6


def _gap(stages: Mapping[str, int]) -> float | None:
    """``H11 - max(H0, H5)``. An old agent that never spoke has no H5 and made no sound to wait for the end of."""
    since = [stages[stage] for stage in ("H0", "H5") if stage in stages]
    if "H11" not in stages or not since:
        return None
    return (stages["H11"] - max(since)) / 1e6


def _unattributed(values: Mapping[str, float | None]) -> float | None:
    ear = values["ear_ms"]
    if ear is None:
        return None
    measured = (values[name] for name in ADDITIVE)
    # Whole nanoseconds again, so that stages that add up leave exactly nothing.
    return round((ear - sum(value for value in measured if value is not None)) * 1e6) / 1e6
