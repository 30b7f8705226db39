"""Inserts that meet a row of the same key; the two engines share the words, SQLAlchemy has them in each dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["add_or_replace", "add_unless_there"]


async def add_unless_there(connection: AsyncConnection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row, unless one of its keys is taken; tells whether it was inserted."""
    statement = _insert(connection, table).values(dict(values)).on_conflict_do_nothing()
    return bool((await connection.execute(statement)).rowcount)


async def add_or_replace(
    connection: AsyncConnection, table: Table, key: Sequence[str], values: Mapping[str, Any]
) -> None:
    """Insert a row, or give the one of this key the new values; its place in the order stays."""
    changed = {name: value for name, value in values.items() if name not in key}
    statement = _insert(connection, table).values(dict(values)).on_conflict_do_update(index_elements=key, set_=changed)
    await connection.execute(statement)


def _insert(connection: AsyncConnection, table: Table) -> postgresql.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return cast("postgresql.Insert", sqlite.insert(table))  # the same methods
