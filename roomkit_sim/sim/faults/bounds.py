"""How long a call may be in a bad state before it counts as broken."""

from __future__ import annotations

__all__ = ["DEAD_AIR_MS", "PATIENCE_MS"]

DEAD_AIR_MS = 25_000
"""So long the caller may hear nobody, with the line open, once a fault has struck.

A connection that is silently gone is found out by keepalive, after 10 s with the shipped providers; then it is
replaced, and the caller has to be answered.
"""

PATIENCE_MS = DEAD_AIR_MS
"""So long a caller waits for an agent to speak in a disturbed call, asking again whenever a wait is over."""
