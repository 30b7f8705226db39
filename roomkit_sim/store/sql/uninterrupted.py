"""Lets a write end although its caller is cancelled.

A transaction that is left in the middle may keep SQLite's write lock in a driver's thread that nobody waits for any
more, and every other writer then runs into its timeout.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

__all__ = ["uninterrupted"]

P = ParamSpec("P")
T = TypeVar("T")


def uninterrupted(write: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Run ``write`` to its end. A caller that is cancelled meanwhile is so when the write has ended.

    The store's own timeouts bound how long that takes.
    """

    @functools.wraps(write)
    async def to_the_end(*args: P.args, **settings: P.kwargs) -> T:
        task = asyncio.get_running_loop().create_task(write(*args, **settings))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                # Cancelled once more while it waits, it still waits; a cancellation is passed on below.
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([task])
            if not task.cancelled():
                task.exception()
            raise

    return to_the_end
