"""The store in memory against a model of it: whatever is done in whatever order, the timelines stay dense."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from roomkit_sim.models import ChannelType, EventSource, EventStatus, Room, RoomEvent, TextContent
from roomkit_sim.store.memory import InMemoryStore

T = TypeVar("T")
ROOMS = ("a", "b", "c")


def run(work: Coroutine[Any, Any, T]) -> T:
    """The store never waits, so its coroutines need no loop."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the store in memory must not wait")


def event(body: str, key: str | None) -> RoomEvent:
    source = EventSource(channel_id="chat", channel_type=ChannelType.WEBSOCKET)
    return RoomEvent(
        room_id="given", source=source, content=TextContent(body=body), idempotency_key=key, metadata={"tags": []}
    )


class Timelines(RuleBasedStateMachine):
    """Rooms with events; the model is a list of words for each room."""

    events: Bundle[str] = Bundle("events")

    @initialize()
    def begin(self) -> None:
        self.store = InMemoryStore()
        self.words: dict[str, list[str]] = {}
        self.keys: dict[str, set[str]] = {}
        self.homes: dict[str, tuple[str, int]] = {}
        self.stale: dict[str, Room] = {}

    @rule(room=st.sampled_from(ROOMS))
    def create_room(self, room: str) -> None:
        self.stale[room] = run(self.store.create_room(Room(id=room)))
        self.forget(room)
        self.words[room], self.keys[room] = [], set()

    @rule(room=st.sampled_from(ROOMS))
    def delete_room(self, room: str) -> None:
        assert run(self.store.delete_room(room)) is (room in self.words)
        self.forget(room)

    @precondition(lambda self: self.words)
    @rule(target=events, data=st.data(), body=st.text(max_size=5), key=st.none() | st.sampled_from("xyz"))
    def add(self, data: st.DataObject, body: str, key: str | None) -> str:
        room = data.draw(st.sampled_from(sorted(self.words)))
        given = event(body, key)
        stored = run(self.store.add_event_auto_index(room, given))
        assert (stored.room_id, stored.index) == (room, len(self.words[room]))
        given.metadata["tags"].append("changed by the giver")
        stored.metadata["tags"].append("changed by the taker")
        self.words[room].append(body)
        self.keys[room] |= {key} if key is not None else set()
        self.homes[stored.id] = (room, stored.index)
        return stored.id

    @rule(event_id=events, body=st.text(max_size=5))
    def change_event(self, event_id: str, body: str) -> None:
        found = run(self.store.get_event(event_id))
        assert (found is not None) is (event_id in self.homes)
        if found is None:
            return
        changed = {"content": TextContent(body=body), "status": EventStatus.READ, "index": 99, "room_id": "elsewhere"}
        run(self.store.update_event(found.model_copy(update=changed)))
        room, index = self.homes[event_id]
        self.words[room][index] = body

    @rule(room=st.sampled_from(ROOMS))
    def save_a_copy_of_the_room_read_long_ago(self, room: str) -> None:
        if room in self.words:
            run(self.store.update_room(self.stale[room]))

    @rule(event_id=consumes(events))
    def check_where_an_event_is(self, event_id: str) -> None:
        found = run(self.store.get_event(event_id))
        place = None if found is None else (found.room_id, found.index)
        assert place == self.homes.get(event_id)

    @invariant()
    def timelines_are_dense_and_complete(self) -> None:
        for room, words in self.words.items():
            events = run(self.store.list_events(room, limit=10_000))
            assert [one.index for one in events] == list(range(len(words)))
            assert [one.content.body for one in events if isinstance(one.content, TextContent)] == words
            assert all(one.room_id == room and one.metadata == {"tags": []} for one in events)
            assert run(self.store.recent_events(room, 3)) == events[-3:]
            assert run(self.store.count_events(room)) == len(words)

    @invariant()
    def counters_follow_the_events(self) -> None:
        for room, words in self.words.items():
            found = run(self.store.get_room(room))
            assert found is not None
            assert (found.event_count, found.latest_index) == (len(words), len(words) - 1)

    @invariant()
    def keys_are_known_where_they_were_used(self) -> None:
        for room in ROOMS:
            known = {key for key in "xyz" if run(self.store.check_idempotency(room, key))}
            assert known == self.keys.get(room, set())

    def forget(self, room: str) -> None:
        self.words.pop(room, None)
        self.keys.pop(room, None)
        self.homes = {event_id: home for event_id, home in self.homes.items() if home[0] != room}


Timelines.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestTimelines = Timelines.TestCase


async def test_a_room_created_again_begins_anew_and_keeps_nothing() -> None:
    store = InMemoryStore()
    await store.create_room(Room(id="r"))
    await store.add_event_auto_index("r", event("hello", "k"))
    await store.create_room(Room(id="r"))
    assert await store.list_events("r") == []
    assert await store.check_idempotency("r", "k") is False


async def test_saving_an_event_does_not_disturb_those_added_meanwhile() -> None:
    store = InMemoryStore()
    await store.create_room(Room(id="r"))
    first = await store.add_event_auto_index("r", event("first", None))

    async def save() -> None:
        await asyncio.sleep(0)
        await store.update_event(first.model_copy(update={"status": EventStatus.READ}))

    await asyncio.gather(save(), *(store.add_event_auto_index("r", event(str(n), None)) for n in range(3)))
    events = await store.list_events("r")
    assert [one.index for one in events] == [0, 1, 2, 3]
    assert events[0].status is EventStatus.READ
