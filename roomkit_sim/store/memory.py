"""A store in memory: for tests, for simulations, and for applications that need no history."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from roomkit_sim.core.clock import now
from roomkit_sim.errors import RoomError, RoomNotFoundError
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.enums import EventType, RoomStatus
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.identity import Identity
from roomkit_sim.models.participant import Participant
from roomkit_sim.models.room import Room
from roomkit_sim.models.task import Observation, Task
from roomkit_sim.store.base import ConversationStore

__all__ = ["InMemoryStore"]


@dataclass
class _Shelf:
    """All that belongs to one room."""

    room: Room
    number: int
    events: list[RoomEvent] = field(default_factory=list)
    bindings: dict[str, ChannelBinding] = field(default_factory=dict)
    participants: dict[str, Participant] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)


class InMemoryStore(ConversationStore):
    """Keeps everything in dictionaries; what goes in and what comes out are deep copies."""

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self._event_rooms: dict[str, tuple[str, int]] = {}
        self._identities: dict[str, Identity] = {}
        self._rooms_of_channels: dict[str, set[str]] = {}
        self._made = 0

    async def create_room(self, room: Room) -> Room:
        """Add a room, or replace the one of this id."""
        await self.delete_room(room.id)
        self._made += 1
        self._shelves[room.id] = _Shelf(room.model_copy(deep=True), self._made)
        return room

    async def get_room(self, room_id: str) -> Room | None:
        """The room, or ``None``."""
        shelf = self._shelves.get(room_id)
        return shelf.room.model_copy(deep=True) if shelf else None

    async def update_room(self, room: Room) -> Room:
        """Save a changed room; its counters stay those of its events."""
        shelf = self._shelf(room.id)
        counters = {"event_count": len(shelf.events), "latest_index": len(shelf.events) - 1}
        shelf.room = room.model_copy(deep=True, update=counters)
        return room

    async def delete_room(self, room_id: str) -> bool:
        """Remove a room with all that belongs to it."""
        shelf = self._shelves.pop(room_id, None)
        for event in shelf.events if shelf else ():
            self._event_rooms.pop(event.id, None)
        for channel_id in shelf.bindings if shelf else ():
            self._detached(room_id, channel_id)
        return shelf is not None

    async def list_rooms(self, offset: int = 0, limit: int = 50, status: RoomStatus | None = None) -> list[Room]:
        """Rooms in the order of their creation."""
        rooms = [shelf.room for shelf in self._shelves.values() if status is None or shelf.room.status == status]
        return [room.model_copy(deep=True) for room in rooms[offset : offset + limit]]

    async def find_rooms_by_channel(self, channel_id: str, status: RoomStatus | None = None) -> list[Room]:
        """Rooms to which a channel is attached."""
        found = (self._shelves[room_id] for room_id in self._rooms_of_channels.get(channel_id, ()))
        shelves = sorted(found, key=lambda shelf: shelf.number)
        return [shelf.room.model_copy(deep=True) for shelf in shelves if status is None or shelf.room.status == status]

    async def add_event_auto_index(self, room_id: str, event: RoomEvent) -> RoomEvent:
        """Append an event with the next index of its room."""
        shelf = self._shelf(room_id)
        if event.id in self._event_rooms:
            raise RoomError(f"an event {event.id!r} is in the store already: save changes with update_event()")
        index = len(shelf.events)
        stored = event.model_copy(deep=True, update={"index": index, "room_id": room_id})
        shelf.events.append(stored)
        self._event_rooms[stored.id] = (room_id, index)
        shelf.room.event_count, shelf.room.latest_index, shelf.room.updated_at = index + 1, index, now()
        return stored.model_copy(deep=True)

    async def get_event(self, event_id: str) -> RoomEvent | None:
        """The event, or ``None``."""
        if event_id not in self._event_rooms:
            return None
        room_id, index = self._event_rooms[event_id]
        return self._shelves[room_id].events[index].model_copy(deep=True)

    async def update_event(self, event: RoomEvent) -> RoomEvent:
        """Save a changed event; its place in the timeline stays."""
        if event.id not in self._event_rooms:
            raise RoomError(f"no event {event.id!r} in the store: add it with add_event_auto_index() first")
        room_id, index = self._event_rooms[event.id]
        stored = event.model_copy(deep=True, update={"room_id": room_id, "index": index})
        self._shelves[room_id].events[index] = stored
        return stored.model_copy(deep=True)

    async def list_events(self, room_id: str, offset: int = 0, limit: int = 50) -> list[RoomEvent]:
        """Events of a room, oldest first."""
        return [event.model_copy(deep=True) for event in self._events(room_id)[offset : offset + limit]]

    async def recent_events(
        self, room_id: str, limit: int = 50, event_type: EventType | None = None
    ) -> list[RoomEvent]:
        """The newest events of a room, oldest of them first; only those of one type, if it is given."""
        newest_first = (e for e in reversed(self._events(room_id)) if event_type is None or e.type is event_type)
        return [event.model_copy(deep=True) for event in islice(newest_first, limit)][::-1]

    async def count_events(self, room_id: str) -> int:
        """How many events a room has."""
        return len(self._events(room_id))

    async def check_idempotency(self, room_id: str, key: str) -> bool:
        """Whether the room has an event with this idempotency key."""
        return any(event.idempotency_key == key for event in self._events(room_id))

    async def add_binding(self, binding: ChannelBinding) -> ChannelBinding:
        """Attach a channel to a room, or replace its binding."""
        self._shelf(binding.room_id).bindings[binding.channel_id] = binding.model_copy(deep=True)
        self._rooms_of_channels.setdefault(binding.channel_id, set()).add(binding.room_id)
        return binding

    async def get_binding(self, room_id: str, channel_id: str) -> ChannelBinding | None:
        """The binding, or ``None``."""
        shelf = self._shelves.get(room_id)
        binding = shelf.bindings.get(channel_id) if shelf else None
        return binding.model_copy(deep=True) if binding else None

    async def update_binding(self, binding: ChannelBinding) -> ChannelBinding:
        """Save a changed binding."""
        return await self.add_binding(binding)

    async def remove_binding(self, room_id: str, channel_id: str) -> bool:
        """Detach a channel; tells whether it was attached."""
        shelf = self._shelves.get(room_id)
        if shelf is None or shelf.bindings.pop(channel_id, None) is None:
            return False
        self._detached(room_id, channel_id)
        return True

    async def list_bindings(self, room_id: str) -> list[ChannelBinding]:
        """The bindings of a room in the order in which they were attached."""
        shelf = self._shelves.get(room_id)
        return [binding.model_copy(deep=True) for binding in shelf.bindings.values()] if shelf else []

    async def add_participant(self, participant: Participant) -> Participant:
        """Add somebody to a room, or replace them."""
        self._shelf(participant.room_id).participants[participant.id] = participant.model_copy(deep=True)
        return participant

    async def get_participant(self, room_id: str, participant_id: str) -> Participant | None:
        """The participant, or ``None``."""
        shelf = self._shelves.get(room_id)
        found = shelf.participants.get(participant_id) if shelf else None
        return found.model_copy(deep=True) if found else None

    async def list_participants(self, room_id: str) -> list[Participant]:
        """Who is in a room, in the order of joining."""
        shelf = self._shelves.get(room_id)
        return [person.model_copy(deep=True) for person in shelf.participants.values()] if shelf else []

    async def save_identity(self, identity: Identity) -> Identity:
        """Add or replace an identity."""
        self._identities[identity.id] = identity.model_copy(deep=True)
        return identity

    async def get_identity(self, identity_id: str) -> Identity | None:
        """The identity, or ``None``."""
        found = self._identities.get(identity_id)
        return found.model_copy(deep=True) if found else None

    async def add_task(self, task: Task) -> Task:
        """Add a task to its room."""
        self._shelf(task.room_id).tasks.append(task.model_copy(deep=True))
        return task

    async def list_tasks(self, room_id: str) -> list[Task]:
        """The tasks of a room, oldest first."""
        shelf = self._shelves.get(room_id)
        return [task.model_copy(deep=True) for task in shelf.tasks] if shelf else []

    async def add_observation(self, observation: Observation) -> Observation:
        """Add an observation to its room."""
        self._shelf(observation.room_id).observations.append(observation.model_copy(deep=True))
        return observation

    async def list_observations(self, room_id: str) -> list[Observation]:
        """The observations of a room, oldest first."""
        shelf = self._shelves.get(room_id)
        return [item.model_copy(deep=True) for item in shelf.observations] if shelf else []

    async def mark_read(self, room_id: str, channel_id: str, index: int) -> None:
        """Remember up to which event a channel has read."""
        self._shelf(room_id).read[channel_id] = index

    async def read_marker(self, room_id: str, channel_id: str) -> int | None:
        """Up to which event a channel has read."""
        shelf = self._shelves.get(room_id)
        return shelf.read.get(channel_id) if shelf else None

    def _detached(self, room_id: str, channel_id: str) -> None:
        rooms = self._rooms_of_channels[channel_id]
        rooms.discard(room_id)
        if not rooms:
            del self._rooms_of_channels[channel_id]

    def _events(self, room_id: str) -> list[RoomEvent]:
        shelf = self._shelves.get(room_id)
        return shelf.events if shelf else []

    def _shelf(self, room_id: str) -> _Shelf:
        if room_id not in self._shelves:
            raise RoomNotFoundError(f"no room {room_id!r} in the store: create it with create_room() first")
        return self._shelves[room_id]
