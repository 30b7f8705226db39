"""Whose cancellation it is, and work that outlives the cancellation of who waits for it."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.core.cancellation import cancelled_only_from_outside, to_the_end
from roomkit_sim.errors import WorkCancelledError


async def _wait() -> None:
    await asyncio.Event().wait()


async def _cancelled_from_within() -> None:
    inner = asyncio.create_task(_wait())
    asyncio.get_running_loop().call_soon(inner.cancel)
    with cancelled_only_from_outside("tool 'book'"):
        await inner


async def test_a_task_that_somebody_elses_code_had_cancelled_is_an_error():
    with pytest.raises(WorkCancelledError, match="tool 'book' awaited something that was cancelled"):
        await _cancelled_from_within()


async def test_the_cancellation_of_the_task_itself_stays_one():
    async def guarded() -> None:
        with cancelled_only_from_outside("tool 'book'"):
            await _wait()

    task = asyncio.create_task(guarded())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_around_it_stays_a_timeout():
    async def guarded() -> None:
        async with asyncio.timeout(0):
            with cancelled_only_from_outside("tool 'book'"):
                await _wait()

    with pytest.raises(TimeoutError):
        await guarded()


async def test_one_of_several_that_wait_together_does_not_cancel_the_others():
    async def other() -> str:
        await asyncio.sleep(0)
        return "done"

    first, second = await asyncio.gather(_cancelled_from_within(), other(), return_exceptions=True)
    assert isinstance(first, WorkCancelledError)
    assert second == "done"


@pytest.mark.parametrize("cancellations", [1, 3])
async def test_work_is_done_to_its_end_before_the_cancellation_is_passed_on(cancellations):
    done: list[str] = []
    may_end = asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        done.append("all of it")

    task = asyncio.create_task(to_the_end(work()))
    for _ in range(cancellations):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["all of it"]


async def test_work_that_nobody_cancels_gives_its_result_and_its_errors():
    async def fail() -> None:
        raise ValueError("broken")

    async def answer() -> str:
        return "42"

    assert await to_the_end(answer()) == "42"
    with pytest.raises(ValueError, match="broken"):
        await to_the_end(fail())


async def test_work_that_takes_too_long_after_the_cancellation_is_cancelled_too():
    ended: list[str] = []

    async def hang() -> None:
        try:
            await _wait()
        finally:
            ended.append("cancelled")

    task = asyncio.create_task(to_the_end(hang(), grace_s=0.0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]
