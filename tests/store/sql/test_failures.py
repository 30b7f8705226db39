"""Whatever a database raises comes out as a StoreError that says what failed, where, and what to do."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest

from roomkit_sim.errors import StoreError
from roomkit_sim.models import Room
from roomkit_sim.store.sql import SQLStore
from roomkit_sim.testing.postgres import PASSWORD, PostgresServer
from tests.store.sql.burst import event


async def failure(url: str, timeout: float = 5) -> StoreError:
    """What opening the database raises; it never shows the password, not even in its traceback."""
    store = SQLStore(url, timeout=timeout)
    with pytest.raises(StoreError) as caught:
        await store.open()
    await store.close()
    # aiosqlite lets the thread of a connection that could not be opened end by itself, and answer a closed loop.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    return caught.value


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # taken, and nobody listens
        port = held.getsockname()[1]
        error = await failure(f"postgresql://ann:{PASSWORD}@127.0.0.1:{port}/calls")
    assert f"opening the store failed in the PostgreSQL database calls on 127.0.0.1:{port}: " in str(error)
    assert str(error).endswith("To do: check host and port, and that the server is up")
    assert error.retryable


async def test_a_server_that_does_not_answer() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        error = await failure(f"postgresql://ann:pw@127.0.0.1:{silent.getsockname()[1]}/calls", timeout=0.05)
    assert "no answer within 0.05 s. To do: check the network and the server" in str(error)


async def test_a_wrong_password(postgres_server: PostgresServer) -> None:
    error = await failure(postgres_server.url().replace(PASSWORD, f"{PASSWORD}-not"))
    assert "password authentication failed" in str(error)
    assert str(error).endswith("To do: the server refuses user or password: check those of the URL")
    assert not error.retryable


async def test_a_reason_that_shows_the_password_is_not_told(postgres_server: PostgresServer) -> None:
    """Here the password is the user's name. Stars in its place would tell where it stood."""
    postgres_server.sql(f"CREATE ROLE sesam{postgres_server.port} LOGIN")
    error = await failure(f"postgresql://sesam{postgres_server.port}:sesam@127.0.0.1:{postgres_server.port}/postgres")
    assert "sesam" not in "".join(traceback.format_exception(error))
    assert str(error).endswith("To do: the server refuses user or password: check those of the URL")


async def test_a_database_that_does_not_exist(postgres_server: PostgresServer) -> None:
    error = await failure(postgres_server.url("nowhere"))
    assert str(error).endswith('database "nowhere" does not exist. To do: create the database first')


async def test_a_user_without_rights(postgres_server: PostgresServer, postgres_url: str) -> None:
    postgres_server.sql(f"CREATE ROLE guest{postgres_server.port} LOGIN PASSWORD '{PASSWORD}'")
    error = await failure(postgres_url.replace("//postgres:", f"//guest{postgres_server.port}:"))
    assert "permission denied for schema public. To do: grant the user the right" in str(error)


async def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    error = await failure(f"sqlite:///{tmp_path}/nowhere/calls.db")
    expected = f"SQLite file {tmp_path}/nowhere/calls.db: unable to open database file. To do: the folder must exist"
    assert expected in str(error)


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("what was to be done " * 100)
    error = await failure(f"sqlite:///{tmp_path}/notes.txt")
    assert str(error).endswith("file is not a database. To do: the file is no SQLite database: name another one")


async def test_a_file_that_another_process_holds(sqlite_url: str) -> None:
    async with SQLStore(sqlite_url, timeout=0.05) as store:
        await store.create_room(Room(id="r"))
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"adding an event failed .*another process holds the file") as caught:
            await store.add_event_auto_index("r", event())
        assert caught.value.retryable
        assert await store.count_events("r") == 0, "readers go on"
        other.close()
        assert (await store.add_event_auto_index("r", event())).index == 0


async def test_a_number_that_no_column_holds(store: SQLStore) -> None:
    await store.create_room(Room(id="r"))
    with pytest.raises(StoreError, match="saving a read marker failed"):
        await store.mark_read("r", "chat", 10**30)
    assert await store.read_marker("r", "chat") is None


async def test_a_failure_shows_nothing_of_what_was_said(
    postgres_server: PostgresServer, postgres_url: str, sqlite_url: str
) -> None:
    said = event("my card is 4711", idempotency_key="4711")
    for url in (postgres_url, sqlite_url):
        async with SQLStore(url) as store:
            await store.create_room(Room(id="r"))
            statement = "ALTER TABLE roomkit_events RENAME TO gone"
            if url is postgres_url:
                postgres_server.sql(statement, url.rpartition("/")[2])
            else:
                sqlite3.connect(url.removeprefix("sqlite:///")).execute(statement).connection.close()
            with pytest.raises(StoreError, match="adding an event failed") as caught:
                await store.add_event_auto_index("r", said)
            assert "4711" not in "".join(traceback.format_exception(caught.value))


async def test_connections_that_the_server_dropped_are_replaced(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = postgres_url.rpartition("/")[2]
    async with SQLStore(postgres_url) as store:
        await store.create_room(Room(id="r"))
        postgres_server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert (await store.add_event_auto_index("r", event())).index == 0


@pytest.mark.parametrize("module", ["sqlalchemy", "aiosqlite"])
def test_a_missing_extra_is_named(module: str) -> None:
    code = f"""
import sys
sys.modules[{module!r}] = None
import roomkit_sim
from roomkit_sim.errors import ConfigurationError
try:
    from roomkit_sim.store.sql import SQLStore
    import asyncio
    asyncio.run(SQLStore("sqlite:////tmp/never-made.db").open())
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "install the extra with  pip install 'roomkit-sim[sql]'" in done.stdout


def test_the_framework_does_not_load_what_only_the_store_needs() -> None:
    code = "import sys, roomkit_sim, roomkit_sim.store; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
