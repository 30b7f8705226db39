"""One lock a room: what reads and then changes a room does so alone."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

__all__ = ["InMemoryLockManager", "RoomLockManager", "holding_no_locks"]


@dataclass(eq=False)
class _Grant:
    """The right to a room, from the moment its lock was taken until it is given up.

    Args:
        manager: Who granted it.
        room_id: The room.
        task: The task that took the lock; others have inherited the grant from it.
        under: The grant that was inherited by the task, if it has one.
        inner: Held by the one of the inheritors that is in the room.
    """

    manager: object
    room_id: str
    task: asyncio.Task[Any] | None
    under: _Grant | None
    inner: asyncio.Lock = field(default_factory=asyncio.Lock)
    given_up: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it holds: not given up, neither it nor one that it stands under."""
        return not self.given_up and (self.under is None or self.under.is_live)


_held: ContextVar[tuple[_Grant, ...]] = ContextVar("roomkit_sim_held_rooms", default=())


@contextmanager
def holding_no_locks() -> Iterator[None]:
    """Forget, in this context, which rooms the task holds.

    A background task inherits the context of the task that starts it, but not its right to a room: without this it
    would either enter a room that it does not hold, or wait for a lock that its starter gives up only after it.
    """
    token = _held.set(())
    try:
        yield
    finally:
        _held.reset(token)


class RoomLockManager(ABC):
    """Gives out the locks of rooms.

    A task that holds a room enters it again at once. The tasks that it starts and awaits enter with it, one at a time:
    the parallel tool calls of one answer must not change a room at once either.
    """

    @abstractmethod
    def locked(self, room_id: str) -> AbstractAsyncContextManager[None]:
        """Hold the lock of a room."""

    def is_held(self, room_id: str) -> bool:
        """Whether the current task holds a room. Where that cannot be told, observers may run while it is held."""
        return False


class InMemoryLockManager(RoomLockManager):
    """Locks for one process.

    Args:
        max_locks: Unused locks beyond this number are forgotten, oldest first.
    """

    def __init__(self, max_locks: int = 1024) -> None:
        self._locks: OrderedDict[str, asyncio.Lock] = OrderedDict()
        self._users: dict[str, int] = {}
        self._max_locks = max_locks

    def is_held(self, room_id: str) -> bool:
        """Whether the current task, or one that it was started by and that awaits it, holds a room."""
        return self._grant(room_id) is not None

    @asynccontextmanager
    async def locked(self, room_id: str) -> AsyncIterator[None]:
        """Hold the lock of a room; entering again while holding it does nothing."""
        inherited = self._grant(room_id)
        if inherited is not None and inherited.task is asyncio.current_task():
            yield
            return
        self._users[room_id] = self._users.get(room_id, 0) + 1
        try:
            inherited, lock = await self._taken(room_id)
            # A task that inherited the grant and outlives this block must find it dead, not merely absent here.
            grant = _Grant(self, room_id, asyncio.current_task(), inherited)
            token = _held.set((*_held.get(), grant))
            try:
                yield
            finally:
                grant.given_up = True
                _held.reset(token)
                lock.release()
        finally:
            self._release_user(room_id)

    def _grant(self, room_id: str) -> _Grant | None:
        """The innermost grant of a room that this context has, if one holds."""
        of_room = (grant for grant in reversed(_held.get()) if grant.manager is self and grant.room_id == room_id)
        return next((grant for grant in of_room if grant.is_live), None)

    async def _taken(self, room_id: str) -> tuple[_Grant | None, asyncio.Lock]:
        """Take the lock among those who inherited a grant, or that of the room where there is none."""
        while (inherited := self._grant(room_id)) is not None:
            await inherited.inner.acquire()
            if inherited.is_live:
                return inherited, inherited.inner
            inherited.inner.release()
        lock = self._lock_of(room_id)
        await lock.acquire()
        return None, lock

    def _lock_of(self, room_id: str) -> asyncio.Lock:
        lock = self._locks.setdefault(room_id, asyncio.Lock())
        self._locks.move_to_end(room_id)
        return lock

    def _release_user(self, room_id: str) -> None:
        self._users[room_id] -= 1
        if not self._users[room_id]:
            del self._users[room_id]
        surplus = len(self._locks) - self._max_locks
        if surplus <= 0:
            return
        for candidate in list(islice(self._locks, surplus)):
            if candidate not in self._users:
                del self._locks[candidate]
