"""What the connections of a replay share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from roomkit_sim.sim.cassette.drift import Drift
from roomkit_sim.sim.cassette.microphone import Matching
from roomkit_sim.sim.cassette.model import RecordedConnection
from roomkit_sim.sim.cassette.pace import Pace
from roomkit_sim.sim.cassette.script import Script
from roomkit_sim.sim.cassette.scrubbing import Scrubber
from roomkit_sim.sim.trace.recorder import TraceSink

__all__ = ["Identity", "Stage"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a run knows of a connection.

    Args:
        conn: Its number.
        call: The call that it belongs to.
        sink: The trace of that call.
    """

    conn: int
    call: str | None = None
    sink: TraceSink | None = None


class Stage(Protocol):
    """What a connection needs of the replay that it is part of."""

    scrubber: Scrubber
    matching: Matching
    scale: float
    is_mutated: bool
    """A client that was treated otherwise than recorded may end earlier."""

    def claim(self, host: str, owner: str | None) -> RecordedConnection | None:
        """The recorded connection that is replayed for the one that is dialled now."""
        ...

    def pace_of(self, recorded: RecordedConnection) -> Pace | None:
        """The moments to which it is held, if it is."""
        ...

    def script_of(self, recorded: RecordedConnection, pace: Pace | None) -> Script:
        """What its server does."""
        ...

    def identify(self, peer: tuple[str, int]) -> Identity:
        """What is known of the connection whose client has this address."""
        ...

    def drifted(self, drift: Drift) -> None:
        """The client did something that was not recorded."""
