"""The store of conversations in an SQL database."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from sqlalchemy.engine import URL

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.enums import EventType, RoomStatus
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.identity import Identity
from roomkit_sim.models.participant import Participant
from roomkit_sim.models.room import Room
from roomkit_sim.models.task import Observation, Task
from roomkit_sim.store.base import ConversationStore
from roomkit_sim.store.sql import belongings, events, rooms, schema
from roomkit_sim.store.sql.address import read_address
from roomkit_sim.store.sql.database import Database
from roomkit_sim.store.sql.uninterrupted import uninterrupted

__all__ = ["SQLStore"]


class SQLStore(ConversationStore):
    """Keeps conversations in an SQLite file or in PostgreSQL.

    The first use opens it, and makes the tables in an empty database. What a method has returned from is on disk.
    Several stores, in one process or in many, may use one database; each store belongs to the event loop that opened
    it. Every method raises :class:`~roomkit_sim.errors.StoreError` where the database fails.

    Args:
        url: ``sqlite:///path/to/file.db`` or ``postgresql://user:password@host:port/database``.
        timeout: Seconds to wait for a connection, for an answer, for the turn to write to an SQLite file, or for the
            file's lock.
        pool_size: How many connections to keep; when all are busy, up to ten more are made for a while.

    Raises:
        ConfigurationError: The URL is none, or of a database that is not supported; a number is out of range.
    """

    def __init__(self, url: str | URL, *, timeout: float = 30.0, pool_size: int = 5) -> None:
        if timeout <= 0 or pool_size < 1:
            raise ConfigurationError(
                f"SQLStore(timeout={timeout!r}, pool_size={pool_size!r}): timeout must be more than 0 seconds, "
                f"pool_size at least 1"
            )
        self._database = Database(read_address(url), timeout, pool_size)

    def __repr__(self) -> str:
        return f"SQLStore({self._database.address.place!r})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect, and make the tables in an empty database; so that a wrong URL is found out at the start.

        Raises:
            StoreError: The database cannot be reached, or has a schema of another version.
        """
        await self._database.open()

    async def close(self) -> None:
        """Give up all connections; the store cannot be used any more. Closing again does nothing."""
        await self._database.close()

    # Rooms

    @uninterrupted
    async def create_room(self, room: Room) -> Room:
        """Add a room, or replace the one of this id."""
        async with self._database.writing("creating a room") as connection:
            await rooms.create(connection, room)
        return room

    async def get_room(self, room_id: str) -> Room | None:
        """The room, or ``None``."""
        async with self._database.reading("reading a room") as connection:
            return await rooms.find(connection, room_id)

    @uninterrupted
    async def update_room(self, room: Room) -> Room:
        """Save a changed room; its counters stay those of its events."""
        async with self._database.writing("saving a room") as connection:
            await rooms.save(connection, room)
        return room

    @uninterrupted
    async def delete_room(self, room_id: str) -> bool:
        """Remove a room with all that belongs to it."""
        async with self._database.writing("deleting a room") as connection:
            return await rooms.remove(connection, room_id)

    async def list_rooms(self, offset: int = 0, limit: int = 50, status: RoomStatus | None = None) -> list[Room]:
        """Rooms in the order of their creation."""
        async with self._database.reading("listing rooms") as connection:
            return await rooms.list_in_order(connection, offset, limit, status)

    async def find_rooms_by_channel(self, channel_id: str, status: RoomStatus | None = None) -> list[Room]:
        """Rooms to which a channel is attached, in the order of their creation."""
        async with self._database.reading("finding rooms by channel") as connection:
            return await rooms.find_by_channel(connection, channel_id, status)

    # Events

    @uninterrupted
    async def add_event_auto_index(self, room_id: str, event: RoomEvent) -> RoomEvent:
        """Append an event with the next index of its room; the database gives it."""
        async with self._database.writing("adding an event") as connection:
            return await events.append(connection, room_id, event)

    async def get_event(self, event_id: str) -> RoomEvent | None:
        """The event, or ``None``."""
        async with self._database.reading("reading an event") as connection:
            return await events.find(connection, event_id)

    @uninterrupted
    async def update_event(self, event: RoomEvent) -> RoomEvent:
        """Save a changed event; its place in the timeline stays."""
        async with self._database.writing("saving an event") as connection:
            return await events.save(connection, event)

    async def list_events(self, room_id: str, offset: int = 0, limit: int = 50) -> list[RoomEvent]:
        """Events of a room, oldest first."""
        async with self._database.reading("listing events") as connection:
            return await events.list_oldest(connection, room_id, offset, limit)

    async def recent_events(
        self, room_id: str, limit: int = 50, event_type: EventType | None = None
    ) -> list[RoomEvent]:
        """The newest events of a room, oldest of them first; only those of one type, if it is given."""
        async with self._database.reading("listing recent events") as connection:
            return await events.list_newest(connection, room_id, limit, event_type)

    async def count_events(self, room_id: str) -> int:
        """How many events a room has."""
        async with self._database.reading("counting events") as connection:
            return await events.count(connection, room_id)

    async def check_idempotency(self, room_id: str, key: str) -> bool:
        """Whether the room has an event with this idempotency key."""
        async with self._database.reading("looking up an idempotency key") as connection:
            return await events.has_key(connection, room_id, key)

    # What belongs to rooms

    @uninterrupted
    async def add_binding(self, binding: ChannelBinding) -> ChannelBinding:
        """Attach a channel to a room, or replace its binding."""
        async with self._database.writing("saving a binding") as connection:
            key = {"room_id": binding.room_id, "channel_id": binding.channel_id}
            await belongings.put(connection, schema.bindings, binding, **key)
        return binding

    async def get_binding(self, room_id: str, channel_id: str) -> ChannelBinding | None:
        """The binding, or ``None``."""
        async with self._database.reading("reading a binding") as connection:
            key = {"room_id": room_id, "channel_id": channel_id}
            return await belongings.find(connection, schema.bindings, ChannelBinding, **key)

    async def update_binding(self, binding: ChannelBinding) -> ChannelBinding:
        """Save a changed binding."""
        return await self.add_binding(binding)

    @uninterrupted
    async def remove_binding(self, room_id: str, channel_id: str) -> bool:
        """Detach a channel; tells whether it was attached."""
        async with self._database.writing("removing a binding") as connection:
            return await belongings.remove(connection, schema.bindings, room_id=room_id, channel_id=channel_id)

    async def list_bindings(self, room_id: str) -> list[ChannelBinding]:
        """The bindings of a room in the order in which they were attached."""
        async with self._database.reading("listing bindings") as connection:
            return await belongings.list_in_order(connection, schema.bindings, ChannelBinding, room_id)

    @uninterrupted
    async def add_participant(self, participant: Participant) -> Participant:
        """Add somebody to a room, or replace them."""
        async with self._database.writing("saving a participant") as connection:
            key = {"room_id": participant.room_id, "id": participant.id}
            await belongings.put(connection, schema.participants, participant, **key)
        return participant

    async def get_participant(self, room_id: str, participant_id: str) -> Participant | None:
        """The participant, or ``None``."""
        async with self._database.reading("reading a participant") as connection:
            key = {"room_id": room_id, "id": participant_id}
            return await belongings.find(connection, schema.participants, Participant, **key)

    async def list_participants(self, room_id: str) -> list[Participant]:
        """Who is in a room, in the order of joining."""
        async with self._database.reading("listing participants") as connection:
            return await belongings.list_in_order(connection, schema.participants, Participant, room_id)

    @uninterrupted
    async def save_identity(self, identity: Identity) -> Identity:
        """Add or replace an identity."""
        async with self._database.writing("saving an identity") as connection:
            await belongings.put(connection, schema.identities, identity, id=identity.id)
        return identity

    async def get_identity(self, identity_id: str) -> Identity | None:
        """The identity, or ``None``."""
        async with self._database.reading("reading an identity") as connection:
            return await belongings.find(connection, schema.identities, Identity, id=identity_id)

    @uninterrupted
    async def add_task(self, task: Task) -> Task:
        """Add a task to its room."""
        async with self._database.writing("adding a task") as connection:
            await belongings.append(connection, schema.tasks, task.room_id, task)
        return task

    async def list_tasks(self, room_id: str) -> list[Task]:
        """The tasks of a room, oldest first."""
        async with self._database.reading("listing tasks") as connection:
            return await belongings.list_in_order(connection, schema.tasks, Task, room_id)

    @uninterrupted
    async def add_observation(self, observation: Observation) -> Observation:
        """Add an observation to its room."""
        async with self._database.writing("adding an observation") as connection:
            await belongings.append(connection, schema.observations, observation.room_id, observation)
        return observation

    async def list_observations(self, room_id: str) -> list[Observation]:
        """The observations of a room, oldest first."""
        async with self._database.reading("listing observations") as connection:
            return await belongings.list_in_order(connection, schema.observations, Observation, room_id)

    @uninterrupted
    async def mark_read(self, room_id: str, channel_id: str, index: int) -> None:
        """Remember up to which event a channel has read."""
        async with self._database.writing("saving a read marker") as connection:
            await belongings.mark_read(connection, room_id, channel_id, index)

    async def read_marker(self, room_id: str, channel_id: str) -> int | None:
        """Up to which event a channel has read."""
        async with self._database.reading("reading a read marker") as connection:
            return await belongings.read_marker(connection, room_id, channel_id)
