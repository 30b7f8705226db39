"""A queue and the one task that empties it."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.channels.realtime.ordered_worker import OrderedWorker
from roomkit_sim.core.tasks import BackgroundTasks


@pytest.mark.parametrize("kind", [LookupError, asyncio.CancelledError])
@pytest.mark.parametrize("reporting", ["works", "fails"])
async def test_whatever_becomes_of_an_item_and_its_report_the_next_one_is_done(
    kind: type[BaseException], reporting: str, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []
    reported: list[str] = []

    async def handle(number: int) -> None:
        if number == 1:
            raise kind("broken")
        done.append(number)

    async def report(where: str, error: BaseException) -> None:
        reported.append(where)
        if reporting == "fails":
            raise kind("nobody to tell")

    worker = OrderedWorker(BackgroundTasks(), "work", handle, report)
    for number in range(3):
        worker.put(number)
    await worker.finish()
    assert (done, reported) == ([0, 2], ["work"])
    assert [record.levelname for record in caplog.records] == (["ERROR"] if reporting == "fails" else [])


async def test_a_worker_whose_task_is_cancelled_ends() -> None:
    tasks, begun = BackgroundTasks(), asyncio.Event()

    async def handle(number: int) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def report(where: str, error: BaseException) -> None:
        raise AssertionError(where)

    OrderedWorker(tasks, "work", handle, report).put(1)
    await begun.wait()
    await tasks.cancel_all()
    assert len(tasks) == 0
