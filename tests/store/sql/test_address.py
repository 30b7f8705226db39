"""URLs of databases: which are understood, and that none is ever shown with its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.store.sql import SQLStore
from roomkit_sim.store.sql.address import read_address

SECRET = "geheim/sesam@33%"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_postgres_urls_lead_to_the_asynchronous_driver(scheme: str) -> None:
    address = read_address(f"{scheme}://ann:pw@db.example:6543/calls")
    assert address.url.drivername == "postgresql+asyncpg"
    assert address.place == "PostgreSQL database calls on db.example:6543"
    assert not address.is_sqlite


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
def test_a_file_stays_where_it_is_when_the_process_moves(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = read_address(f"{scheme}:///calls.db")
    assert address.url.database == str(tmp_path / "calls.db")
    assert address.is_sqlite


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="use InMemoryStore"):
        SQLStore(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:geheim@host/calls",
        "postgresql+psycopg://ann:geheim@host/calls",
        "postgresql://ann:geheim@host:geheim/calls",
        "postgresql://ann:pass@geheim@host/calls",
        "ann:geheim@host",
        "",
    ],
)
def test_other_urls_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expected  sqlite:///path/to/file\.db  or  post") as caught:
        SQLStore(url)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("settings", [{"timeout": 0}, {"timeout": -1}, {"pool_size": 0}])
def test_impossible_settings_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=r"timeout must be more than 0 seconds, pool_size at least 1"):
        SQLStore("sqlite:///calls.db", **settings)


def test_a_store_shows_where_it_is_and_no_secret() -> None:
    store = SQLStore("postgresql://ann:geheim@db.example/calls?passfile=geheim2")
    assert repr(store) == "SQLStore('PostgreSQL database calls on db.example:5432')"
    assert "geheim" not in repr(vars(store)["_database"].address)


def test_secrets_are_known_in_all_their_forms() -> None:
    address = read_address("postgresql://ann:geheim%2Fsesam%4033%25@db.example/calls?password=other")
    assert {SECRET, "geheim%2Fsesam%4033%25", "other"} <= set(address.secrets)
