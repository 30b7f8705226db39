"""Work of a connection that nobody waits for: timers, and frames that are sent beside the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["Background"]


class Background:
    """Timers and tasks that end with their connection. What a closed connection cannot send any more is no error."""

    def __init__(self) -> None:
        self._timers: list[asyncio.TimerHandle] = []
        self._tasks: dict[asyncio.Task[None], None] = {}

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something after a while."""
        self._timers.append(asyncio.get_running_loop().call_later(max(0.0, delay_s), action))

    def start(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do something without waiting for it."""
        task = asyncio.get_running_loop().create_task(_quietly(action))
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def stop(self) -> None:
        """Do nothing more."""
        for timer in self._timers:
            timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _quietly(action: Callable[[], Awaitable[None]]) -> None:
    from websockets.exceptions import ConnectionClosed

    try:
        await action()
    except ConnectionClosed:
        # The connection ended while something was still to be said on it.
        return
