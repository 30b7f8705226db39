"""Streams that end when their reader goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from roomkit_sim.providers.ai.pump import pumped


class Source:
    """A chain of generators, like an SDK's."""

    def __init__(self, count: int, *, then_wait: bool = False, then_fail: bool = False) -> None:
        self.closed = False
        self._count, self._wait, self._fail = count, then_wait, then_fail

    async def _inner(self) -> AsyncIterator[int]:
        try:
            for number in range(self._count):
                yield number
            if self._wait:
                await asyncio.Event().wait()
            if self._fail:
                raise ConnectionError("cut")
        finally:
            await asyncio.sleep(0)
            self.closed = True

    async def open(self) -> AsyncIterator[int]:
        async def outer() -> AsyncIterator[int]:
            async for number in self._inner():
                yield number

        return outer()


async def test_items_come_in_order_and_the_stream_ends() -> None:
    assert [item async for item in pumped(Source(3).open)] == [0, 1, 2]


async def test_a_failure_comes_behind_the_items_before_it() -> None:
    items = pumped(Source(2, then_fail=True).open)
    assert [await anext(items), await anext(items)] == [0, 1]
    with pytest.raises(ConnectionError, match="cut"):
        await anext(items)


async def test_a_request_that_fails_is_raised() -> None:
    async def refuse() -> AsyncIterator[int]:
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        [item async for item in pumped(refuse)]


async def test_closing_early_unwinds_the_innermost_generator_before_it_returns() -> None:
    source = Source(2, then_wait=True)
    async with aclosing(pumped(source.open)) as items:
        async for _ in items:
            break
    assert source.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelling_the_reader_unwinds_it_too() -> None:
    source = Source(1, then_wait=True)
    first = asyncio.Event()

    async def read() -> None:
        async with aclosing(pumped(source.open)) as items:
            async for _ in items:
                first.set()

    reader = asyncio.create_task(read())
    await first.wait()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert source.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}
