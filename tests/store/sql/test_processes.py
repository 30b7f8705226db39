"""Several processes on one database, and processes that are killed while they write."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from roomkit_sim.models import Room
from roomkit_sim.store.sql import SQLStore
from tests.store.sql import burst
from tests.store.sql.conftest import Open


@contextmanager
def running(*writers: subprocess.Popen[str]) -> Iterator[None]:
    """Let the writers begin together; leave none behind."""
    try:
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        yield
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


def acknowledged(writer: subprocess.Popen[str], lines: int | None = None) -> dict[str, int]:
    """Event ids and their indices: of the next lines, or of all that come."""
    assert writer.stdout is not None
    taken = writer.stdout if lines is None else (next(writer.stdout) for _ in range(lines))
    return {event_id: int(index) for index, event_id in (line.split() for line in taken)}


async def timeline(store: SQLStore) -> dict[str, int]:
    return {event.id: event.index for event in await store.list_events("r", limit=100_000)}


async def test_processes_that_write_to_one_room_number_its_events_densely(url: str, new_store: Open) -> None:
    async with SQLStore(url) as store:
        await store.create_room(Room(id="r"))
    writers = [burst.start(url, "r", writers=4, events=20) for _ in range(2)]
    with running(*writers):
        told = [acknowledged(writer) for writer in writers]
        assert [writer.wait() for writer in writers] == [0, 0]
    kept = await timeline(new_store())
    assert kept == {**told[0], **told[1]}
    assert list(kept.values()) == list(range(160))


async def test_processes_that_make_the_schema_at_once_do_not_collide(url: str, new_store: Open) -> None:
    """They fail for the lack of the room, and for nothing else."""
    writers = [burst.start(url, "r", writers=1, events=0) for _ in range(4)]
    with running(*writers):
        assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    await new_store().create_room(Room(id="r"))


@pytest.mark.parametrize("lines", [1, 30])
async def test_a_killed_process_loses_no_acknowledged_event(url: str, lines: int, new_store: Open) -> None:
    async with SQLStore(url) as before:
        await before.create_room(Room(id="r"))
    writer = burst.start(url, "r", writers=8, events=100_000)
    with running(writer):
        told = acknowledged(writer, lines)
        writer.kill()
        told |= acknowledged(writer)  # what was acknowledged until the kill came through
    store = new_store()
    kept = await timeline(store)
    assert len(told) >= lines
    assert {event_id: kept.get(event_id) for event_id in told} == told
    assert list(kept.values()) == list(range(len(kept)))
    room = await store.get_room("r")
    assert room is not None
    assert room.event_count == len(kept)
    assert (await store.add_event_auto_index("r", burst.event())).index == len(kept)
