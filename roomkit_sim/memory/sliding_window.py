"""Remembers the newest messages."""

from __future__ import annotations

from roomkit_sim.memory.base import MemoryProvider, MemoryResult
from roomkit_sim.memory.relevance import conversation
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.event import RoomEvent

__all__ = ["SlidingWindowMemory"]


class SlidingWindowMemory(MemoryProvider):
    """The newest messages of the room, oldest of them first.

    Args:
        max_events: How many.
    """

    def __init__(self, max_events: int = 50) -> None:
        self._max_events = max_events

    async def retrieve(
        self, room_id: str, current_event: RoomEvent, context: RoomContext, *, channel_id: str | None = None
    ) -> MemoryResult:
        """The newest messages that the agent may see."""
        events = conversation(context.recent_events, current_event, channel_id)
        return MemoryResult(events=events[-self._max_events :] if self._max_events else [])
