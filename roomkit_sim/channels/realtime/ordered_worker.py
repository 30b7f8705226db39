"""Does one thing after the other, in the order in which they were given, while the giver goes on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Generic, TypeVar

from roomkit_sim.core.tasks import BackgroundTasks, ErrorReporter

__all__ = ["OrderedWorker"]

Item = TypeVar("Item")

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

    def clear(self) -> None:
        """Drop what waits."""
        self._items.clear()

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
                try:
                    await self._handle(self._items.popleft())
                except Exception as error:
                    await self._on_error(self._name, error)
            if self._closed:
                return
            await self._wake.wait()
            self._wake.clear()
