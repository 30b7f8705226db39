"""Holds a replay to the moments of a recording that was made in real time. Pure.

In real time a client takes time to think, and its clocks tick late; in virtual time it does neither. Without this a
replay would run ahead of the recording at each of its answers, and its sound be cut at other places.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EARLY_NS", "LATE_NS", "Pace"]

EARLY_NS = 250_000_000
"""So much earlier a client may be than it was; a machine that was further behind is no machine to record on."""

LATE_NS = 30_000_000
"""So much later: a frame of audio and a half. What is later than this has become slower."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The moments of one connection.

    Args:
        dialled_ns: When it was dialled when it was recorded, on the clock of the replay.
        scale: Multiplies all times of the recording.
    """

    dialled_ns: int
    scale: float = 1.0

    def moment_ns(self, t_ns: int) -> int:
        """When something that came ``t_ns`` after the dial has its moment."""
        return self.dialled_ns + round(t_ns * self.scale)

    def held(self, due_ns: int, t_ns: int) -> int | None:
        """When something happens that is due by its causes; nothing where these are too far from its moment.

        Args:
            due_ns: When it is due.
            t_ns: When it came, counted from the dial.
        """
        moment_ns = self.moment_ns(t_ns)
        return moment_ns if moment_ns - EARLY_NS <= due_ns <= moment_ns + LATE_NS else None
