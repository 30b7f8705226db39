"""Background work that is owned: nothing is lost, nothing fails unseen."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.core.locks import holding_no_locks

__all__ = ["BackgroundTasks", "ErrorReporter"]

ErrorReporter: TypeAlias = Callable[[str, BaseException], Awaitable[None]]

T = TypeVar("T")

_around: ContextVar[tuple[asyncio.Task[Any], ...]] = ContextVar("roomkit_sim_background_tasks", default=())
"""The background tasks that wait, by way of hooks perhaps, for what runs now: waiting for them would never end."""


class BackgroundTasks:
    """Keeps the tasks that somebody started and does not await.

    A task runs in a copy of the starter's context in which no room is held (see :func:`holding_no_locks`).

    Args:
        on_error: Told the task's name and the exception of a task that failed.
    """

    def __init__(self, on_error: ErrorReporter | None = None) -> None:
        self._on_error = on_error
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[None]:
        """Start ``work`` in the background."""
        context = contextvars.copy_context()
        task = context.run(self._create, work, name)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        # Cancelled before it began, the task leaves `work` unstarted; closing what has ended does nothing.
        task.add_done_callback(lambda done: work.close())
        return task

    def _create(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[None]:
        with holding_no_locks():
            return asyncio.get_running_loop().create_task(self._guard(work, name), name=name)

    async def see_through(self, work: Coroutine[Any, Any, T], *, name: str) -> T:
        """Do ``work`` to its end, in the name of the caller. One that is cancelled goes; the work goes on.

        It fails to the caller, or is reported if that has gone. It holds the rooms that the caller holds.
        """
        is_awaited = True

        async def done() -> T | None:
            _around.set((*_around.get(), *_running()))
            try:
                with cancelled_only_from_outside(name):
                    return await work
            except Exception as error:
                if is_awaited or self._on_error is None:
                    raise
                await self._on_error(name, error)
                return None

        task = asyncio.get_running_loop().create_task(done(), name=name)
        self._tasks[task] = None
        task.add_done_callback(lambda ended: self._tasks.pop(ended, None))
        task.add_done_callback(lambda ended: work.close())
        try:
            # Closing cancels the work of a caller who has not been cancelled.
            with cancelled_only_from_outside(name):
                result = await asyncio.shield(task)
        except asyncio.CancelledError:
            is_awaited = False
            raise
        return result  # type: ignore[return-value]  # None only when nobody is here to get it

    async def _guard(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        _around.set(_running())
        try:
            with cancelled_only_from_outside(name):
                await work
        except Exception as error:
            if self._on_error is None:
                raise
            await self._on_error(name, error)

    async def drain(self) -> None:
        """Wait until all of them, and those that they start, have ended. Those that wait for the caller are spared."""
        while others := self._others():
            await asyncio.gather(*others, return_exceptions=True)

    async def cancel_all(self) -> None:
        """Cancel all of them and wait until they have ended. Those that wait for the caller are spared."""
        others = self._others()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _others(self) -> list[asyncio.Task[Any]]:
        # Those that have ended are forgotten by a callback that may not have run yet.
        waiting = (*_around.get(), *_running())
        return [task for task in self._tasks if not task.done() and task not in waiting]


def _running() -> tuple[asyncio.Task[Any], ...]:
    task = asyncio.current_task()
    return () if task is None else (task,)
