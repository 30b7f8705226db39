"""The tables, their version, and how they come to be.

A model stands in its row as a JSON document; beside it only what is searched, ordered or counted has columns.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from roomkit_sim.errors import StoreError
from roomkit_sim.store.sql.keys import Key

__all__ = [
    "SCHEMA_VERSION",
    "bindings",
    "check_version",
    "create_schema",
    "events",
    "identities",
    "metadata",
    "observations",
    "participants",
    "read_markers",
    "read_version",
    "rooms",
    "tasks",
]

SCHEMA_VERSION = 1
# Any number that other users of the server are unlikely to lock.
CREATION_LOCK = 0x726F6F6D6B6974

metadata = MetaData()


def _sequence() -> Column[int]:
    """Orders rows by when they came; SQLite numbers only INTEGER keys by itself."""
    return Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _room() -> Column[str]:
    return Column("room_id", Key, ForeignKey("roomkit_rooms.id", ondelete="CASCADE"), nullable=False)


def _document() -> Column[str]:
    return Column("document", JSON, nullable=False)


version = Table(
    "roomkit_schema",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)
rooms = Table(
    "roomkit_rooms",
    metadata,
    _sequence(),
    Column("id", Key, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("event_count", BigInteger, nullable=False),
    Column("updated_at", Text, nullable=False),
    _document(),
)
events = Table(
    "roomkit_events",
    metadata,
    Column("id", Key, primary_key=True),
    _room(),
    Column("index", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("idempotency_key", Key),
    _document(),
    UniqueConstraint("room_id", "index"),
    Index("roomkit_events_by_idempotency_key", "room_id", "idempotency_key"),
)
bindings = Table(
    "roomkit_bindings",
    metadata,
    _sequence(),
    _room(),
    Column("channel_id", Key, nullable=False, index=True),
    _document(),
    UniqueConstraint("room_id", "channel_id"),
)
participants = Table(
    "roomkit_participants",
    metadata,
    _sequence(),
    _room(),
    Column("id", Key, nullable=False),
    _document(),
    UniqueConstraint("room_id", "id"),
)
identities = Table("roomkit_identities", metadata, Column("id", Key, primary_key=True), _document())
tasks = Table("roomkit_tasks", metadata, _sequence(), _room(), _document(), Index("roomkit_tasks_by_room", "room_id"))
observations = Table(
    "roomkit_observations",
    metadata,
    _sequence(),
    _room(),
    _document(),
    Index("roomkit_observations_by_room", "room_id"),
)
read_markers = Table(
    "roomkit_read_markers",
    metadata,
    Column("room_id", Key, ForeignKey("roomkit_rooms.id", ondelete="CASCADE"), primary_key=True),
    Column("channel_id", Key, primary_key=True),
    Column("index", BigInteger, nullable=False),
)


async def read_version(connection: AsyncConnection) -> int | None:
    """The version of the database's schema; ``None`` when there is no schema, 0 when it has lost its version."""
    if not await connection.run_sync(_has_version_table):
        return None
    return (await connection.execute(select(version.c.version))).scalar() or 0


async def create_schema(connection: AsyncConnection) -> None:
    """Make the tables, unless another process has made them meanwhile.

    Call it in a writing transaction. SQLite admits one writer at a time; PostgreSQL would let two make the same tables
    and fail in one of them, so they take turns by an advisory lock.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(CREATION_LOCK)))
    if await read_version(connection) is None:
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(version).values(id=1, version=SCHEMA_VERSION))


def check_version(found: int, place: str) -> None:
    """Refuse a schema that this release does not know.

    Args:
        found: The database's version.
        place: The database's name, for the message.

    Raises:
        StoreError: The version is another one than :data:`SCHEMA_VERSION`.
    """
    if found == SCHEMA_VERSION:
        return
    known = f"the {place} has schema version {found}, this release of roomkit-sim knows version {SCHEMA_VERSION}"
    if found > SCHEMA_VERSION:
        raise StoreError(f"{known}: a newer release made it. Upgrade roomkit-sim, or name another database")
    raise StoreError(
        f"{known}: an older release made it, and nothing was changed. Go on with that release, or name an empty "
        f"database and copy over what you need"
    )


def _has_version_table(connection: Connection) -> bool:
    return inspect(connection).has_table(version.name)
