"""Does one thing after the other, in the order in which they were given, while the giver goes on."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Generic, TypeVar

from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.core.tasks import BackgroundTasks, ErrorReporter

__all__ = ["OrderedWorker"]

Item = TypeVar("Item")

_log = logging.getLogger(__name__)

_working_in: ContextVar[tuple[int, ...]] = ContextVar("roomkit_sim_ordered_workers", default=())


class OrderedWorker(Generic[Item]):
    """A queue and the one task that empties it.

    Args:
        tasks: Where the task is started.
        name: For reports.
        handle: What to do with an item. If it raises, the error is reported and the next item is taken.
        on_error: Told of failures.
    """

    def __init__(
        self,
        tasks: BackgroundTasks,
        name: str,
        handle: Callable[[Item], Awaitable[None]],
        on_error: ErrorReporter,
    ) -> None:
        self._name = name
        self._handle = handle
        self._on_error = on_error
        self._items: deque[Item] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self._task = tasks.spawn(self._work(), name=name)

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item; after the end it is dropped."""
        if not self._closed:
            self._items.append(item)
            self._wake.set()

    def drop_oldest(self) -> Item:
        """Take the oldest item that waits out of the queue."""
        return self._items.popleft()

    def clear(self) -> list[Item]:
        """Drop what waits, and return it."""
        dropped = list(self._items)
        self._items.clear()
        return dropped

    async def finish(self) -> None:
        """Do what waits, then end. From within an item's own work this only ends the queue after what waits."""
        self._closed = True
        self._wake.set()
        if id(self) not in _working_in.get():
            await asyncio.wait({self._task})

    def stop(self) -> None:
        """Drop what waits and end."""
        self._items.clear()
        self._closed = True
        self._wake.set()

    async def _work(self) -> None:
        _working_in.set((*_working_in.get(), id(self)))
        while True:
            while self._items:
                await self._do(self._items.popleft())
            if self._closed:
                return
            await self._wake.wait()
            self._wake.clear()

    async def _do(self, item: Item) -> None:
        """Handle one item. Whatever comes of it, or of reporting it, those behind it get their turn."""
        try:
            with cancelled_only_from_outside(self._name):
                await self._handle(item)
        except Exception as error:
            try:
                with cancelled_only_from_outside(f"reporting {self._name}"):
                    await self._on_error(self._name, error)
            except Exception as failure:
                _log.error("%s failed with %s, reporting it with %s", self._name, type(error).__name__, failure)
