"""Whose cancellation it is, and work that a cancellation does not cut.

``CancelledError`` reaches a task that is cancelled, and one that awaited something which was. As it is no
``Exception`` it passes every boundary at which failures of somebody else's code are caught. A tool that awaits a
cancelled task of its own, or a gRPC call whose channel was closed, must not end the caller's session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from roomkit_sim.errors import WorkCancelledError

__all__ = ["cancelled_only_from_outside", "to_the_end"]

T = TypeVar("T")


@contextmanager
def cancelled_only_from_outside(what: str) -> Iterator[None]:
    """Let the cancellation of this task through, and make a failure of any other.

    Args:
        what: What is done inside, for the message.

    Raises:
        WorkCancelledError: What is done inside awaited something that was cancelled.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise WorkCancelledError(
            f"{what} awaited something that was cancelled: catch CancelledError there, or do not cancel it"
        ) from error


async def to_the_end(work: Coroutine[Any, Any, T], *, grace_s: float | None = None) -> T:
    """Do ``work`` to its end. A caller that is cancelled meanwhile is so when the work has ended.

    For what must not be left half done.

    Args:
        work: What to do.
        grace_s: After the caller is cancelled, work that takes longer is cancelled too. ``None`` where it is known to
            end.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        loop = asyncio.get_running_loop()
        limit = None if grace_s is None else loop.call_later(grace_s, task.cancel)
        while not task.done():
            # Cancelled once more while it waits, it still waits; a cancellation is passed on below.
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if limit is not None:
            limit.cancel()
        if not task.cancelled():
            task.exception()
        raise
