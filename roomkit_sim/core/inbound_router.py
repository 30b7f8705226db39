"""Finds the room to which an inbound message belongs."""

from __future__ import annotations

from abc import ABC, abstractmethod

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import RoomStatus
from roomkit_sim.store.base import ConversationStore

__all__ = ["DefaultInboundRoomRouter", "InboundRoomRouter"]


class InboundRoomRouter(ABC):
    """Chooses the room of an inbound message."""

    @abstractmethod
    async def route(self, message: InboundMessage) -> str | None:
        """The room's id, or ``None`` where a new room is to be made."""


class DefaultInboundRoomRouter(InboundRoomRouter):
    """The one active room to which the message's channel is attached.

    Args:
        store: Where rooms are found.
    """

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    async def route(self, message: InboundMessage) -> str | None:
        """The room's id, or ``None`` where there is none.

        Raises:
            ConfigurationError: The channel is attached to several active rooms, and a guess could put the words of one
                person into the room of another.
        """
        rooms = await self._store.find_rooms_by_channel(message.channel_id, RoomStatus.ACTIVE)
        if len(rooms) > 1:
            raise ConfigurationError(
                f"channel {message.channel_id!r} is attached to {len(rooms)} active rooms: call process_inbound() with "
                f"room_id=, or give the kit an inbound_router that knows which one is meant"
            )
        return rooms[0].id if rooms else None
