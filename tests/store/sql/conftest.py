"""Databases of both engines, and stores on them that are closed afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from roomkit_sim.store.sql import SQLStore
from roomkit_sim.testing.postgres import PostgresServer

Open = Callable[[], SQLStore]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/rooms.db"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each engine."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
async def new_store(url: str) -> AsyncIterator[Open]:
    """Makes stores on the database."""
    made: list[SQLStore] = []

    def make() -> SQLStore:
        made.append(SQLStore(url))
        return made[-1]

    yield make
    for store in made:
        await store.close()


@pytest.fixture
def store(new_store: Open) -> SQLStore:
    return new_store()
