"""The room that the current task works for."""

from __future__ import annotations

from contextvars import ContextVar

__all__ = ["current_room_id"]

current_room_id: ContextVar[str | None] = ContextVar("roomkit_sim_current_room", default=None)
"""Set by the routing hook. A tool that a model calls in a text conversation learns its room from here."""
