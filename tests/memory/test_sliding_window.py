"""The newest messages that an agent may see."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.memory.relevance import is_visible_to
from roomkit_sim.memory.sliding_window import SlidingWindowMemory
from roomkit_sim.models import EventStatus, EventType, RoomEvent


async def remembered(memory: SlidingWindowMemory, current: RoomEvent, context: Any) -> list[str]:
    result = await memory.retrieve("r", current, context, channel_id="bot")
    assert result.messages == []
    return [str(getattr(event.content, "body", "")) for event in result.events]


@pytest.mark.parametrize(
    ("size", "kept"), [(0, []), (1, ["c"]), (2, ["b", "c"]), (3, ["a", "b", "c"]), (50, ["a", "b", "c"])]
)
async def test_the_newest_messages_are_kept_oldest_of_them_first(
    size: int, kept: list[str], current: RoomEvent, conversation_of: Any
) -> None:
    assert await remembered(SlidingWindowMemory(size), current, conversation_of("a", "b", "c")) == kept


async def test_the_current_event_is_not_remembered_as_past(current: RoomEvent, conversation_of: Any) -> None:
    assert await remembered(SlidingWindowMemory(), current, conversation_of("a", current)) == ["a"]


async def test_what_does_not_count_takes_no_place_in_the_window(
    current: RoomEvent, conversation_of: Any, make_event: Any
) -> None:
    noise = [make_event("typing", type=EventType.TYPING) for _ in range(5)]
    assert await remembered(SlidingWindowMemory(2), current, conversation_of("a", "b", *noise)) == ["a", "b"]


@pytest.mark.parametrize(
    "fields",
    [
        {"type": EventType.SYSTEM},
        {"type": EventType.CHANNEL_ATTACHED},
        {"status": EventStatus.BLOCKED},
        {"metadata": {"_orchestration_internal": True}},
        {"metadata": {"greeting_cue": True}},
        {"visibility": "none"},
        {"visibility": "transport"},
        {"visibility": "internal"},
        {"visibility": "other-bot"},
    ],
    ids=str,
)
async def test_what_is_nobodys_word_or_hidden_is_not_remembered(
    fields: dict[str, Any], current: RoomEvent, conversation_of: Any, make_event: Any
) -> None:
    assert await remembered(SlidingWindowMemory(), current, conversation_of("a", make_event("x", **fields))) == ["a"]


@pytest.mark.parametrize("visibility", ["all", "intelligence", "bot", "desk, bot"])
async def test_what_the_agent_was_shown_is_remembered(
    visibility: str, current: RoomEvent, conversation_of: Any, make_event: Any
) -> None:
    context = conversation_of(make_event("x", visibility=visibility))
    assert await remembered(SlidingWindowMemory(), current, context) == ["x"]


async def test_an_agent_remembers_its_own_words_whoever_else_saw_them(
    current: RoomEvent, conversation_of: Any, make_event: Any
) -> None:
    context = conversation_of(
        make_event("mine", by="bot", visibility="web"), make_event("theirs", by="bot2", visibility="web")
    )
    assert await remembered(SlidingWindowMemory(), current, context) == ["mine"]


def test_without_an_agent_only_what_all_agents_see_is_visible(make_event: Any) -> None:
    assert is_visible_to(make_event("x"), None)
    assert is_visible_to(make_event("x", visibility="intelligence"), None)
    assert not is_visible_to(make_event("x", visibility="bot"), None)
