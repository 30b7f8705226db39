"""What a channel or hook is shown of a room."""

from __future__ import annotations

from pydantic import BaseModel, Field

from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.enums import ChannelType
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.participant import Participant
from roomkit_sim.models.room import Room

__all__ = ["RoomContext"]


class RoomContext(BaseModel):
    """A room as it was when an event was handled. ``recent_events`` are the newest, oldest first."""

    room: Room
    bindings: list[ChannelBinding] = Field(default_factory=list)
    participants: list[Participant] = Field(default_factory=list)
    recent_events: list[RoomEvent] = Field(default_factory=list)

    def get_binding(self, channel_id: str) -> ChannelBinding | None:
        """The binding of a channel, if it is in the room."""
        return next((binding for binding in self.bindings if binding.channel_id == channel_id), None)

    def other_channels(self, channel_id: str) -> list[ChannelBinding]:
        """All bindings but that of ``channel_id``."""
        return [binding for binding in self.bindings if binding.channel_id != channel_id]

    def channels_by_type(self, channel_type: ChannelType) -> list[ChannelBinding]:
        """The bindings of one type."""
        return [binding for binding in self.bindings if binding.channel_type == channel_type]
