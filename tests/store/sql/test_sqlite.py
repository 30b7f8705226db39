"""A file that somebody else uses while it is being set up."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from roomkit_sim.errors import StoreError
from roomkit_sim.models import Room
from roomkit_sim.store.sql import SQLStore
from roomkit_sim.store.sql.address import read_address
from roomkit_sim.store.sql.sqlite import switch_to_wal


@pytest.fixture
def reader(sqlite_url: str) -> Iterator[sqlite3.Connection]:
    """Another program in the middle of reading the file, which has no write-ahead log yet."""
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("CREATE TABLE other (number INTEGER)")
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM other").fetchall()
    yield connection
    connection.close()


async def test_a_refused_switch_to_the_log_is_tried_again(
    sqlite_url: str, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def other_goes_on(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            reader.execute("COMMIT")
        await sleep(0)

    engine = create_async_engine(read_address(sqlite_url).url, connect_args={"timeout": 0})
    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", other_goes_on)
        await switch_to_wal(engine, timeout=60)
    await engine.dispose()
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as later:
        assert later.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert len(pauses) == 2


async def test_many_writers_wait_for_a_held_file_no_longer_than_one(sqlite_url: str) -> None:
    async with SQLStore(sqlite_url, timeout=0.1) as store:
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(5):
            failed = await asyncio.gather(
                *(store.create_room(Room(id=str(number))) for number in range(60)), return_exceptions=True
            )
        other.close()
        assert {type(error) for error in failed} == {StoreError}
        assert [getattr(error, "retryable", False) for error in failed] == [True] * 60
        assert "other writes of this process took longer than 0.1 s" in str(failed[-1])
        await store.create_room(Room(id="later"))
        assert [room.id for room in await store.list_rooms()] == ["later"]


async def test_opening_gives_up_after_the_timeout(sqlite_url: str, reader: sqlite3.Connection) -> None:
    store = SQLStore(sqlite_url, timeout=0.03)
    with pytest.raises(StoreError, match=r"opening the store failed .*another process holds the file"):
        await store.open()
    reader.execute("COMMIT")
    await store.open()
    await store.close()
