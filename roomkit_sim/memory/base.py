"""What an agent is reminded of before it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pydantic import BaseModel, Field

from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.providers.ai.base import AIMessage

__all__ = ["MemoryProvider", "MemoryResult"]


class MemoryResult(BaseModel):
    """Messages first, then events of the room; the current event follows and is not among them."""

    messages: list[AIMessage] = Field(default_factory=list)
    events: list[RoomEvent] = Field(default_factory=list)


class MemoryProvider(ABC):
    """Remembers a conversation for an agent."""

    @property
    def name(self) -> str:
        """Name for reports."""
        return type(self).__name__

    @abstractmethod
    async def retrieve(
        self, room_id: str, current_event: RoomEvent, context: RoomContext, *, channel_id: str | None = None
    ) -> MemoryResult:
        """What the agent ``channel_id`` is to be reminded of before it answers ``current_event``."""

    async def ingest(self, room_id: str, event: RoomEvent, *, channel_id: str | None = None) -> None:  # noqa: B027 - optional
        """Take note of an event."""

    async def clear(self, room_id: str) -> None:  # noqa: B027 - optional
        """Forget a room."""

    async def close(self) -> None:  # noqa: B027 - optional
        """Release what the provider holds."""
