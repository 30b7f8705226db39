"""What belongs to rooms, and identities: documents under a key, or one after the other."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from roomkit_sim.store.sql.documents import decode, encode
from roomkit_sim.store.sql.rooms import require
from roomkit_sim.store.sql.schema import read_markers
from roomkit_sim.store.sql.upsert import add_or_replace

__all__ = ["append", "find", "list_in_order", "mark_read", "put", "read_marker", "remove"]

Model = TypeVar("Model", bound=BaseModel)


async def put(connection: AsyncConnection, table: Table, model: BaseModel, **key: str) -> None:
    """Add a document under its key, or replace it in its place.

    Args:
        connection: In a writing transaction.
        table: Where.
        model: What.
        **key: The key's columns; where ``room_id`` is among them, the room must be there.

    Raises:
        RoomNotFoundError: There is no such room.
    """
    document = encode(model)
    if "room_id" in key:
        await require(connection, key["room_id"])
    await add_or_replace(connection, table, list(key), {**key, "document": document})


async def append(connection: AsyncConnection, table: Table, room_id: str, model: BaseModel) -> None:
    """Add a document to a room, after those that are there.

    Raises:
        RoomNotFoundError: There is no such room.
    """
    document = encode(model)
    await require(connection, room_id)
    await connection.execute(insert(table).values(room_id=room_id, document=document))


async def find(connection: AsyncConnection, table: Table, kind: type[Model], **key: str) -> Model | None:
    """The document under a key, or ``None``."""
    document = (await connection.execute(select(table.c.document).where(*_equal(table, key)))).scalar()
    return None if document is None else decode(kind, document)


async def remove(connection: AsyncConnection, table: Table, **key: str) -> bool:
    """Remove the document under a key; tells whether it was there."""
    return bool((await connection.execute(delete(table).where(*_equal(table, key)))).rowcount)


async def list_in_order(connection: AsyncConnection, table: Table, kind: type[Model], room_id: str) -> list[Model]:
    """The documents of a room, in the order in which they came."""
    query = select(table.c.document).where(table.c.room_id == room_id).order_by(table.c.seq)
    return [decode(kind, document) for document in (await connection.execute(query)).scalars()]


async def mark_read(connection: AsyncConnection, room_id: str, channel_id: str, index: int) -> None:
    """Remember up to which event a channel has read."""
    await require(connection, room_id)
    values = {"room_id": room_id, "channel_id": channel_id, "index": index}
    await add_or_replace(connection, read_markers, ["room_id", "channel_id"], values)


async def read_marker(connection: AsyncConnection, room_id: str, channel_id: str) -> int | None:
    """Up to which event a channel has read."""
    of_channel = _equal(read_markers, {"room_id": room_id, "channel_id": channel_id})
    index: int | None = (await connection.execute(select(read_markers.c.index).where(*of_channel))).scalar()
    return index


def _equal(table: Table, key: dict[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key.items()]
