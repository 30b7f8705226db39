"""Tells a task that is cancelled from work that awaited something which was.

``CancelledError`` reaches a task in both cases, and as it is no ``Exception`` it passes every boundary at which
failures of somebody else's code are caught. A tool that awaits a cancelled task of its own must not end the caller's
session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from roomkit_sim.errors import WorkCancelledError

__all__ = ["cancelled_only_from_outside"]


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
