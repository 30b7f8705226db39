"""How scenarios are played: in which time, against what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from roomkit_sim.errors import ScenarioError

__all__ = ["RECORDINGS", "SIMULATED", "Against", "Clock", "Mode", "Recording"]

Clock: TypeAlias = Literal["virtual", "real"]
"""``virtual``: simulated time and network; ``real``: the machine's time, and sockets."""


Against: TypeAlias = Literal["fake", "replay", "live"]
"""``fake``: our protocol server with the scenario's mind; ``replay``: a recording; ``live``: the service itself."""

Recording: TypeAlias = Literal["none", "once", "new_episodes", "all"]
"""Which calls are recorded, by the names of vcrpy.

``none``: none. ``once``: those that have no recording; the others are replayed. ``new_episodes``: besides, those that
no longer go as recorded. ``all``: all, anew.
"""

RECORDINGS = Path("recordings")


@dataclass(frozen=True)
class Mode:
    """How a run is played.

    Args:
        clock: In which time.
        against: Which kind of provider answers.
        recording: Which calls are recorded.
        recordings: The folder of recordings.

    Raises:
        ScenarioError: The parts contradict each other.
    """

    clock: Clock = "virtual"
    against: Against = "fake"
    recording: Recording = "none"
    recordings: Path = RECORDINGS

    def __post_init__(self) -> None:
        """A service cannot be hurried, and a recording cannot be recorded."""
        if self.against == "live":
            object.__setattr__(self, "clock", "real")
        if self.against == "replay" and self.recording != "none":
            raise ScenarioError(
                "what is replayed is recorded already: choose whom to record with --sim-provider=live or fake"
            )

    @property
    def options(self) -> tuple[str, ...]:
        """What has to be said to pytest to play this way."""
        said = []
        if self.against != "fake":
            said.append(f"--sim-provider={self.against}")
        if self.clock != "virtual" and self.against != "live":
            said.append(f"--sim-clock={self.clock}")
        return tuple(said)


SIMULATED = Mode()
"""The default."""
