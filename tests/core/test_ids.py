"""Identifiers come from the source of the context."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable

from roomkit_sim.core.framework import RoomKit
from roomkit_sim.core.ids import new_id, use_ids


def counting() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"{next(numbers):032x}"


def test_ids_are_32_hexadecimal_digits_and_differ() -> None:
    ids = [new_id() for _ in range(1000)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)
    assert len(set(ids)) == 1000


def test_a_chosen_source_gives_the_ids_until_the_block_ends() -> None:
    with use_ids(lambda: "same"):
        assert new_id() == "same"
    assert new_id() != "same"


async def test_tasks_inherit_the_source() -> None:
    async def make() -> str:
        return new_id()

    with use_ids(lambda: "same"):
        assert await asyncio.create_task(make()) == "same"


async def test_the_same_source_gives_the_same_rooms_and_events() -> None:
    async def play() -> list[str]:
        with use_ids(counting()):
            kit = RoomKit()
            rooms = [await kit.create_room() for _ in range(3)]
            return [room.id for room in rooms]

    first = await play()
    assert first == await play()
    assert len(set(first)) == 3
    assert all(int(each, 16) < 100 for each in first)
