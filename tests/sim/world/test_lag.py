"""Beats that come late."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.sim.world.lag import LagMeter
from roomkit_sim.sim.world.world import World

pytestmark = pytest.mark.sim


async def test_a_beat_that_is_late_is_noted_with_when_it_was_due(world: World) -> None:
    behind_ns = 0
    meter = LagMeter(lambda: world.now_ns + behind_ns)
    beats = asyncio.create_task(meter.run())
    await asyncio.sleep(0.05)
    behind_ns = 200_000_000
    await asyncio.sleep(0.1)
    beats.cancel()
    assert meter.late == [(60_000_000, 200_000_000)]


async def test_a_machine_in_time_has_nothing_noted(world: World) -> None:
    meter = LagMeter(lambda: world.now_ns)
    beats = asyncio.create_task(meter.run())
    await asyncio.sleep(1)
    beats.cancel()
    assert meter.late == []
