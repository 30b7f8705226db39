"""What SQLite needs so that several processes may write, and one of them may die."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["READS_ONLY", "prepare_connections", "switch_to_wal"]

READS_ONLY = "roomkit_reads_only"
"""The execution option of connections that change nothing."""

RETRY_S = 0.01


def prepare_connections(engine: AsyncEngine) -> None:
    """Set up each connection as it is made, and begin its transactions."""
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", _begin)


async def switch_to_wal(engine: AsyncEngine, timeout: float) -> None:
    """Make the file use a write-ahead log, in which readers and a writer do not wait for each other; it stays so.

    Where several processes switch an empty file at once, SQLite does not wait for its own timeout but refuses all save
    one, so that this must try again.

    Args:
        engine: The database.
        timeout: For how many seconds to try.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        while True:
            try:
                await (await driver.execute("PRAGMA journal_mode=WAL")).close()
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or loop.time() >= deadline:
                    raise
            await asyncio.sleep(RETRY_S)


def _set_up(connection: DBAPIConnection, _: Any) -> None:
    """Settings that hold for one connection.

    ``synchronous=FULL`` syncs at every commit, so that what was acknowledged survives a power failure and not only the
    death of the process, for which NORMAL would do. See https://www.sqlite.org/pragma.html#pragma_synchronous.
    """
    connection.isolation_level = None  # the driver must not begin transactions: _begin does
    try:
        cursor = connection.cursor()
        for setting in ("synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()
    except BaseException:
        # SQLAlchemy forgets a connection that could not be set up; its thread would outlive the loop.
        connection.close()
        raise


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a transaction that reads first and then finds a later writer cannot go on."""
    reads_only = connection.get_execution_options().get(READS_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
