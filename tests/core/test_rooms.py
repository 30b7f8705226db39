"""The life of rooms and of the kit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.core.framework import RoomKit, RoomNotFoundError
from roomkit_sim.errors import ConfigurationError, RoomError
from roomkit_sim.models import FrameworkEvent, HookTrigger, RoomContext, RoomEvent, RoomStatus
from roomkit_sim.store.memory import InMemoryStore


async def test_a_room_is_made_with_its_metadata_and_told_of(make_probe: Any) -> None:
    kit = RoomKit()
    hooked: list[str] = []
    told: list[FrameworkEvent] = []
    kit.on("room_created")(told.append)

    @kit.hook(HookTrigger.ON_ROOM_CREATED)
    async def note(event: RoomEvent, context: RoomContext) -> None:
        hooked.append(context.room.id)

    room = await kit.create_room("call-1", {"lang": "en"})
    assert (room.id, room.metadata, room.status) == ("call-1", {"lang": "en"}, RoomStatus.ACTIVE)
    assert await kit.get_room("call-1") == room
    assert hooked == ["call-1"]
    assert [event.room_id for event in told] == ["call-1"]


async def test_a_room_without_a_name_gets_one_of_its_own() -> None:
    kit = RoomKit()
    first, second = await kit.create_room(), await kit.create_room()
    assert first.id != second.id
    assert await kit.get_room(first.id) == first


async def test_a_room_that_is_there_is_not_made_anew(kit: RoomKit, say: Any, said: Any) -> None:
    await say("hello")
    with pytest.raises(RoomError, match="exists already"):
        await kit.create_room("r")
    assert await said() == ["hello"]


async def test_a_room_made_twice_at_once_is_made_once() -> None:
    class SlowStore(InMemoryStore):
        async def get_room(self, room_id: str) -> Any:
            found = await super().get_room(room_id)
            await asyncio.sleep(0)
            return found

    kit = RoomKit(store=SlowStore())
    results = await asyncio.gather(*(kit.create_room("r") for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(result, RoomError) for result in results) == 2


async def test_a_room_that_is_not_there_is_named_in_the_error(kit: RoomKit) -> None:
    with pytest.raises(RoomNotFoundError, match="'nowhere'"):
        await kit.get_room("nowhere")
    with pytest.raises(RoomNotFoundError):
        await kit.close_room("nowhere")


async def test_a_closed_room_keeps_its_conversation_and_is_told_of(kit: RoomKit, say: Any, said: Any) -> None:
    hooked: list[RoomContext] = []
    told: list[FrameworkEvent] = []
    kit.on("room_closed")(told.append)

    @kit.hook(HookTrigger.ON_ROOM_CLOSED)
    async def note(event: RoomEvent, context: RoomContext) -> None:
        hooked.append(context)

    await say("hello")
    room = await kit.close_room("r")
    assert room.status is RoomStatus.CLOSED
    assert room.closed_at is not None
    assert await said() == ["hello"]
    [context] = hooked
    assert context.room.status is RoomStatus.CLOSED
    assert context.get_binding("people") is not None
    assert [event.room_id for event in told] == ["r"]


async def test_closing_a_room_again_changes_and_tells_nothing(kit: RoomKit) -> None:
    first = await kit.close_room("r")
    told: list[FrameworkEvent] = []
    kit.on("*")(told.append)
    assert await kit.close_room("r") == first
    assert told == []


async def test_a_room_that_was_closed_while_hooks_change_it_keeps_its_counters(kit: RoomKit, say: Any) -> None:
    await say("one")
    await kit.close_room("r")
    room = await kit.get_room("r")
    assert room.event_count == await kit.store.count_events("r") == 2


# The kit


async def test_the_kit_closes_its_channels_and_its_store_once(make_probe: Any) -> None:
    class Store(InMemoryStore):
        closed = 0

        async def close(self) -> None:
            self.closed += 1

    store = Store()
    channel = make_probe("people")
    async with RoomKit(store=store) as kit:
        kit.register_channel(channel)
    await kit.close()
    await kit.close()
    assert (channel.closed, store.closed) == (1, 1)


async def test_a_channel_that_fails_to_close_keeps_no_other_open(make_probe: Any) -> None:
    kit = RoomKit()
    errors: list[FrameworkEvent] = []
    kit.on("error")(errors.append)
    bad, good = make_probe("bad"), make_probe("good")
    bad.close_error = LookupError("stuck")
    for channel in (bad, good):
        kit.register_channel(channel)
    await kit.close()
    assert good.closed == 1
    assert [(error.channel_id, error.data["message"]) for error in errors] == [("bad", "stuck")]


async def test_closing_the_kit_ends_its_background_work() -> None:
    kit = RoomKit()
    ended: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    kit.background.spawn(wait_for_ever(), name="work")
    await asyncio.sleep(0)
    await kit.close()
    assert ended == ["work"]
    assert len(kit.background) == 0


async def test_the_kit_can_be_closed_from_its_own_background_work() -> None:
    kit = RoomKit()
    done: list[str] = []

    async def shut_down() -> None:
        await kit.close()
        done.append("closed")

    await kit.background.spawn(shut_down(), name="shut down")
    assert done == ["closed"]


# Channels


async def test_a_registered_channel_knows_its_kit(kit: RoomKit, make_probe: Any) -> None:
    channel = make_probe("people")
    kit.register_channel(channel)
    assert channel.kit is kit
    assert kit.channels == {"people": channel}


async def test_a_second_channel_of_the_same_id_is_refused_and_the_first_stays(kit: RoomKit, make_probe: Any) -> None:
    channel = make_probe("people")
    kit.register_channel(channel)
    with pytest.raises(ConfigurationError, match="registered already"):
        kit.register_channel(make_probe("people"))
    assert kit.channels["people"] is channel
    kit.register_channel(channel)


async def test_an_unregistered_channel_gets_nothing_and_its_id_is_free(
    kit: RoomKit, say: Any, join: Any, make_probe: Any
) -> None:
    old = await join(make_probe("desk"))
    kit.unregister_channel("desk")
    kit.unregister_channel("desk")
    await say("one")
    new = make_probe("desk")
    kit.register_channel(new)
    await say("two")
    assert (old.heard, new.heard) == ([], ["two"])
