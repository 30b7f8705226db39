"""Errors of databases and drivers, as errors of the project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from roomkit_sim.errors import StoreError
from roomkit_sim.store.sql.address import Address

__all__ = ["translated"]

# By SQLSTATE of PostgreSQL (https://www.postgresql.org/docs/current/errcodes-appendix.html), longest prefix first,
# and by the name of SQLite's result code (https://www.sqlite.org/rescode.html): advice, and whether trying again helps.
ADVICE: dict[str, tuple[str, bool]] = {
    "3D000": ("create the database first", False),
    "42501": ("grant the user the right to create and use tables in this database", False),
    "42P01": ("a table is gone: restore it from a backup, or give an empty database", False),
    "53100": ("the server's disk is full: make room", False),
    "53300": ("the server has too many connections: raise max_connections, or lower pool_size", True),
    "57014": ("the statement took too long: raise the timeout, or find what blocks it", True),
    "08": ("the connection was lost: whether the last write took place is not known; try again", True),
    "28": ("the server refuses user or password: check those of the URL", False),
    "40": ("another transaction was in the way: try again", True),
    "53": ("the server lacks resources: see its log", True),
    "57": ("the server is starting or stopping: try again when it is up", True),
    "SQLITE_BUSY": ("another process holds the file for longer than the timeout: find it, or raise the timeout", True),
    "SQLITE_CANTOPEN": ("the folder must exist, and this process must be allowed to write to it", False),
    "SQLITE_CORRUPT": ("the file is damaged: restore it from a backup", False),
    "SQLITE_FULL": ("the disk is full: make room", False),
    "SQLITE_IOERR": ("the disk fails, or the file lies on a network share, which SQLite does not support", False),
    "SQLITE_NOTADB": ("the file is no SQLite database: name another one", False),
    "SQLITE_PERM": ("let this process write to the file and its folder", False),
    "SQLITE_READONLY": ("let this process write to the file and its folder", False),
}
DRIVER_MODULES = ("asyncpg", "aiosqlite", "sqlite3")


@contextmanager
def translated(doing: str, address: Address, timeout: float) -> Iterator[None]:
    """Turn whatever a database raises into :class:`StoreError`.

    Args:
        doing: What is being done, as in ``"adding an event"``.
        address: Where.
        timeout: For the message when it ran out, in seconds.
    """
    try:
        yield
    except Exception as error:
        if not _is_foreign(error):
            raise
        reason, advice, retryable = _explain(error, timeout)
        shown = any(secret in one for one in _texts(error) for secret in address.secrets)
        text = f"{doing} failed in the {address.place}: {type(error).__name__ if shown else reason}. To do: {advice}"
        raise StoreError(text, retryable=retryable) from (None if shown else error)


def _is_foreign(error: Exception) -> bool:
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, SQLAlchemyError | OSError | OverflowError) or module in DRIVER_MODULES


def _explain(error: Exception, timeout: float) -> tuple[str, str, bool]:
    chain = _chain(error)
    for one in chain:
        code = getattr(one, "sqlstate", None) or getattr(one, "sqlite_errorname", None)
        for prefix, (advice, retryable) in ADVICE.items():
            if isinstance(code, str) and code.startswith(prefix):
                return _reason(one), advice, retryable
    for one in chain:
        if isinstance(one, PoolTimeoutError):
            return f"no free connection within {timeout:g} s", "raise pool_size, or find what holds connections", True
        if isinstance(one, TimeoutError):
            return f"no answer within {timeout:g} s", "check the network and the server, or raise the timeout", True
        if isinstance(one, OSError):
            return _reason(one), "check host and port, and that the server is up", True
    return _reason(chain[-1]), "see the cause", False


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what is behind it, the driver's own error last."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = getattr(one, "orig", None) or one.__cause__ or one.__context__
    return found


def _reason(error: BaseException) -> str:
    """The first line: details that follow may hold what customers said."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _texts(error: BaseException) -> list[str]:
    """Whatever a traceback of this error would show of it."""
    return [text for one in _chain(error) for text in (str(one), repr(one))]
