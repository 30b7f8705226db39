"""What the latencies of a run mean: said wherever they are shown."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["meaning_of_latencies"]

# What is said of a clock holds for calls with our own servers.
_MEANINGS = {
    "virtual": "virtual time: latencies are those of the modelled network and provider, not of a real provider",
    "real": "real time over loopback: latencies are those of the scripted provider and of this machine, without a "
    "network; not of a real provider",
}


def meaning_of_latencies(clocks: Iterable[str]) -> str:
    """One sentence for each of the run's clocks."""
    return "; ".join(_MEANINGS[clock] for clock in clocks)
