"""One lock a room: who waits, who enters again, who must not."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.core.locks import InMemoryLockManager, holding_no_locks


@pytest.fixture
def locks() -> InMemoryLockManager:
    return InMemoryLockManager()


async def settle() -> None:
    """Let every task that is ready run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_two_tasks_are_never_in_one_room_at_once(locks: InMemoryLockManager) -> None:
    inside = 0
    most = 0

    async def visit() -> None:
        nonlocal inside, most
        async with locks.locked("r"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(visit() for _ in range(10)))
    assert most == 1


async def test_rooms_do_not_wait_for_each_other(locks: InMemoryLockManager) -> None:
    async def visit_other() -> str:
        async with locks.locked("other"):
            return "in"

    async with locks.locked("r"):
        assert await asyncio.create_task(visit_other()) == "in"


async def test_waiting_tasks_enter_in_the_order_in_which_they_came(locks: InMemoryLockManager) -> None:
    order: list[int] = []

    async def visit(number: int) -> None:
        with holding_no_locks():
            async with locks.locked("r"):
                order.append(number)
                await asyncio.sleep(0)

    async with locks.locked("r"):
        tasks = [asyncio.create_task(visit(number)) for number in range(8)]
        await settle()
        assert order == []
    await asyncio.gather(*tasks)
    assert order == list(range(8))


async def test_the_holder_enters_its_room_again(locks: InMemoryLockManager) -> None:
    async with asyncio.timeout(5), locks.locked("r"), locks.locked("r"), locks.locked("other"), locks.locked("r"):
        inside = True
    assert inside


async def test_it_can_be_told_who_holds_a_room(locks: InMemoryLockManager) -> None:
    assert not locks.is_held("r")
    async with locks.locked("r"):
        assert locks.is_held("r")
        assert not locks.is_held("other")
        with holding_no_locks():
            assert not locks.is_held("r")
    assert not locks.is_held("r")


async def test_leaving_the_inner_block_keeps_the_room(locks: InMemoryLockManager) -> None:
    entered: list[str] = []

    async def visit() -> None:
        with holding_no_locks():
            async with locks.locked("r"):
                entered.append("visitor")

    async with locks.locked("r"):
        async with locks.locked("r"):
            pass
        task = asyncio.create_task(visit())
        await settle()
        assert entered == []
    await task
    assert entered == ["visitor"]


async def test_a_child_that_the_holder_awaits_enters_with_it(locks: InMemoryLockManager) -> None:
    async def child() -> str:
        async with locks.locked("r"):
            return "in"

    async with locks.locked("r"):
        assert list(await asyncio.gather(child(), child())) == ["in", "in"]


async def test_children_that_the_holder_awaits_enter_one_at_a_time(locks: InMemoryLockManager) -> None:
    inside: list[int] = []
    seen: list[list[int]] = []

    async def child(number: int) -> None:
        async with locks.locked("r"), locks.locked("r"):
            inside.append(number)
            seen.append(list(inside))
            await asyncio.sleep(0)
            inside.remove(number)

    async def parent(number: int) -> None:
        async with locks.locked("r"):
            await asyncio.gather(child(number), child(number + 1))

    async with asyncio.timeout(5), locks.locked("r"):
        await asyncio.gather(parent(0), parent(2))
    assert seen == [[0], [1], [2], [3]]


async def test_a_child_that_waits_for_its_sibling_when_the_holder_leaves_waits_like_anybody(
    locks: InMemoryLockManager,
) -> None:
    leave, order = asyncio.Event(), list[str]()

    async def child(name: str) -> None:
        async with locks.locked("r"):
            order.append(name)
            await leave.wait()
            await settle()

    async def visitor() -> None:
        with holding_no_locks():
            async with locks.locked("r"):
                order.append("visitor")
                leave.set()
                await settle()
                order.append("visitor leaves")

    async with locks.locked("r"):
        children = [asyncio.create_task(child(name)) for name in ("first", "second")]
        visit = asyncio.create_task(visitor())
        await settle()
    await asyncio.gather(visit, *children)
    assert order == ["first", "visitor", "visitor leaves", "second"]


