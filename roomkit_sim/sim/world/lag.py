"""Notices when a machine cannot keep up with real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["LagMeter"]

_BEAT_S = 0.02
_WORTH_NOTING_NS = 50_000_000


class LagMeter:
    """A heart that should beat every 20 ms.

    Args:
        now_ns: Nanoseconds since the start of the run.

    Attributes:
        late: The beats that were more than 50 ms late: when they were due, and how late they were, in nanoseconds.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.late: list[tuple[int, int]] = []
        self._now_ns = now_ns

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            due_ns = self._now_ns() + round(_BEAT_S * 1e9)
            await asyncio.sleep(_BEAT_S)
            late_ns = self._now_ns() - due_ns
            if late_ns > _WORTH_NOTING_NS:
                self.late.append((due_ns, late_ns))
