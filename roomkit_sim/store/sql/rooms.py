"""Rooms in the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from roomkit_sim.errors import RoomNotFoundError
from roomkit_sim.models.enums import RoomStatus
from roomkit_sim.models.room import Room
from roomkit_sim.store.sql.documents import decode, encode
from roomkit_sim.store.sql.schema import bindings, rooms
from roomkit_sim.store.sql.upsert import add_unless_there

__all__ = ["create", "find", "find_by_channel", "list_in_order", "no_room", "remove", "require", "save"]


async def create(connection: AsyncConnection, room: Room) -> None:
    """Add a room, or replace the one of this id.

    One that another process makes between the two statements stays, as if it had replaced this one.
    """
    values = {"id": room.id, "event_count": 0, **_columns(room)}
    await remove(connection, room.id)
    await add_unless_there(connection, rooms, values)


async def find(connection: AsyncConnection, room_id: str) -> Room | None:
    """The room, or ``None``."""
    row = (await connection.execute(_rooms().where(rooms.c.id == room_id))).first()
    return None if row is None else _room(row)


async def save(connection: AsyncConnection, room: Room) -> None:
    """Save a changed room; its counters stay."""
    saved = await connection.execute(update(rooms).where(rooms.c.id == room.id).values(_columns(room)))
    if not saved.rowcount:
        raise no_room(room.id)


async def remove(connection: AsyncConnection, room_id: str) -> bool:
    """Remove a room; the database removes what belongs to it."""
    return bool((await connection.execute(delete(rooms).where(rooms.c.id == room_id))).rowcount)


async def list_in_order(connection: AsyncConnection, offset: int, limit: int, status: RoomStatus | None) -> list[Room]:
    """Rooms in the order of their creation."""
    query = _rooms().where(*_in_status(status)).order_by(rooms.c.seq).offset(max(offset, 0)).limit(max(limit, 0))
    return [_room(row) for row in await connection.execute(query)]


async def find_by_channel(connection: AsyncConnection, channel_id: str, status: RoomStatus | None) -> list[Room]:
    """Rooms to which a channel is attached, in the order of their creation."""
    attached = select(bindings.c.room_id).where(bindings.c.channel_id == channel_id)
    query = _rooms().where(rooms.c.id.in_(attached), *_in_status(status)).order_by(rooms.c.seq)
    return [_room(row) for row in await connection.execute(query)]


async def require(connection: AsyncConnection, room_id: str) -> None:
    """Keep a room from being removed until the transaction ends.

    Raises:
        RoomNotFoundError: There is no such room.
    """
    query = select(rooms.c.seq).where(rooms.c.id == room_id).with_for_update(read=True, key_share=True)
    if (await connection.execute(query)).first() is None:
        raise no_room(room_id)


def no_room(room_id: str) -> RoomNotFoundError:
    """The error for a room that is not there."""
    return RoomNotFoundError(f"no room {room_id!r} in the store: create it with create_room() first")


def _columns(room: Room) -> dict[str, Any]:
    return {"status": room.status.value, "updated_at": room.updated_at.isoformat(), "document": encode(room)}


def _rooms() -> Select[str, int, str]:
    return select(rooms.c.document, rooms.c.event_count, rooms.c.updated_at)


def _room(row: Row[str, int, str]) -> Room:
    document, count, updated_at = row
    return decode(Room, document, event_count=count, latest_index=count - 1, updated_at=updated_at)


def _in_status(status: RoomStatus | None) -> list[ColumnElement[bool]]:
    return [] if status is None else [rooms.c.status == status.value]