async def test_a_task_that_outlives_the_holder_must_wait_like_anybody(locks: InMemoryLockManager) -> None:
    go = asyncio.Event()
    order: list[str] = []

    async def straggler() -> None:
        await go.wait()
        async with locks.locked("r"):
            order.append("straggler")

    async with locks.locked("r"):
        task = asyncio.create_task(straggler())
    with holding_no_locks():
        async with locks.locked("r"):
            go.set()
            await settle()
            order.append("holder")
    await task
    assert order == ["holder", "straggler"]


async def test_a_room_of_the_same_name_in_another_kit_is_another_room(locks: InMemoryLockManager) -> None:
    others = InMemoryLockManager()
    entered: list[str] = []

    async def cross_over() -> None:
        with holding_no_locks():
            async with locks.locked("r"), others.locked("r"):
                entered.append("visitor")

    async with others.locked("r"):
        task = asyncio.create_task(cross_over())
        await settle()
        assert entered == []
    await task
    assert entered == ["visitor"]


async def test_an_exception_inside_gives_the_room_up(locks: InMemoryLockManager) -> None:
    with pytest.raises(LookupError):
        async with locks.locked("r"):
            raise LookupError("inside")
    async with asyncio.timeout(1), locks.locked("r"):
        pass


async def test_a_cancelled_waiter_leaves_the_queue(locks: InMemoryLockManager) -> None:
    async def visit() -> str:
        with holding_no_locks():
            async with locks.locked("r"):
                return "in"

    async with locks.locked("r"):
        first, second = asyncio.create_task(visit()), asyncio.create_task(visit())
        await settle()
        first.cancel()
        await settle()
    assert await second == "in"
    assert first.cancelled()
    assert not locks._users


async def test_locks_in_use_are_kept_however_many_rooms_come() -> None:
    few = InMemoryLockManager(max_locks=2)
    entered: list[str] = []

    async def visit() -> None:
        with holding_no_locks():
            async with few.locked("busy"):
                entered.append("visitor")

    async with few.locked("busy"):
        for number in range(10):
            async with few.locked(f"r{number}"):
                pass
        task = asyncio.create_task(visit())
        await settle()
        assert entered == []
    await task
    assert entered == ["visitor"]


async def test_unused_locks_are_forgotten_beyond_the_limit() -> None:
    few = InMemoryLockManager(max_locks=2)
    for number in range(10):
        async with few.locked(f"r{number}"):
            pass
    assert list(few._locks) == ["r8", "r9"]


async def test_tasks_that_the_holder_starts_are_let_in_one_after_the_other(locks: InMemoryLockManager) -> None:
    steps: list[str] = []

    async def tool(name: str) -> None:
        async with locks.locked("r"):
            steps.append(f"{name} in")
            await settle()
            async with locks.locked("r"):
                steps.append(f"{name} again")
            await settle()
            steps.append(f"{name} out")

    async with locks.locked("r"), asyncio.timeout(1):
        await asyncio.gather(tool("a"), tool("b"))
    assert steps == ["a in", "a again", "a out", "b in", "b again", "b out"]


async def test_a_task_that_waits_for_its_turn_when_the_holder_leaves_waits_for_the_room_itself(
    locks: InMemoryLockManager,
) -> None:
    entered: list[str] = []
    first_may_leave = asyncio.Event()

    async def started_by_the_holder(name: str) -> None:
        async with locks.locked("r"):
            entered.append(name)
            await first_may_leave.wait()

    async with locks.locked("r"):
        tasks = [asyncio.create_task(started_by_the_holder(name)) for name in ("first", "second")]
        await settle()
    async with locks.locked("r"):
        first_may_leave.set()
        await settle()
        assert entered == ["first"]
    await asyncio.gather(*tasks)
    assert entered == ["first", "second"]
    assert not locks._users
