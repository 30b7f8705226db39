"""Timelines in the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from roomkit_sim.core.clock import now
from roomkit_sim.errors import RoomError
from roomkit_sim.models.enums import EventType
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.store.sql.documents import decode, encode
from roomkit_sim.store.sql.rooms import no_room
from roomkit_sim.store.sql.schema import events, rooms
from roomkit_sim.store.sql.upsert import add_unless_there

__all__ = ["append", "count", "find", "has_key", "list_newest", "list_oldest", "save"]


async def append(connection: AsyncConnection, room_id: str, event: RoomEvent) -> RoomEvent:
    """Append an event with the next index of its room.

    Counting holds the room's row until the transaction ends: whoever else appends to this room, in whatever process,
    comes after, and takes the next index; if this transaction fails, the same one.
    """
    stored = event.model_copy(update={"room_id": room_id})
    columns = _columns(stored)
    counting = update(rooms).where(rooms.c.id == room_id).returning(rooms.c.event_count)
    values = {"event_count": rooms.c.event_count + 1, "updated_at": now().isoformat()}
    counted: int | None = (await connection.execute(counting.values(values))).scalar()
    if counted is None:
        raise no_room(room_id)
    row = {"id": event.id, "room_id": room_id, "index": counted - 1, **columns}
    if not await add_unless_there(connection, events, row):
        raise RoomError(f"an event {event.id!r} is in the store already: save changes with update_event()")
    return decode(RoomEvent, columns["document"], index=counted - 1)


async def find(connection: AsyncConnection, event_id: str) -> RoomEvent | None:
    """The event, or ``None``."""
    row = (await connection.execute(_events().where(events.c.id == event_id))).first()
    return None if row is None else _event(row)


async def save(connection: AsyncConnection, event: RoomEvent) -> RoomEvent:
    """Save a changed event; its place in the timeline stays."""
    before = await find(connection, event.id)
    if before is None:
        raise RoomError(f"no event {event.id!r} in the store: add it with add_event_auto_index() first")
    stored = event.model_copy(update={"room_id": before.room_id})
    columns = _columns(stored)
    await connection.execute(update(events).where(events.c.id == event.id).values(columns))
    return decode(RoomEvent, columns["document"], index=before.index)


async def list_oldest(connection: AsyncConnection, room_id: str, offset: int, limit: int) -> list[RoomEvent]:
    """Events of a room, oldest first."""
    query = _events().where(events.c.room_id == room_id).order_by(events.c.index)
    found = await connection.execute(query.offset(max(offset, 0)).limit(max(limit, 0)))
    return [_event(row) for row in found]


async def list_newest(
    connection: AsyncConnection, room_id: str, limit: int, event_type: EventType | None
) -> list[RoomEvent]:
    """The newest events of a room, oldest of them first."""
    query = _events().where(events.c.room_id == room_id).order_by(events.c.index.desc()).limit(max(limit, 0))
    if event_type is not None:
        query = query.where(events.c.type == event_type.value)
    return [_event(row) for row in await connection.execute(query)][::-1]


async def count(connection: AsyncConnection, room_id: str) -> int:
    """How many events a room has."""
    counted = await connection.execute(select(rooms.c.event_count).where(rooms.c.id == room_id))
    return counted.scalar() or 0


async def has_key(connection: AsyncConnection, room_id: str, key: str) -> bool:
    """Whether the room has an event with this idempotency key."""
    query = select(events.c.index).where(events.c.room_id == room_id, events.c.idempotency_key == key).limit(1)
    return (await connection.execute(query)).first() is not None


def _columns(event: RoomEvent) -> dict[str, Any]:
    return {"type": event.type.value, "idempotency_key": event.idempotency_key, "document": encode(event)}


def _events() -> Select[str, int]:
    return select(events.c.document, events.c.index)


def _event(row: Row[str, int]) -> RoomEvent:
    document, index = row
    return decode(RoomEvent, document, index=index)
