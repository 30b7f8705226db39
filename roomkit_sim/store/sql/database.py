"""The engine behind the store: opened once, one transaction for each operation, every error translated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from roomkit_sim.errors import ConfigurationError, StoreError
from roomkit_sim.store.sql.address import Address
from roomkit_sim.store.sql.failures import translated
from roomkit_sim.store.sql.schema import SCHEMA_VERSION, check_version, create_schema, read_version
from roomkit_sim.store.sql.sqlite import READS_ONLY, prepare_connections, switch_to_wal

__all__ = ["Database"]


class Database:
    """Connections to one database, for one event loop.

    Args:
        address: Where it is.
        timeout: Seconds to wait for a connection, an answer, or the file's lock.
        pool_size: How many connections to keep at most.
    """

    def __init__(self, address: Address, timeout: float, pool_size: int) -> None:
        self.address = address
        self._timeout = timeout
        self._pool_size = pool_size
        self._opening = asyncio.Lock()
        self._engine: AsyncEngine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        # SQLite lets waiting writers poll, which is slow and unfair: those of this process queue up here instead.
        self._writers = asyncio.Lock() if address.is_sqlite else None

    async def open(self) -> AsyncEngine:
        """Connect and see to the schema, unless that is done already.

        Raises:
            StoreError: The store is closed, belongs to another event loop, cannot be reached, or has a schema of
                another version.
        """
        if self._engine is None:
            async with self._opening:
                self._refuse_if_closed()
                if self._engine is None:
                    self._engine = await self._open()
                    self._loop = asyncio.get_running_loop()
        if self._loop is not asyncio.get_running_loop():
            raise StoreError(
                f"the store of the {self.address.place} was opened in another event loop: make one SQLStore for each"
            )
        return self._engine

    async def close(self) -> None:
        """Give up all connections. Closing again does nothing."""
        self._closed = True
        async with self._opening:
            engine, self._engine = self._engine, None
            if engine is not None:
                with self._translated("closing the store"):
                    await engine.dispose()

    @asynccontextmanager
    async def reading(self, doing: str) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one state of the database, and changes nothing."""
        engine = await self.open()
        with self._translated(doing):
            async with _reading(engine) as connection:
                yield connection

    @asynccontextmanager
    async def writing(self, doing: str) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction: everything or nothing, and on disk when this is left."""
        engine = await self.open()
        with self._translated(doing):
            async with self._write_turn(doing), engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def _write_turn(self, doing: str) -> AsyncIterator[None]:
        """The turn of one writer of this process; where the database has no need of it, everybody's at once."""
        if self._writers is None:
            yield
            return
        try:
            async with asyncio.timeout(self._timeout):
                await self._writers.acquire()
        except TimeoutError:
            raise StoreError(
                f"{doing} failed in the {self.address.place}: other writes of this process took longer than "
                f"{self._timeout:g} s. To do: find what holds the file, write less at once, or raise the timeout",
                retryable=True,
            ) from None
        try:
            yield
        finally:
            self._writers.release()

    async def _open(self) -> AsyncEngine:
        engine = self._make_engine()
        try:
            with self._translated("opening the store"):
                if self.address.is_sqlite:
                    await switch_to_wal(engine, self._timeout)
                async with _reading(engine) as connection:
                    found = await read_version(connection)
                if found is None:
                    async with engine.begin() as connection:
                        await create_schema(connection)
                        found = await read_version(connection)
            check_version(SCHEMA_VERSION if found is None else found, self.address.place)
        except BaseException:
            await engine.dispose()
            raise
        return engine

    def _make_engine(self) -> AsyncEngine:
        """An engine whose JSON columns take and give text, and whose errors show no values."""
        options: dict[str, Any] = {
            "hide_parameters": True,
            "json_serializer": _as_it_is,
            "json_deserializer": _as_it_is,
            "pool_size": self._pool_size,
            "pool_timeout": self._timeout,
        }
        if self.address.is_sqlite:
            options["connect_args"] = {"timeout": self._timeout}
        else:
            options["connect_args"] = {"timeout": self._timeout, "command_timeout": self._timeout}
            # Servers restart and firewalls forget: find it out before a write depends on it.
            options["pool_pre_ping"] = True
        try:
            engine = create_async_engine(self.address.url, **options)
        except ImportError as error:
            raise ConfigurationError(
                f"the {self.address.place} needs the driver {self.address.url.get_driver_name()} ({error}): "
                f"install the extra with  pip install 'roomkit-sim[sql]'"
            ) from error
        if self.address.is_sqlite:
            prepare_connections(engine)
        return engine

    def _translated(self, doing: str) -> Any:
        return translated(doing, self.address, self._timeout)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError(f"the store of the {self.address.place} is closed: make a new SQLStore")


@asynccontextmanager
async def _reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.connect() as connection:
        yield await connection.execution_options(**{READS_ONLY: True})


def _as_it_is(text: str) -> str:
    return text
