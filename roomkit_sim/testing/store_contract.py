"""What every :class:`~roomkit_sim.store.base.ConversationStore` must do, as tests to run against your own.

Subclass the contract in a test module and say how to make an empty store; pytest collects the inherited tests::

    from roomkit_sim.testing.store_contract import StoreContract

    class TestMyStore(StoreContract):
        def make_store(self) -> ConversationStore:
            return MyStore(...)

The tests are coroutines: pytest-asyncio must run in auto mode, or the subclass be marked with ``pytest.mark.asyncio``.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable

import pytest

from roomkit_sim.errors import RoomError, RoomNotFoundError
from roomkit_sim.models import (
    ChannelBinding,
    ChannelType,
    EventSource,
    EventStatus,
    EventType,
    Identity,
    Observation,
    Participant,
    Room,
    RoomEvent,
    RoomStatus,
    Task,
    TextContent,
)
from roomkit_sim.store.base import ConversationStore

__all__ = ["StoreContract"]


class StoreContract(ABC):
    """The tests. Each gets a store of its own from :meth:`make_store`."""

    @abstractmethod
    def make_store(self) -> ConversationStore:
        """An empty store."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[ConversationStore]:
        """The store under test, closed afterwards."""
        store = self.make_store()
        yield store
        await store.close()

    # Rooms

    async def test_a_created_room_is_found_as_it_was(self, store: ConversationStore) -> None:
        """A room comes back with all its fields."""
        room = Room(id="r", organization_id="org", metadata={"state": {"phase": "intake"}})
        await store.create_room(room)
        assert await store.get_room("r") == room

    async def test_a_room_that_is_not_there_is_none(self, store: ConversationStore) -> None:
        """Reading finds nothing."""
        assert await store.get_room("nowhere") is None

    async def test_a_saved_room_is_found_changed(self, store: ConversationStore) -> None:
        """Saving replaces metadata and status."""
        await store.create_room(Room(id="r", metadata={"old": 1}))
        await store.update_room(Room(id="r", status=RoomStatus.PAUSED, metadata={"new": 2}))
        found = await store.get_room("r")
        assert found is not None
        assert (found.status, found.metadata) == (RoomStatus.PAUSED, {"new": 2})

    async def test_a_stale_copy_of_a_room_does_not_set_its_counters_back(self, store: ConversationStore) -> None:
        """The counters are those of the events, whatever the saved copy says."""
        stale = await store.create_room(Room(id="r"))
        await store.add_event_auto_index("r", _event())
        await store.update_room(stale.model_copy(update={"metadata": {"saved": True}}))
        found = await store.get_room("r")
        assert found is not None
        assert (found.event_count, found.latest_index, found.metadata) == (1, 0, {"saved": True})

    async def test_changing_what_was_given_or_returned_changes_nothing(self, store: ConversationStore) -> None:
        """What goes in and what comes out are deep copies."""
        given = Room(id="r", metadata={"nested": {"n": 1}})
        await store.create_room(given)
        given.metadata["nested"]["n"] = 2
        first = await store.get_room("r")
        assert first is not None
        assert first.metadata == {"nested": {"n": 1}}
        first.metadata["nested"]["n"] = 3
        second = await store.get_room("r")
        assert second is not None
        assert second.metadata == {"nested": {"n": 1}}

    async def test_rooms_are_listed_in_the_order_of_their_creation(self, store: ConversationStore) -> None:
        """Offset, limit and status choose among them."""
        for number in range(5):
            status = RoomStatus.CLOSED if number == 2 else RoomStatus.ACTIVE
            await store.create_room(Room(id=f"r{number}", status=status))
        assert [room.id for room in await store.list_rooms()] == ["r0", "r1", "r2", "r3", "r4"]
        assert [room.id for room in await store.list_rooms(offset=1, limit=2)] == ["r1", "r2"]
        assert [room.id for room in await store.list_rooms(status=RoomStatus.CLOSED)] == ["r2"]
        active = await store.list_rooms(offset=1, limit=2, status=RoomStatus.ACTIVE)
        assert [room.id for room in active] == ["r1", "r3"]

    async def test_rooms_are_found_by_an_attached_channel(self, store: ConversationStore) -> None:
        """Only where the channel is attached now, and in the wanted status."""
        for room_id in ("a", "b", "c", "d"):
            await store.create_room(Room(id=room_id))
        for room_id in ("a", "b", "c"):
            await store.add_binding(_binding(room_id, "chat"))
        await store.remove_binding("b", "chat")
        await store.update_room(Room(id="c", status=RoomStatus.CLOSED))
        assert [room.id for room in await store.find_rooms_by_channel("chat")] == ["a", "c"]
        assert [room.id for room in await store.find_rooms_by_channel("chat", RoomStatus.ACTIVE)] == ["a"]
        assert await store.find_rooms_by_channel("other") == []

    async def test_a_deleted_room_is_gone_with_all_that_belonged_to_it(self, store: ConversationStore) -> None:
        """A new room of the same id begins empty."""
        await store.create_room(Room(id="r"))
        event = await store.add_event_auto_index("r", _event(idempotency_key="k"))
        await store.add_binding(_binding("r", "chat"))
        await store.add_task(Task(room_id="r", title="call back"))
        await store.mark_read("r", "chat", 0)
        assert await store.delete_room("r") is True
        assert await store.delete_room("r") is False
        assert await store.get_event(event.id) is None
        assert await store.find_rooms_by_channel("chat") == []
        await store.create_room(Room(id="r"))
        assert await store.count_events("r") == 0
        assert await store.check_idempotency("r", "k") is False
        assert (await store.list_bindings("r"), await store.list_tasks("r")) == ([], [])
        assert await store.read_marker("r", "chat") is None

    # Events

    async def test_events_are_numbered_densely_from_0_in_each_room(self, store: ConversationStore) -> None:
        """Whatever index an event brings, it gets the next one of its room."""
        for room_id in ("a", "b"):
            await store.create_room(Room(id=room_id))
        stored = [await store.add_event_auto_index(room_id, _event(index=77)) for room_id in ("a", "b", "a", "a")]
        assert [(event.room_id, event.index) for event in stored] == [("a", 0), ("b", 0), ("a", 1), ("a", 2)]
        room = await store.get_room("a")
        assert room is not None
        assert (room.event_count, room.latest_index) == (3, 2)

    async def test_events_added_at_once_get_different_indices(self, store: ConversationStore) -> None:
        """No index is given twice, none is left out."""
        await store.create_room(Room(id="r"))
        stored = await asyncio.gather(*(store.add_event_auto_index("r", _event(str(n))) for n in range(20)))
        assert sorted(event.index for event in stored) == list(range(20))
        listed = await store.list_events("r")
        assert [event.index for event in listed] == list(range(20))
        assert {event.id for event in listed} == {event.id for event in stored}

    async def test_an_event_comes_back_as_it_was_stored(self, store: ConversationStore) -> None:
        """Content, source, marks and time survive."""
        await store.create_room(Room(id="r"))
        stored = await store.add_event_auto_index("r", _event("hi", metadata={"n": [1, {"m": 2}]}, chain_depth=3))
        assert await store.get_event(stored.id) == stored
        assert stored.metadata == {"n": [1, {"m": 2}]}

    async def test_a_returned_event_is_a_copy(self, store: ConversationStore) -> None:
        """Changing it changes nothing until it is saved."""
        await store.create_room(Room(id="r"))
        given = _event(metadata={"n": [1]})
        stored = await store.add_event_auto_index("r", given)
        given.metadata["n"].append(2)
        stored.metadata["n"].append(3)
        (await store.list_events("r"))[0].metadata["n"].append(4)
        (await store.recent_events("r"))[0].metadata["n"].append(5)
        found = await store.get_event(stored.id)
        assert found is not None
        assert found.metadata == {"n": [1]}
        found.metadata["n"].append(6)
        assert [event.metadata for event in await store.list_events("r")] == [{"n": [1]}]

    async def test_events_are_listed_oldest_first(self, store: ConversationStore) -> None:
        """Offset and limit count from the oldest; ``recent_events`` gives the newest."""
        await store.create_room(Room(id="r"))
        for number in range(5):
            await store.add_event_auto_index("r", _event(str(number)))
        assert await _bodies(store.list_events("r")) == ["0", "1", "2", "3", "4"]
        assert await _bodies(store.list_events("r", offset=1, limit=2)) == ["1", "2"]
        assert await _bodies(store.list_events("r", offset=5)) == []
        assert await _bodies(store.recent_events("r", limit=2)) == ["3", "4"]
        assert await _bodies(store.recent_events("r", limit=50)) == ["0", "1", "2", "3", "4"]
        assert await _bodies(store.recent_events("r", limit=0)) == []
        await store.add_event_auto_index("r", _event("typing", type=EventType.TYPING))
        assert await _bodies(store.recent_events("r", limit=2)) == ["4", "typing"]
        assert await _bodies(store.recent_events("r", limit=2, event_type=EventType.MESSAGE)) == ["3", "4"]
        assert await store.count_events("r") == 6

    async def test_a_saved_event_keeps_its_place(self, store: ConversationStore) -> None:
        """Its room and index stay what they are, whatever the changed copy says."""
        await store.create_room(Room(id="r"))
        await store.add_event_auto_index("r", _event("zero"))
        event = await store.add_event_auto_index("r", _event("one"))
        changes = {"status": EventStatus.READ, "index": 9, "room_id": "elsewhere"}
        await store.update_event(event.model_copy(update=changes))
        found = await store.get_event(event.id)
        assert found is not None
        assert (found.status, found.index, found.room_id) == (EventStatus.READ, 1, "r")
        assert await _bodies(store.list_events("r")) == ["zero", "one"]

    async def test_an_event_is_added_once(self, store: ConversationStore) -> None:
        """A second event of the same id is refused and changes nothing."""
        for room_id in ("a", "b"):
            await store.create_room(Room(id=room_id))
        event = _event()
        await store.add_event_auto_index("a", event)
        for room_id in ("a", "b"):
            with pytest.raises(RoomError):
                await store.add_event_auto_index(room_id, event)
        assert (await store.count_events("a"), await store.count_events("b")) == (1, 0)

    async def test_an_event_that_was_never_added_cannot_be_saved(self, store: ConversationStore) -> None:
        """Saving is not adding."""
        await store.create_room(Room(id="r"))
        with pytest.raises(RoomError):
            await store.update_event(_event())

    async def test_an_idempotency_key_is_known_in_its_room_only(self, store: ConversationStore) -> None:
        """Events without a key are equal to nothing."""
        for room_id in ("a", "b"):
            await store.create_room(Room(id=room_id))
        await store.add_event_auto_index("a", _event(idempotency_key="k"))
        await store.add_event_auto_index("a", _event())
        assert await store.check_idempotency("a", "k") is True
        assert await store.check_idempotency("a", "other") is False
        assert await store.check_idempotency("b", "k") is False

    # What belongs to rooms

    async def test_bindings_are_kept_in_the_order_of_attachment(self, store: ConversationStore) -> None:
        """Adding one again replaces it in its place."""
        await store.create_room(Room(id="r"))
        for channel_id in ("chat", "sms"):
            await store.add_binding(_binding("r", channel_id))
        await store.add_binding(_binding("r", "chat", muted=True))
        assert [(b.channel_id, b.muted) for b in await store.list_bindings("r")] == [("chat", True), ("sms", False)]
        binding = await store.get_binding("r", "sms")
        assert binding is not None
        await store.update_binding(binding.model_copy(update={"metadata": {"address": "+1"}}))
        changed = await store.get_binding("r", "sms")
        assert changed is not None
        assert changed.metadata == {"address": "+1"}
        assert await store.remove_binding("r", "chat") is True
        assert await store.remove_binding("r", "chat") is False
        assert await store.get_binding("r", "chat") is None

    async def test_participants_are_kept_in_the_order_of_joining(self, store: ConversationStore) -> None:
        """Adding one again replaces it."""
        await store.create_room(Room(id="r"))
        for name in ("ann", "bob"):
            await store.add_participant(Participant(id=name, room_id="r", channel_id="chat"))
        await store.add_participant(Participant(id="ann", room_id="r", channel_id="chat", display_name="Ann"))
        assert [(p.id, p.display_name) for p in await store.list_participants("r")] == [("ann", "Ann"), ("bob", None)]
        found = await store.get_participant("r", "ann")
        assert found is not None
        assert found.display_name == "Ann"
        assert await store.get_participant("r", "eve") is None

    async def test_identities_are_kept_across_rooms(self, store: ConversationStore) -> None:
        """Saving one again replaces it."""
        await store.save_identity(Identity(id="person", display_name="Ann"))
        await store.save_identity(Identity(id="person", display_name="Anne"))
        found = await store.get_identity("person")
        assert found is not None
        assert found.display_name == "Anne"
        assert await store.get_identity("nobody") is None

    async def test_tasks_and_observations_are_listed_oldest_first(self, store: ConversationStore) -> None:
        """Each in its room."""
        for room_id in ("a", "b"):
            await store.create_room(Room(id=room_id))
        for title in ("one", "two"):
            await store.add_task(Task(room_id="a", title=title))
            await store.add_observation(Observation(room_id="a", channel_id="bot", content=title))
        assert [task.title for task in await store.list_tasks("a")] == ["one", "two"]
        assert [seen.content for seen in await store.list_observations("a")] == ["one", "two"]
        assert (await store.list_tasks("b"), await store.list_observations("b")) == ([], [])

    async def test_a_read_marker_is_kept_for_each_channel(self, store: ConversationStore) -> None:
        """A later mark replaces an earlier one."""
        await store.create_room(Room(id="r"))
        for index in (3, 5):
            await store.mark_read("r", "chat", index)
        assert await store.read_marker("r", "chat") == 5
        assert await store.read_marker("r", "sms") is None

    # Rooms that are not there

    async def test_reading_from_a_room_that_is_not_there_finds_nothing(self, store: ConversationStore) -> None:
        """No reader raises."""
        assert await store.list_events("nowhere") == []
        assert await store.recent_events("nowhere") == []
        assert await store.count_events("nowhere") == 0
        assert await store.check_idempotency("nowhere", "k") is False
        assert await store.get_event("nothing") is None
        assert await store.get_binding("nowhere", "chat") is None
        assert await store.list_bindings("nowhere") == []
        assert await store.get_participant("nowhere", "ann") is None
        assert await store.list_participants("nowhere") == []
        assert await store.list_tasks("nowhere") == []
        assert await store.list_observations("nowhere") == []
        assert await store.read_marker("nowhere", "chat") is None
        assert await store.remove_binding("nowhere", "chat") is False

    async def test_writing_to_a_room_that_is_not_there_is_refused(self, store: ConversationStore) -> None:
        """And makes no room."""
        participant = Participant(id="ann", room_id="nowhere", channel_id="chat")
        observation = Observation(room_id="nowhere", channel_id="bot", content="angry")
        for write in (
            store.update_room(Room(id="nowhere")),
            store.add_event_auto_index("nowhere", _event()),
            store.add_binding(_binding("nowhere", "chat")),
            store.add_participant(participant),
            store.add_task(Task(room_id="nowhere", title="call back")),
            store.add_observation(observation),
            store.mark_read("nowhere", "chat", 1),
        ):
            with pytest.raises(RoomNotFoundError):
                await write
        assert await store.get_room("nowhere") is None


def _event(body: str = "hello", **fields: object) -> RoomEvent:
    source = EventSource(channel_id="chat", channel_type=ChannelType.WEBSOCKET, participant_id="ann")
    return RoomEvent.model_validate({"room_id": "r", "source": source, "content": TextContent(body=body), **fields})


def _binding(room_id: str, channel_id: str, *, muted: bool = False) -> ChannelBinding:
    return ChannelBinding(room_id=room_id, channel_id=channel_id, channel_type=ChannelType.WEBSOCKET, muted=muted)


async def _bodies(listing: Awaitable[list[RoomEvent]]) -> list[str]:
    events = await listing
    return [event.content.body for event in events if isinstance(event.content, TextContent)]
