"""A memory within a budget of tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.memory.budget_aware import BudgetAwareMemory
from roomkit_sim.memory.mock import MockMemoryProvider
from roomkit_sim.memory.sliding_window import SlidingWindowMemory
from roomkit_sim.memory.token_estimator import MESSAGE_OVERHEAD, estimate_tokens
from roomkit_sim.models import AudioContent, ChannelType, EventSource, Room, RoomContext, RoomEvent, TextContent
from roomkit_sim.providers.ai.base import AIMessage

TEN_TOKENS = "x" * 4 * (10 - MESSAGE_OVERHEAD)


@pytest.mark.parametrize(("budget", "kept"), [(9, 0), (10, 1), (19, 1), (20, 2), (30, 3), (4000, 3)])
async def test_the_oldest_events_are_dropped_until_the_rest_fits(
    budget: int, kept: int, current: RoomEvent, conversation_of: Any
) -> None:
    memory = BudgetAwareMemory(SlidingWindowMemory(), budget)
    result = await memory.retrieve("r", current, conversation_of(*[TEN_TOKENS] * 3))
    assert [event.index for event in result.events] == [0, 1, 2][3 - kept :]


async def test_messages_are_kept_and_count(current: RoomEvent, make_event: Any) -> None:
    inner = MockMemoryProvider(
        [AIMessage(role="user", content=TEN_TOKENS)], [make_event(TEN_TOKENS, n) for n in range(3)]
    )
    result = await BudgetAwareMemory(inner, 30).retrieve("r", current, RoomContext(room=Room(id="r")))
    assert result.messages == inner.messages
    assert [event.index for event in result.events] == [1, 2]


async def test_messages_beyond_the_budget_leave_no_room_for_events(current: RoomEvent, make_event: Any) -> None:
    inner = MockMemoryProvider([AIMessage(role="user", content=TEN_TOKENS)], [make_event("hi")])
    result = await BudgetAwareMemory(inner, 5).retrieve("r", current, RoomContext(room=Room(id="r")))
    assert (result.messages, result.events) == (inner.messages, [])


async def test_the_words_of_a_recording_count(current: RoomEvent, make_event: Any) -> None:
    recording = make_event("", 0, content=AudioContent(url="https://x/1.ogg", transcript="x" * 4000))
    inner = MockMemoryProvider(events=[recording, make_event("hi", 1)])
    result = await BudgetAwareMemory(inner, 100).retrieve("r", current, RoomContext(room=Room(id="r")))
    assert [event.index for event in result.events] == [1]


@given(lengths=st.lists(st.integers(0, 200), max_size=30), budget=st.integers(0, 500))
async def test_what_is_kept_is_the_longest_ending_that_fits(lengths: list[int], budget: int) -> None:
    source = EventSource(channel_id="web", channel_type=ChannelType.WEBSOCKET)
    events = [
        RoomEvent(room_id="r", source=source, content=TextContent(body="x" * length), index=n)
        for n, length in enumerate(lengths)
    ]
    memory = BudgetAwareMemory(MockMemoryProvider(events=events), budget)
    current = RoomEvent(room_id="r", source=source, content=TextContent(body="now"))
    kept = (await memory.retrieve("r", current, RoomContext(room=Room(id="r")))).events
    costs = [MESSAGE_OVERHEAD + estimate_tokens("x" * length) for length in lengths]
    assert kept == events[len(events) - len(kept) :]
    assert sum(costs[len(costs) - len(kept) :]) <= budget
    if len(kept) < len(events):
        assert sum(costs[len(costs) - len(kept) - 1 :]) > budget


async def test_it_passes_on_what_happens_to_it(make_event: Any) -> None:
    inner = MockMemoryProvider()
    memory = BudgetAwareMemory(inner)
    event = make_event("hi")
    await memory.ingest("r", event, channel_id="bot")
    await memory.clear("r")
    await memory.close()
    assert (inner.ingested, inner.cleared, inner.closed) == ([event], ["r"], True)
    assert memory.name == "BudgetAware(MockMemoryProvider)"
