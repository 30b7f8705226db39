"""Work of a connection that nobody waits for: timers, and frames that are sent beside the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["Background"]


class Background:
    """Timers and tasks that end with their connection. What a closed connection cannot send any more is no error.

    Args:
        on_defect: Called when a task fails, which the loop's exception handler is told too: a defect of the fake must
            not look like a model that has nothing to say.
    """

    def __init__(self, on_defect: Callable[[], None] | None = None) -> None:
        self._on_defect = on_defect
        self._timers: dict[asyncio.TimerHandle, None] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._stopped = False

    def later(self, delay_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Do something after a while, unless the timer is cancelled before."""

        def due() -> None:
            self._timers.pop(timer, None)
            action()

        timer = asyncio.get_running_loop().call_later(max(0.0, delay_s), due)
        self._timers[timer] = None
        return timer

    def start(self, action: Callable[[], Awaitable[None]], name: str = "background") -> asyncio.Task[None]:
        """Do something without waiting for it."""
        task = asyncio.get_running_loop().create_task(_quietly(action), name=name)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    async def stop(self) -> None:
        """Do nothing more."""
        self._stopped = True
        for timer in self._timers:
            timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            context = {"message": f"the fake service broke in {task.get_name()}", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)
            if self._on_defect is not None and not self._stopped:
                self._on_defect()


async def _quietly(action: Callable[[], Awaitable[None]]) -> None:
    from websockets.exceptions import ConnectionClosed

    try:
        await action()
    except ConnectionClosed:
        # The connection ended while something was still to be said on it.
        return
