"""Where a database is: the URL, and a name for it that can be shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from roomkit_sim.errors import ConfigurationError

__all__ = ["Address", "read_address"]

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
EXPECTED = (
    "expected  sqlite:///path/to/file.db  or  postgresql://user:password@host:port/database ; "
    "write special characters of the user and the password percent-encoded"
)


@dataclass(frozen=True)
class Address:
    """A database.

    Args:
        url: For the engine; holds the password.
        place: For people: engine and host or file, without user, password and query.
        secrets: What must not be shown, in every form that it may take.
    """

    url: URL
    place: str
    secrets: tuple[str, ...]

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file; else it is a server."""
        return self.url.get_backend_name() == "sqlite"

    def __repr__(self) -> str:
        return f"Address({self.place!r})"


def read_address(url: str | URL) -> Address:
    """Read a database URL. No error shows any part of it that may be secret.

    Raises:
        ConfigurationError: This is no URL, or not one of a database that the store knows.
    """
    try:
        parsed = make_url(url)
        host, port, name = parsed.host, parsed.port, parsed.database
    except (SQLAlchemyError, ValueError, TypeError):
        raise ConfigurationError(f"the URL of the SQL store cannot be read: {EXPECTED}") from None
    driver = DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ConfigurationError(f"the SQL store does not know {parsed.drivername!r} databases: {EXPECTED}")
    if host and "@" in host:
        raise ConfigurationError(f"the URL of the SQL store has an @ too many, is it the password's? {EXPECTED}")
    parsed = parsed.set(drivername=driver)
    if driver == "sqlite+aiosqlite":
        return _file(parsed)
    place = f"PostgreSQL database {name or '(default)'} on {host or 'localhost'}:{port or 5432}"
    return Address(parsed, place, _secrets(parsed))


def _file(url: URL) -> Address:
    name = url.database or ""
    if name in ("", ":memory:") or ":memory:" in name or url.query.get("mode") == "memory":
        raise ConfigurationError(
            "an SQLite database in memory is gone with its connection: name a file, as in sqlite:///path/to/file.db, "
            "or use InMemoryStore"
        )
    if not name.startswith("file:"):
        url = url.set(database=str(Path(name).absolute()))
    return Address(url, f"SQLite file {url.database}", _secrets(url))


def _secrets(url: URL) -> tuple[str, ...]:
    given = [str(url.password)] if url.password else []
    given += [value for key, values in url.query.items() if "pass" in key.lower() for value in _each(values)]
    return tuple(dict.fromkeys(form for secret in given for form in (secret, quote(secret), quote_plus(secret))))


def _each(values: str | tuple[str, ...]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else values
