"""A store in an SQL database: SQLite in a file, or PostgreSQL. Needs the extra ``sql``."""

from __future__ import annotations

from roomkit_sim.errors import ConfigurationError

try:
    import sqlalchemy.ext.asyncio as _sqlalchemy  # noqa: F401
except ImportError as error:
    raise ConfigurationError(
        f"roomkit_sim.store.sql needs SQLAlchemy, and importing it failed ({error}): "
        f"install the extra with  pip install 'roomkit-sim[sql]'"
    ) from error

from roomkit_sim.store.sql.store import SQLStore

__all__ = ["SQLStore"]
