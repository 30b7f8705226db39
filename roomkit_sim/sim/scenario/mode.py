"""How scenarios are played: in which time, against what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["SIMULATED", "Against", "Clock", "Mode"]

Clock: TypeAlias = Literal["virtual", "real"]
"""``virtual``: simulated time and network; ``real``: the machine's time, and sockets."""


Against: TypeAlias = Literal["fake", "live"]
"""``fake``: our protocol server with the scenario's mind; ``live``: the service itself."""


@dataclass(frozen=True)
class Mode:
    """How a run is played.

    Args:
        clock: In which time.
        against: Which kind of provider answers.
    """

    clock: Clock = "virtual"
    against: Against = "fake"

    def __post_init__(self) -> None:
        """A service cannot be hurried."""
        if self.against == "live":
            object.__setattr__(self, "clock", "real")

    @property
    def options(self) -> tuple[str, ...]:
        """What has to be said to pytest to play this way."""
        if self.against == "live":
            return ("--sim-provider=live",)
        return () if self.clock == "virtual" else (f"--sim-clock={self.clock}",)


SIMULATED = Mode()
"""The default."""
