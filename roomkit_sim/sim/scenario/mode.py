"""How scenarios are played: in which time, against what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["SIMULATED", "Clock", "Mode"]

Clock: TypeAlias = Literal["virtual", "real"]
"""``virtual``: simulated time and network; ``real``: the machine's time, and sockets."""


@dataclass(frozen=True)
class Mode:
    """How a run is played.

    Args:
        clock: In which time.
    """

    clock: Clock = "virtual"

    @property
    def options(self) -> tuple[str, ...]:
        """What has to be said to pytest to play this way."""
        return () if self.clock == "virtual" else (f"--sim-clock={self.clock}",)


SIMULATED = Mode()
"""The default."""
