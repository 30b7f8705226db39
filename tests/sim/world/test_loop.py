"""The loop: virtual time, the order of what happens at one instant, and what is run inline."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit_sim.errors import BudgetExceededError, DeadlockError
from roomkit_sim.sim.world.loop import VirtualTimeLoop
from roomkit_sim.sim.world.world import World

DAY_S = 86_400


def test_time_begins_at_zero_and_jumps_to_the_next_timer() -> None:
    world = World(seed=0, budget_ns=2 * DAY_S * 1_000_000_000)
    seen: list[int] = []

    async def main() -> None:
        seen.append(world.now_ns)
        await asyncio.sleep(DAY_S)
        seen.append(world.now_ns)
        await asyncio.sleep(0.000_000_001)
        seen.append(world.now_ns)

    world.run(main)
    assert seen == [0, DAY_S * 10**9, DAY_S * 10**9 + 1]


def test_time_stands_still_while_something_is_ready() -> None:
    world = World(seed=0)

    async def main() -> int:
        asyncio.get_running_loop().call_later(1, lambda: None)
        for _ in range(1000):
            await asyncio.sleep(0)
        return world.now_ns

    assert world.run(main) == 0


@pytest.mark.parametrize("count", [2, 3, 10, 500])
def test_timers_of_one_deadline_fire_in_the_order_in_which_they_were_set(count: int) -> None:
    world = World(seed=0)
    fired: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in range(count):
            loop.call_at(1.0, fired.append, number)
        await asyncio.sleep(2)

    world.run(main)
    assert fired == list(range(count))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=150))
def test_timers_fire_by_deadline_then_by_age_and_cancelled_ones_never(plan: list[tuple[int, bool]]) -> None:
    world = World(seed=0)
    fired: list[tuple[int, int]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(ms / 1000, fired.append, (ms, age)) for age, (ms, _) in enumerate(plan)]
        for timer, (_, cancelled) in zip(timers, plan, strict=True):
            if cancelled:
                timer.cancel()
        await asyncio.sleep(1)

    world.run(main)
    assert fired == sorted((ms, age) for age, (ms, cancelled) in enumerate(plan) if not cancelled)


def test_a_timer_in_nanoseconds_fires_at_that_nanosecond() -> None:
    world = World(seed=0)

    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        fired: asyncio.Future[int] = loop.create_future()
        loop.call_at_ns(123_456_789, lambda: fired.set_result(world.now_ns))
        return await fired

    assert world.run(main) == 123_456_789


def test_a_set_of_tasks_has_the_same_order_in_every_run() -> None:
    async def main() -> list[str]:
        tasks = [asyncio.create_task(asyncio.sleep(0), name=str(number)) for number in range(60)]
        done, _ = await asyncio.wait(tasks)
        return [task.get_name() for task in done]

    addresses = [bytearray(1000) for _ in range(1000)]
    orders = [World(seed=seed).run(main) for seed in range(3)]
    assert len(addresses) == 1000
    assert orders[0] == orders[1] == orders[2]
    assert len(orders[0]) == 60


def test_the_hash_of_a_task_is_its_number_and_not_its_address() -> None:
    async def main() -> list[int]:
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(3)]
        await asyncio.gather(*tasks)
        first, *_ = hashes = [hash(task) for task in tasks]
        assert hashes == sorted(hashes)
        return [number - first for number in hashes]

    assert World(seed=0).run(main) == World(seed=1).run(main)


def test_an_executor_runs_at_once_in_the_same_thread() -> None:
    world = World(seed=0)

    async def main() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, lambda: None)
        thread = await loop.run_in_executor(None, threading.get_ident)
        assert await asyncio.to_thread(threading.get_ident) == thread
        return thread, world.now_ns

    assert world.run(main) == (threading.get_ident(), 0)


def test_what_an_executor_raises_reaches_the_caller() -> None:
    async def main() -> None:
        await asyncio.to_thread(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        World(seed=0).run(main)


async def wait_for_the_bus() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_deadlock_is_found_at_once_and_names_the_tasks_and_where_they_wait() -> None:
    world = World(seed=0)

    async def main() -> None:
        waiting = asyncio.create_task(wait_for_the_bus(), name="passenger")
        await asyncio.sleep(1.5)
        await waiting

    with pytest.raises(DeadlockError) as caught:
        world.run(main)
    text = str(caught.value)
    assert "at 1.500 s" in text
    assert "passenger: test_loop.py:" in text
    assert "in wait_for_the_bus()" in text


def test_a_deadlock_names_the_waiting_tasks_in_the_order_of_their_making() -> None:
    async def main() -> None:
        tasks = [asyncio.create_task(wait_for_the_bus(), name=f"passenger {number}") for number in range(20)]
        await asyncio.gather(*tasks)

    with pytest.raises(DeadlockError) as caught:
        World(seed=0).run(main)
    named = [line.split(":")[0].strip() for line in str(caught.value).splitlines() if "passenger" in line]
    assert named == [f"passenger {number}" for number in range(20)]


def test_a_timer_beyond_the_budget_ends_the_run_and_names_the_tasks() -> None:
    world = World(seed=0, budget_ns=5_000_000_000)

    async def ping_for_ever() -> None:
        for _ in range(1_000_000):
            await asyncio.sleep(2)

    async def main() -> None:
        await asyncio.create_task(ping_for_ever(), name="keep-alive")

    with pytest.raises(BudgetExceededError, match=r"5 s of virtual time(.|\n)*keep-alive: .*in ping_for_ever\(\)"):
        world.run(main)
    assert world.now_ns == 4_000_000_000


def test_a_run_may_use_all_of_its_budget() -> None:
    world = World(seed=0, budget_ns=5_000_000_000)

    async def main() -> None:
        await asyncio.sleep(5)

    world.run(main)
    assert world.now_ns == 5_000_000_000


def test_tasks_are_cancelled_after_a_deadlock_and_may_clean_up_in_time() -> None:
    cleaned: list[bool] = []

    async def main() -> None:
        try:
            await wait_for_the_bus()
        finally:
            await asyncio.sleep(1)
            cleaned.append(True)

    with pytest.raises(DeadlockError):
        World(seed=0).run(main)
    assert cleaned == [True]


def test_a_task_that_refuses_to_end_after_a_deadlock_does_not_hang_the_run() -> None:
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(10_000)
            except asyncio.CancelledError:
                continue

    async def main() -> None:
        await asyncio.create_task(stubborn(), name="stubborn")

    with pytest.raises(BudgetExceededError, match="stubborn"):
        World(seed=0).run(main)
