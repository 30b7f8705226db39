"""The schema: made once, whole, by whoever comes first; another version is refused."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from roomkit_sim.errors import StoreError
from roomkit_sim.models import Room
from roomkit_sim.store.sql import SQLStore, database, schema
from tests.store.sql.conftest import Open


async def make_version(store: SQLStore, number: int) -> None:
    await store.open()
    async with store._database.writing("changing the version") as connection:
        await connection.execute(update(schema.version).values(version=number))


async def test_a_database_of_a_newer_release_is_refused(new_store: Open) -> None:
    await make_version(new_store(), schema.SCHEMA_VERSION + 1)
    with pytest.raises(StoreError, match=r"has schema version 2, .* knows version 1: a newer .*Upgrade roomkit-sim"):
        await new_store().get_room("r")


async def test_a_database_of_an_older_release_is_refused(new_store: Open) -> None:
    await make_version(new_store(), schema.SCHEMA_VERSION - 1)
    with pytest.raises(StoreError, match=r"has schema version 0, .*an older release made it.*Go on with that release"):
        await new_store().get_room("r")


async def test_a_second_store_finds_what_the_first_one_kept(new_store: Open) -> None:
    await new_store().create_room(Room(id="r", metadata={"n": 1}))
    found = await new_store().get_room("r")
    assert found is not None
    assert found.metadata == {"n": 1}


async def test_stores_that_open_an_empty_database_at_once_do_not_collide(new_store: Open) -> None:
    stores = [new_store() for _ in range(8)]
    await asyncio.gather(*(store.create_room(Room(id=f"r{n}")) for n, store in enumerate(stores)))
    assert {room.id for room in await stores[0].list_rooms()} == {f"r{n}" for n in range(8)}


async def test_a_schema_is_made_whole_or_not_at_all(new_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die_half_way(connection: AsyncConnection) -> None:
        await connection.run_sync(schema.metadata.create_all)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(database, "create_schema", die_half_way)
        with pytest.raises(KeyboardInterrupt):
            await new_store().open()
    other = new_store()
    await other.open()
    await other.create_room(Room(id="r"))
    assert await other.get_room("r") is not None


async def test_a_failed_opening_is_tried_again_at_the_next_use(
    store: SQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: AsyncConnection) -> None:
        raise StoreError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(database, "create_schema", fail)
        with pytest.raises(StoreError, match="not now"):
            await store.get_room("r")
    assert await store.get_room("r") is None


async def test_a_file_is_set_up_for_writers_that_may_die(sqlite_url: str) -> None:
    async with SQLStore(sqlite_url) as store, store._database.reading("looking") as connection:
        settings = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert settings == ["wal", 2, 1]  # 2 is FULL


async def test_tables_of_others_in_the_same_database_are_left_alone(sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    other.execute("CREATE TABLE rooms (number INTEGER)")
    other.execute("INSERT INTO rooms VALUES (7)")
    other.commit()
    async with SQLStore(sqlite_url) as store:
        await store.create_room(Room(id="r"))
    assert other.execute("SELECT number FROM rooms").fetchall() == [(7,)]
    other.close()
