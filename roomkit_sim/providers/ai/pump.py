"""Reads a stream of an SDK so that it ends when its reader goes.

An SDK's stream is a chain of async generators. Closing the outermost does not close those inside; that is left to the
garbage collector, which does it in a task of its own at some later time, and until then the connection is open. A task
that waits inside the innermost, and is cancelled, unwinds the whole chain before it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

__all__ = ["pumped"]

T = TypeVar("T")


async def pumped(open_stream: Callable[[], Awaitable[AsyncIterator[T]]]) -> AsyncGenerator[T, None]:
    """The items of a stream, as they come.

    Args:
        open_stream: Sends the request and gives the stream.

    Raises:
        Exception: What the request or the stream raised.
    """
    items: asyncio.Queue[T | None] = asyncio.Queue()

    async def pump() -> None:
        try:
            async for item in await open_stream():
                items.put_nowait(item)
        finally:
            items.put_nowait(None)

    task = asyncio.create_task(pump(), name="read a model's answer")
    try:
        while (item := await items.get()) is not None:
            yield item
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
