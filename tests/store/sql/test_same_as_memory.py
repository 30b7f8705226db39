"""The SQL store against the store in memory: after whatever is done in whatever order, both tell the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from roomkit_sim.errors import RoomError
from roomkit_sim.models import (
    ChannelBinding,
    ChannelType,
    EventStatus,
    EventType,
    Observation,
    Participant,
    Room,
    RoomStatus,
    Task,
)
from roomkit_sim.store.base import ConversationStore
from roomkit_sim.store.memory import InMemoryStore
from roomkit_sim.store.sql import SQLStore
from roomkit_sim.testing.postgres import PostgresServer
from tests.store.sql.burst import event

NAMES = st.sampled_from(["a", "b", "\x00", "long" * 100])
SMALL = st.integers(0, 4)
EVENTS = st.integers(0, 2)
STATUSES = st.sampled_from([RoomStatus.ACTIVE, RoomStatus.CLOSED])


class Twins(RuleBasedStateMachine):
    """Does everything to both stores; every answer and every refusal must be the same."""

    new_url: Callable[[], str]

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.memory = InMemoryStore()
        self.sql = SQLStore(self.new_url())
        for room in ("a", "\x00"):
            self.create_room(room, RoomStatus.ACTIVE)

    def teardown(self) -> None:
        self.runner.run(self.sql.close())
        self.runner.close()

    def both(self, do: Callable[[ConversationStore], Awaitable[Any]]) -> None:
        async def answer(store: ConversationStore) -> Any:
            try:
                return _without_times(await do(store))
            except RoomError as error:
                return type(error), str(error)

        assert self.runner.run(answer(self.sql)) == self.runner.run(answer(self.memory))

    @rule(room=NAMES, status=STATUSES)
    def create_room(self, room: str, status: RoomStatus) -> None:
        given = Room(id=room, status=status)
        self.both(lambda store: store.create_room(given))

    @rule(room=NAMES, status=STATUSES, count=SMALL)
    def update_room(self, room: str, status: RoomStatus, count: int) -> None:
        given = Room(id=room, status=status, event_count=count)
        self.both(lambda store: store.update_room(given))

    @rule(room=NAMES)
    def delete_room(self, room: str) -> None:
        self.both(lambda store: store.delete_room(room))

    @rule(room=NAMES, number=EVENTS, key=st.none() | NAMES, kind=st.sampled_from([EventType.MESSAGE, EventType.TYPING]))
    def add_event(self, room: str, number: int, key: str | None, kind: EventType) -> None:
        given = event(id=f"e{number}", idempotency_key=key, type=kind)
        self.both(lambda store: store.add_event_auto_index(room, given))

    @rule(number=EVENTS, key=st.none() | NAMES)
    def update_event(self, number: int, key: str | None) -> None:
        changed = event("new", id=f"e{number}", idempotency_key=key, status=EventStatus.READ, index=9, room_id="x")
        self.both(lambda store: store.update_event(changed))

    @rule(room=NAMES, channel=NAMES, muted=st.booleans())
    def add_binding(self, room: str, channel: str, muted: bool) -> None:
        binding = ChannelBinding(room_id=room, channel_id=channel, channel_type=ChannelType.SMS, muted=muted)
        self.both(lambda store: store.add_binding(binding))

    @rule(room=NAMES, channel=NAMES)
    def remove_binding(self, room: str, channel: str) -> None:
        self.both(lambda store: store.remove_binding(room, channel))

    @rule(room=NAMES, name=NAMES)
    def add_belongings(self, room: str, name: str) -> None:
        participant = Participant(id=name, room_id=room, channel_id="chat")
        task = Task(id=name, room_id=room, title=name)
        observation = Observation(id=name, room_id=room, channel_id="chat", content=name)
        self.both(lambda store: store.add_participant(participant))
        self.both(lambda store: store.add_task(task))
        self.both(lambda store: store.add_observation(observation))

    @rule(room=NAMES, channel=NAMES, index=SMALL)
    def mark_read(self, room: str, channel: str, index: int) -> None:
        self.both(lambda store: store.mark_read(room, channel, index))

    @rule(room=NAMES, offset=SMALL, limit=SMALL, name=NAMES, status=st.none() | STATUSES)
    def look(self, room: str, offset: int, limit: int, name: str, status: RoomStatus | None) -> None:
        self.both(lambda store: store.list_events(room, offset, limit))
        self.both(lambda store: store.recent_events(room, limit))
        self.both(lambda store: store.recent_events(room, limit, EventType.MESSAGE))
        self.both(lambda store: store.list_rooms(offset, limit, status))
        self.both(lambda store: store.find_rooms_by_channel(name, status))
        self.both(lambda store: store.get_event(f"e{offset}"))
        self.both(lambda store: store.count_events(room))
        self.both(lambda store: store.check_idempotency(room, name))
        self.both(lambda store: store.get_binding(room, name))
        self.both(lambda store: store.list_bindings(room))
        self.both(lambda store: store.list_participants(room))
        self.both(lambda store: store.list_tasks(room))
        self.both(lambda store: store.list_observations(room))
        self.both(lambda store: store.read_marker(room, name))

    @invariant()
    def rooms_are_the_same(self) -> None:
        self.both(lambda store: store.list_rooms())


def _without_times(answer: Any) -> Any:
    """Rooms take the clock's time when an event comes, which differs between the stores."""
    if isinstance(answer, list):
        return [_without_times(one) for one in answer]
    return answer.model_copy(update={"updated_at": None}) if isinstance(answer, Room) else answer


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_both_stores_tell_the_same(engine: str, request: pytest.FixtureRequest) -> None:
    if engine == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        examples, new_url = 8, server.new_database
    else:
        examples, new_url = 25, lambda: f"sqlite:///{Path(tempfile.mkdtemp(dir=folder))}/rooms.db"
    with tempfile.TemporaryDirectory() as folder:
        machine = type("Twins", (Twins,), {"new_url": staticmethod(new_url)})
        run_state_machine_as_test(
            machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
        )
