"""Time comes from the clock of the context."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from roomkit_sim.core import clock
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.models import FrameworkEvent, Room, Task

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class StoppedClock:
    def __init__(self, at: datetime = NOON, ns: int = 7) -> None:
        self.at = at
        self.ns = ns

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        return self.ns


def test_the_machines_clock_is_aware_of_utc_and_never_goes_back() -> None:
    assert clock.now().utcoffset() == timedelta(0)
    readings = [clock.monotonic_ns() for _ in range(100)]
    assert readings == sorted(readings)


def test_a_chosen_clock_tells_the_time_until_the_block_ends() -> None:
    with clock.use_clock(StoppedClock()):
        assert clock.now() == NOON
        assert clock.monotonic_ns() == 7
    assert clock.now() != NOON


def test_the_inner_clock_wins_and_the_outer_returns() -> None:
    later = NOON + timedelta(days=1)
    with clock.use_clock(StoppedClock()):
        with clock.use_clock(StoppedClock(later)):
            assert clock.now() == later
        assert clock.now() == NOON


async def test_tasks_inherit_the_clock_and_neighbours_do_not() -> None:
    async def tell() -> datetime:
        await asyncio.sleep(0)
        return clock.now()

    neighbour = asyncio.create_task(tell())
    with clock.use_clock(StoppedClock()):
        child = asyncio.create_task(tell())
    assert await child == NOON
    assert await neighbour != NOON


def test_timestamps_of_models_follow_the_clock() -> None:
    with clock.use_clock(StoppedClock()):
        assert Room().created_at == NOON
        assert FrameworkEvent(type="x").timestamp == NOON
        assert Task(room_id="r", title="t").created_at == NOON


async def test_a_room_is_closed_at_the_time_of_the_clock() -> None:
    with clock.use_clock(StoppedClock()):
        kit = RoomKit()
        await kit.create_room("r")
        room = await kit.close_room("r")
    assert room.closed_at == NOON
    assert (await kit.get_room("r")).closed_at == NOON
