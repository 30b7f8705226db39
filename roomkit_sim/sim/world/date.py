"""The date, for servers that put one into what they send: virtual in a simulated world, the machine's elsewhere."""

from __future__ import annotations

import time

__all__ = ["seconds_since_1970"]


def seconds_since_1970() -> float:
    """Now. In a simulated world ``time.time`` shows the world's date (see :mod:`roomkit_sim.sim.world.entropy`)."""
    return time.time()
