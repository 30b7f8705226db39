"""The SQL store where the contract ends: exactness, strange values, several stores, cancellation, closing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from roomkit_sim.errors import RoomError, RoomNotFoundError, StoreError
from roomkit_sim.models import ChannelBinding, ChannelType, EventStatus, Identity, Participant, Room
from roomkit_sim.store.sql import SQLStore, rooms
from tests.store.sql.burst import event
from tests.store.sql.conftest import Open

STRANGE = {
    "nul": "a\x00b",
    "lone surrogate": "\ud83d",
    "pair": "😀",
    "combining": "e\u0301 é",
    "right to left": "\u202eשלום",
    "quotes": "'; DROP TABLE roomkit_rooms; --\"\\u0000\\",
    "long": "x" * 100_000,
    "empty": "",
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE.keys())
async def test_strange_text_comes_back_from_everywhere(store: SQLStore, text: str) -> None:
    await store.create_room(Room(id=text, organization_id=text, metadata={text: [text]}))
    added = await store.add_event_auto_index(text, event(text, id=text, idempotency_key=text, metadata={text: text}))
    binding = ChannelBinding(room_id=text, channel_id=text, channel_type=ChannelType.SMS, metadata={text: text})
    await store.add_binding(binding)
    await store.add_participant(Participant(id=text, room_id=text, channel_id=text, display_name=text))
    await store.save_identity(Identity(id=text, display_name=text))
    await store.mark_read(text, text, 0)

    room = await store.get_room(text)
    assert room is not None
    assert (room.id, room.organization_id, room.metadata) == (text, text, {text: [text]})
    assert added == event(text, id=text, room_id=text, idempotency_key=text, metadata={text: text}).model_copy(
        update={"created_at": added.created_at}
    )
    assert await store.get_event(text) == added
    assert await store.list_events(text) == [added]
    assert await store.check_idempotency(text, text)
    assert await store.list_bindings(text) == [binding] == [await store.get_binding(text, text)]
    assert [found.id for found in await store.find_rooms_by_channel(text)] == [text]
    participant, identity = await store.get_participant(text, text), await store.get_identity(text)
    assert participant is not None
    assert identity is not None
    assert participant.display_name == identity.display_name == text
    assert await store.read_marker(text, text) == 0
    assert await store.delete_room(text)


async def test_times_come_back_to_the_microsecond_with_their_offset(store: SQLStore) -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    times = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 2, 3, 1, tzinfo=nepal),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    for number, at in enumerate(times):
        await store.create_room(Room(id=f"r{number}", created_at=at, updated_at=at, closed_at=at))
        added = await store.add_event_auto_index(f"r{number}", event(created_at=at))
        await store.update_room(Room(id=f"r{number}", created_at=at, updated_at=at, closed_at=at))
        room, found = await store.get_room(f"r{number}"), await store.get_event(added.id)
        assert room is not None
        assert found is not None
        for one in (room.created_at, room.updated_at, room.closed_at, found.created_at, added.created_at):
            assert one is not None
            assert (one, one.utcoffset()) == (at, at.utcoffset())


async def test_an_event_makes_its_room_younger(store: SQLStore) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    await store.create_room(Room(id="r", updated_at=long_ago))
    added = await store.add_event_auto_index("r", event())
    room = await store.get_room("r")
    assert room is not None
    assert room.updated_at >= added.created_at > long_ago


async def test_megabytes_come_back(store: SQLStore) -> None:
    body = "Grüezi 😀 " * 300_000
    await store.create_room(Room(id="r"))
    added = await store.add_event_auto_index("r", event(body))
    assert await store.get_event(added.id) == added
    assert added.content == event(body).content


async def test_a_refused_event_leaves_no_gap(store: SQLStore) -> None:
    await store.create_room(Room(id="r"))
    first = await store.add_event_auto_index("r", event())
    with pytest.raises(RoomError, match="in the store already"):
        await store.add_event_auto_index("r", first)
    with pytest.raises(StoreError, match="cannot be kept"):
        await store.add_event_auto_index("r", event(metadata={"x": object()}))
    assert (await store.add_event_auto_index("r", event())).index == 1
    assert await store.count_events("r") == 2


async def test_two_stores_number_the_events_of_one_room_together(new_store: Open) -> None:
    stores = [new_store(), new_store()]
    await stores[0].create_room(Room(id="r"))
    added = await asyncio.gather(*(stores[n % 2].add_event_auto_index("r", event(str(n))) for n in range(40)))
    assert sorted(one.index for one in added) == list(range(40))
    listed = await stores[1].list_events("r")
    assert listed == sorted(added, key=lambda one: one.index)


async def test_two_stores_that_make_one_room_at_once_leave_one(new_store: Open) -> None:
    stores = [new_store(), new_store()]
    await asyncio.gather(*(stores[n % 2].create_room(Room(id="r", metadata={"n": n})) for n in range(12)))
    assert len(await stores[0].list_rooms()) == 1


async def test_a_room_that_is_removed_while_others_write_takes_everything_along(new_store: Open) -> None:
    """Whoever came before is gone with it, whoever comes after is told so; nothing is left over."""
    stores = [new_store(), new_store()]
    await stores[0].create_room(Room(id="r"))
    writes = [stores[1].add_event_auto_index("r", event(id=f"e{n}")) for n in range(10)]
    binding = ChannelBinding(room_id="r", channel_id="chat", channel_type=ChannelType.SMS)
    outcomes = await asyncio.gather(
        *writes, stores[1].add_binding(binding), stores[0].delete_room("r"), return_exceptions=True
    )
    assert outcomes[-1] is True
    assert all(not isinstance(one, BaseException) or isinstance(one, RoomNotFoundError) for one in outcomes)
    assert [await stores[0].get_event(f"e{n}") for n in range(10)] == [None] * 10
    assert await stores[0].list_bindings("r") == []


async def test_a_room_cannot_be_removed_between_the_look_at_it_and_the_write(postgres_url: str) -> None:
    """Else the write would meet a missing row; and events of the room may go on being added."""
    async with SQLStore(postgres_url) as one, SQLStore(postgres_url) as other:
        await one.create_room(Room(id="r"))
        async with one._database.writing("looking") as looking:
            await rooms.require(looking, "r")
            with pytest.raises(StoreError, match="could not obtain lock"):
                async with other._database.writing("removing") as removing:
                    await removing.exec_driver_sql("SELECT 1 FROM roomkit_rooms FOR UPDATE NOWAIT")
            async with other._database.writing("adding") as adding:
                await adding.exec_driver_sql("SELECT 1 FROM roomkit_rooms FOR NO KEY UPDATE NOWAIT")


async def test_a_change_of_an_event_meets_no_other_of_the_same_room(new_store: Open) -> None:
    stores = [new_store(), new_store()]
    await stores[0].create_room(Room(id="r"))
    first = await stores[0].add_event_auto_index("r", event("first"))
    changed = first.model_copy(update={"status": EventStatus.READ})
    await asyncio.gather(
        *(stores[1].add_event_auto_index("r", event(str(n))) for n in range(5)), stores[0].update_event(changed)
    )
    listed = await stores[0].list_events("r")
    assert [one.index for one in listed] == [0, 1, 2, 3, 4, 5]
    assert listed[0] == changed


@pytest.mark.parametrize("steps", [1, 3, 10, 40])
async def test_cancelled_writers_leave_no_gap_and_no_broken_connection(store: SQLStore, steps: int) -> None:
    await store.create_room(Room(id="r"))
    writers = [asyncio.create_task(store.add_event_auto_index("r", event())) for _ in range(12)]
    for _ in range(steps):
        await asyncio.sleep(0)
    await store.count_events("r")
    for writer in writers[::2]:
        writer.cancel()
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    kept = [one.index for one in outcomes if not isinstance(one, BaseException)]
    assert len(kept) >= 6, outcomes
    last = await store.add_event_auto_index("r", event())
    listed = await store.list_events("r")
    assert [one.index for one in listed] == list(range(last.index + 1))
    assert set(kept) <= set(range(last.index))


async def test_more_readers_and_writers_than_connections(url: str) -> None:
    async with SQLStore(url, pool_size=1) as store:
        await store.create_room(Room(id="r"))
        await asyncio.gather(
            *(store.add_event_auto_index("r", event()) for _ in range(30)),
            *(store.recent_events("r") for _ in range(30)),
        )
        assert await store.count_events("r") == 30


async def test_a_closed_store_says_so(store: SQLStore) -> None:
    await store.create_room(Room(id="r"))
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="is closed: make a new SQLStore"):
        await store.get_room("r")


async def test_a_store_that_was_never_used_can_be_closed(store: SQLStore) -> None:
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.open()


def test_a_store_belongs_to_the_event_loop_that_opened_it(sqlite_url: str) -> None:
    store = SQLStore(sqlite_url)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(store.open())
        with pytest.raises(StoreError, match="another event loop: make one SQLStore for each"):
            second.run(store.get_room("r"))
        first.run(store.close())


@pytest.mark.parametrize("limit", [0, -1])
async def test_no_limit_is_below_nothing(store: SQLStore, limit: int) -> None:
    await store.create_room(Room(id="r"))
    await store.add_event_auto_index("r", event())
    assert await store.list_events("r", limit=limit) == []
    assert await store.recent_events("r", limit=limit) == []
    assert await store.list_rooms(limit=limit) == []
    assert len(await store.list_events("r", offset=-1)) == 1
