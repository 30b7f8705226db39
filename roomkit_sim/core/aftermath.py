"""What is left to do when a room's lock has been given up: observers to tell, failures to report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.task import Task

__all__ = ["Aftermath", "collecting", "open_aftermath"]


@dataclass
class Aftermath:
    """Collected while a room is held, worked off afterwards, so that a slow observer freezes nobody.

    Args:
        kit: The kit whose room it is.
        room_id: The room.
    """

    kit: object
    room_id: str
    broadcast: list[RoomEvent] = field(default_factory=list)
    blocked: list[RoomEvent] = field(default_factory=list)
    too_deep: list[RoomEvent] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)
    error_notices: list[RoomEvent] = field(default_factory=list)
    is_open: bool = True

    def absorb(self, inner: Aftermath) -> None:
        """Take over what was collected while this one's room was entered again."""
        self.broadcast += inner.broadcast
        self.blocked += inner.blocked
        self.too_deep += inner.too_deep
        self.tasks += inner.tasks
        self.errors += inner.errors
        self.error_notices += inner.error_notices


_current: ContextVar[Aftermath | None] = ContextVar("roomkit_sim_aftermath", default=None)


def open_aftermath(kit: object, room_id: str | None) -> Aftermath | None:
    """The aftermath that this context collects for a room, unless it is being worked off already."""
    aftermath = _current.get()
    if aftermath is None or not aftermath.is_open:
        return None
    return aftermath if aftermath.kit is kit and aftermath.room_id == room_id else None


@contextmanager
def collecting(aftermath: Aftermath) -> Iterator[None]:
    """Collect for ``aftermath`` in this context, and in the tasks started in it."""
    token = _current.set(aftermath)
    try:
        yield
    finally:
        aftermath.is_open = False
        _current.reset(token)
