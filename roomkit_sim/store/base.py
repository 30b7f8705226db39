"""What a store of conversations must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod

from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.enums import EventType, RoomStatus
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.identity import Identity
from roomkit_sim.models.participant import Participant
from roomkit_sim.models.room import Room
from roomkit_sim.models.task import Observation, Task

__all__ = ["ConversationStore"]


class ConversationStore(ABC):
    """Keeps rooms and what belongs to them.

    What goes in and what comes out are copies: changing a returned object changes nothing until it is saved.
    Reading from a room that is not there finds nothing; writing to it raises :class:`RoomNotFoundError`.
    ``roomkit_sim.testing.store_contract`` holds a store to all of this.
    """

    @abstractmethod
    async def create_room(self, room: Room) -> Room:
        """Add a room, or replace the one of this id."""

    @abstractmethod
    async def get_room(self, room_id: str) -> Room | None:
        """The room, or ``None``."""

    @abstractmethod
    async def update_room(self, room: Room) -> Room:
        """Save a changed room; its counters stay those of its events.

        A copy that was read before an event came must not set ``event_count`` and ``latest_index`` back.
        """

    @abstractmethod
    async def delete_room(self, room_id: str) -> bool:
        """Remove a room with all that belongs to it; tells whether it was there."""

    @abstractmethod
    async def list_rooms(self, offset: int = 0, limit: int = 50, status: RoomStatus | None = None) -> list[Room]:
        """Rooms in the order of their creation."""

    @abstractmethod
    async def find_rooms_by_channel(self, channel_id: str, status: RoomStatus | None = None) -> list[Room]:
        """Rooms to which a channel is attached, in the order of their creation."""

    @abstractmethod
    async def add_event_auto_index(self, room_id: str, event: RoomEvent) -> RoomEvent:
        """Append an event; its ``index`` becomes the next of the room, dense from 0, and the room's counters follow.

        Raises:
            RoomNotFoundError: There is no such room.
            RoomError: An event of this id is stored already.
        """

    @abstractmethod
    async def get_event(self, event_id: str) -> RoomEvent | None:
        """The event, or ``None``."""

    @abstractmethod
    async def update_event(self, event: RoomEvent) -> RoomEvent:
        """Save a changed event. Room and index stay what they are.

        Raises:
            RoomError: There is no event of this id.
        """

    @abstractmethod
    async def list_events(self, room_id: str, offset: int = 0, limit: int = 50) -> list[RoomEvent]:
        """Events of a room, oldest first."""

    @abstractmethod
    async def recent_events(
        self, room_id: str, limit: int = 50, event_type: EventType | None = None
    ) -> list[RoomEvent]:
        """The newest events of a room, oldest of them first; only those of one type, if it is given."""

    @abstractmethod
    async def count_events(self, room_id: str) -> int:
        """How many events a room has."""

    @abstractmethod
    async def check_idempotency(self, room_id: str, key: str) -> bool:
        """Whether the room has an event with this idempotency key."""

    @abstractmethod
    async def add_binding(self, binding: ChannelBinding) -> ChannelBinding:
        """Attach a channel to a room, or replace its binding."""

    @abstractmethod
    async def get_binding(self, room_id: str, channel_id: str) -> ChannelBinding | None:
        """The binding, or ``None``."""

    @abstractmethod
    async def update_binding(self, binding: ChannelBinding) -> ChannelBinding:
        """Save a changed binding."""

    @abstractmethod
    async def remove_binding(self, room_id: str, channel_id: str) -> bool:
        """Detach a channel; tells whether it was attached."""

    @abstractmethod
    async def list_bindings(self, room_id: str) -> list[ChannelBinding]:
        """The bindings of a room in the order in which they were attached."""

    @abstractmethod
    async def add_participant(self, participant: Participant) -> Participant:
        """Add somebody to a room, or replace them."""

    @abstractmethod
    async def get_participant(self, room_id: str, participant_id: str) -> Participant | None:
        """The participant, or ``None``."""

    @abstractmethod
    async def list_participants(self, room_id: str) -> list[Participant]:
        """Who is in a room, in the order of joining."""

    @abstractmethod
    async def save_identity(self, identity: Identity) -> Identity:
        """Add or replace an identity."""

    @abstractmethod
    async def get_identity(self, identity_id: str) -> Identity | None:
        """The identity, or ``None``."""

    @abstractmethod
    async def add_task(self, task: Task) -> Task:
        """Add a task to its room."""

    @abstractmethod
    async def list_tasks(self, room_id: str) -> list[Task]:
        """The tasks of a room, oldest first."""

    @abstractmethod
    async def add_observation(self, observation: Observation) -> Observation:
        """Add an observation to its room."""

    @abstractmethod
    async def list_observations(self, room_id: str) -> list[Observation]:
        """The observations of a room, oldest first."""

    @abstractmethod
    async def mark_read(self, room_id: str, channel_id: str, index: int) -> None:
        """Remember up to which event a channel has read."""

    @abstractmethod
    async def read_marker(self, room_id: str, channel_id: str) -> int | None:
        """Up to which event a channel has read."""

    async def close(self) -> None:  # noqa: B027 - optional
        """Release what the store holds."""
