"""Background work is owned: nothing is lost, nothing fails unseen, no lock is inherited."""

from __future__ import annotations

import asyncio
import gc
import inspect
from contextvars import ContextVar

import pytest

from roomkit_sim.core.locks import InMemoryLockManager
from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.errors import WorkCancelledError

tag: ContextVar[str] = ContextVar("tag", default="none")


class Reports:
    def __init__(self) -> None:
        self.seen: list[tuple[str, BaseException]] = []

    async def __call__(self, where: str, error: BaseException) -> None:
        self.seen.append((where, error))


async def test_a_failure_is_reported_with_the_name_of_the_task() -> None:
    reports = Reports()
    tasks = BackgroundTasks(reports)

    async def fail() -> None:
        raise LookupError("no such thing")

    tasks.spawn(fail(), name="greeting of room r")
    await tasks.drain()
    [(where, error)] = reports.seen
    assert where == "greeting of room r"
    assert isinstance(error, LookupError)


async def test_work_that_awaits_something_cancelled_is_reported_and_work_that_is_cancelled_is_not() -> None:
    reports = Reports()
    tasks = BackgroundTasks(reports)

    async def fail() -> None:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    tasks.spawn(asyncio.Event().wait(), name="cancelled").cancel()
    tasks.spawn(fail(), name="failed")
    await tasks.drain()
    assert [(where, type(error)) for where, error in reports.seen] == [("failed", WorkCancelledError)]


async def test_without_a_reporter_the_task_keeps_its_exception() -> None:
    async def fail() -> None:
        raise LookupError("no such thing")

    task = BackgroundTasks().spawn(fail(), name="work")
    with pytest.raises(LookupError):
        await task


async def test_a_background_task_waits_for_the_room_that_its_starter_holds() -> None:
    locks, tasks, order = InMemoryLockManager(), BackgroundTasks(), list[str]()

    async def work() -> None:
        async with locks.locked("r"):
            order.append("work")

    async with locks.locked("r"):
        task = tasks.spawn(work(), name="work")
        for _ in range(10):
            await asyncio.sleep(0)
        order.append("starter")
    await task
    assert order == ["starter", "work"]


async def test_a_background_task_keeps_the_rest_of_its_starters_context() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append(tag.get())
        tag.set("changed")

    tag.set("starter")
    tasks = BackgroundTasks()
    tasks.spawn(work(), name="work")
    await tasks.drain()
    assert seen == ["starter"]
    assert tag.get() == "starter"


async def test_a_task_that_nobody_refers_to_survives_garbage_collection() -> None:
    done: list[str] = []
    tasks = BackgroundTasks()

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("work")

    tasks.spawn(work(), name="work")
    gc.collect()
    await tasks.drain()
    assert done == ["work"]
    assert len(tasks) == 0


async def test_drain_waits_for_what_background_tasks_start() -> None:
    tasks, done = BackgroundTasks(), list[str]()

    async def second() -> None:
        await asyncio.sleep(0)
        done.append("second")

    async def first() -> None:
        tasks.spawn(second(), name="second")
        done.append("first")

    tasks.spawn(first(), name="first")
    await tasks.drain()
    assert done == ["first", "second"]


async def test_drain_called_from_a_background_task_does_not_wait_for_itself() -> None:
    tasks, done = BackgroundTasks(), list[str]()

    async def other() -> None:
        await asyncio.sleep(0)
        done.append("other")

    async def drainer() -> None:
        await tasks.drain()
        done.append("drainer")

    tasks.spawn(other(), name="other")
    async with asyncio.timeout(5):
        await tasks.spawn(drainer(), name="drainer")
    assert done == ["other", "drainer"]


async def test_cancel_all_ends_every_task_but_the_one_that_calls_it() -> None:
    tasks, done = BackgroundTasks(), list[str]()

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            done.append("cancelled")

    async def closer() -> None:
        await asyncio.sleep(0)
        await tasks.cancel_all()
        done.append("closer")

    tasks.spawn(wait_for_ever(), name="first")
    tasks.spawn(wait_for_ever(), name="second")
    await tasks.spawn(closer(), name="closer")
    assert done == ["cancelled", "cancelled", "closer"]


