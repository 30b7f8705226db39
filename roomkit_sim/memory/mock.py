"""A memory for tests."""

from __future__ import annotations

from roomkit_sim.memory.base import MemoryProvider, MemoryResult
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.providers.ai.base import AIMessage

__all__ = ["MockMemoryProvider"]


class MockMemoryProvider(MemoryProvider):
    """Remembers what it is given, and records what it is asked.

    Args:
        messages: What it remembers.
        events: Which events it remembers.
    """

    def __init__(self, messages: list[AIMessage] | None = None, events: list[RoomEvent] | None = None) -> None:
        self.messages = list(messages or [])
        self.events = list(events or [])
        self.retrieved: list[tuple[str, RoomEvent]] = []
        self.ingested: list[RoomEvent] = []
        self.cleared: list[str] = []
        self.closed = False

    async def retrieve(
        self, room_id: str, current_event: RoomEvent, context: RoomContext, *, channel_id: str | None = None
    ) -> MemoryResult:
        """The given messages and events."""
        self.retrieved.append((room_id, current_event))
        return MemoryResult(messages=list(self.messages), events=list(self.events))

    async def ingest(self, room_id: str, event: RoomEvent, *, channel_id: str | None = None) -> None:
        """Record the event."""
        self.ingested.append(event)

    async def clear(self, room_id: str) -> None:
        """Record the room."""
        self.cleared.append(room_id)

    async def close(self) -> None:
        """Record the closing."""
        self.closed = True
