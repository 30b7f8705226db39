"""What a receiving agent is told of the conversation before it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from roomkit_sim.memory.base import MemoryProvider, MemoryResult
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelType, EventType
from roomkit_sim.models.event import EventSource, RoomEvent, TextContent
from roomkit_sim.models.room import Room
from roomkit_sim.orchestration.handoff import HandoffMemoryProvider
from roomkit_sim.orchestration.state import ConversationState, set_conversation_state
from roomkit_sim.providers.ai.base import AIMessage


class Inner(MemoryProvider):
    """Remembers one message, and what it was told to do."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    async def retrieve(
        self, room_id: str, current_event: RoomEvent, context: RoomContext, *, channel_id: str | None = None
    ) -> MemoryResult:
        return MemoryResult(messages=[AIMessage(role="user", content="remembered")])

    async def ingest(self, room_id: str, event: RoomEvent, *, channel_id: str | None = None) -> None:
        self.told.append(("ingest", room_id, channel_id))

    async def clear(self, room_id: str) -> None:
        self.told.append(("clear", room_id))

    async def close(self) -> None:
        self.told.append(("close",))


HANDED = {"handoff_summary": "wants bonds", "handoff_from": "triage", "handoff_to": "advisor"}
BEFORE = ConversationState(phase="triage", active_agent_id="triage")


def event(source: str, *, seconds: float = 1.0, kind: EventType = EventType.MESSAGE, **metadata: Any) -> RoomEvent:
    return RoomEvent(
        room_id="r",
        type=kind,
        source=EventSource(channel_id=source, channel_type=ChannelType.AI),
        content=TextContent(body="..."),
        created_at=AFTER.phase_started_at + timedelta(seconds=seconds),
        metadata=metadata,
    )


AFTER = BEFORE.transition("advising", "advisor").with_context(**HANDED)


async def told(
    agent: str | None, *recent: RoomEvent, context: dict[str, Any] | None = None, state: ConversationState = AFTER
) -> list[Any]:
    if context is not None:
        state = state.model_copy(update={"context": context})
    room = set_conversation_state(Room(id="r"), state)
    around = RoomContext(room=room, bindings=[], recent_events=list(recent))
    result = await HandoffMemoryProvider(Inner()).retrieve("r", event("chat"), around, channel_id=agent)
    return [message.content for message in result.messages]


NOTE = "[Handed over by triage. Summary: wants bonds]"


async def test_the_receiving_agent_is_told_first_who_handed_over_and_what() -> None:
    assert await told("advisor") == [NOTE, "remembered"]


async def test_other_agents_are_not_told() -> None:
    assert await told("triage") == ["remembered"]


@pytest.mark.parametrize("missing", ["handoff_summary", "handoff_from"])
async def test_without_summary_or_sender_there_is_nothing_to_tell(missing: str) -> None:
    assert await told("advisor", context={key: HANDED[key] for key in HANDED if key != missing}) == ["remembered"]


async def test_a_state_that_does_not_name_the_receiver_means_the_agent_in_charge() -> None:
    context = {"handoff_summary": "wants bonds", "handoff_from": "triage"}
    assert await told("advisor", context=context) == [NOTE, "remembered"]
    assert await told(None, context=context) == [NOTE, "remembered"]
    assert await told("closer", context=context) == ["remembered"]


async def test_an_agent_that_has_answered_since_is_not_told_again() -> None:
    assert await told("advisor", event("advisor")) == ["remembered"]


async def test_answers_of_others_and_of_earlier_times_do_not_count() -> None:
    earlier, other = event("advisor", seconds=-5), event("triage")
    assert await told("advisor", earlier, other) == [NOTE, "remembered"]


async def test_what_counts_is_the_order_after_the_notice_even_where_all_happens_at_one_instant() -> None:
    notice = event("triage", seconds=0, kind=EventType.SYSTEM, handoff=True)
    answer = event("advisor", seconds=0)
    assert await told("advisor", answer, notice) == [NOTE, "remembered"]
    assert await told("advisor", notice, answer) == ["remembered"]


async def test_the_agents_own_notice_is_no_answer() -> None:
    assert await told("advisor", event("advisor", kind=EventType.SYSTEM)) == [NOTE, "remembered"]


async def test_everything_else_is_the_inner_providers() -> None:
    inner = Inner()
    memory = HandoffMemoryProvider(inner)
    await memory.ingest("r", event("advisor"), channel_id="advisor")
    await memory.clear("r")
    await memory.close()
    assert memory.name == "Handoff(Inner)"
    assert inner.told == [("ingest", "r", "advisor"), ("clear", "r"), ("close",)]