async def test_cancellation_is_not_reported_as_a_failure() -> None:
    reports = Reports()
    tasks = BackgroundTasks(reports)

    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    task = tasks.spawn(wait_for_ever(), name="work")
    await asyncio.sleep(0)
    await tasks.cancel_all()
    assert task.cancelled()
    assert reports.seen == []


async def test_work_cancelled_before_it_began_leaves_no_unawaited_coroutine() -> None:
    tasks, begun = BackgroundTasks(), list[str]()

    async def work() -> None:
        begun.append("work")

    coroutine = work()
    tasks.spawn(coroutine, name="work")
    await tasks.cancel_all()
    await asyncio.sleep(0)
    assert begun == []
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


async def test_work_that_is_seen_through_goes_on_when_its_caller_is_cancelled():
    tasks, may_end, done = BackgroundTasks(), asyncio.Event(), []

    async def work() -> str:
        await may_end.wait()
        done.append("all of it")
        return "result"

    caller = asyncio.create_task(tasks.see_through(work(), name="work"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_end.set()
    await tasks.drain()
    assert done == ["all of it"]
    assert await tasks.see_through(work(), name="work") == "result"


async def test_work_that_is_seen_through_fails_to_its_caller_or_is_reported():
    reported: list[tuple[str, str]] = []
    may_fail = asyncio.Event()

    async def report(name: str, error: BaseException) -> None:
        reported.append((name, str(error)))

    async def fail() -> None:
        await may_fail.wait()
        raise ValueError("broken")

    tasks = BackgroundTasks(report)
    caller = asyncio.create_task(tasks.see_through(fail(), name="work"))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    may_fail.set()
    await tasks.drain()
    assert reported == [("work", "broken")]
    with pytest.raises(ValueError, match="broken"):
        await tasks.see_through(fail(), name="work")
    assert reported == [("work", "broken")]


@pytest.mark.parametrize("caller_goes", [False, True])
async def test_work_that_is_seen_through_and_awaits_something_cancelled_fails_like_any_other(caller_goes: bool) -> None:
    reports, may_fail = Reports(), asyncio.Event()

    async def fail() -> None:
        await may_fail.wait()
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    tasks = BackgroundTasks(reports)
    caller = asyncio.create_task(tasks.see_through(fail(), name="work"))
    await asyncio.sleep(0)
    if caller_goes:
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
    may_fail.set()
    await tasks.drain()
    [outcome] = await asyncio.gather(caller, return_exceptions=True)
    assert type(outcome) is (asyncio.CancelledError if caller_goes else WorkCancelledError)
    assert [(where, type(error)) for where, error in reports.seen] == [("work", WorkCancelledError)] * caller_goes


async def test_who_waits_for_work_that_closing_cancels_is_not_cancelled() -> None:
    tasks = BackgroundTasks()
    caller = asyncio.create_task(tasks.see_through(asyncio.Event().wait(), name="work"))
    await asyncio.sleep(0)
    await tasks.cancel_all()
    with pytest.raises(WorkCancelledError, match="work"):
        await caller


async def test_work_that_is_seen_through_holds_the_rooms_of_its_caller():
    locks, entered = InMemoryLockManager(), []

    async def enter() -> None:
        async with locks.locked("room"):
            entered.append(True)

    async with locks.locked("room"), asyncio.timeout(1):
        await BackgroundTasks().see_through(enter(), name="enter")
    assert entered == [True]


@pytest.mark.parametrize("end", ["drain", "cancel_all"])
async def test_a_task_that_waits_for_whoever_ends_them_all_is_spared(end):
    tasks, ended = BackgroundTasks(), []

    async def hook() -> None:
        await getattr(tasks, end)()
        ended.append("hook")

    async def work() -> None:
        # As hooks are run: in tasks of their own.
        await asyncio.gather(hook())
        ended.append("work")

    async with asyncio.timeout(1):
        await asyncio.gather(tasks.spawn(work(), name="work"))
    assert ended == ["hook", "work"]
