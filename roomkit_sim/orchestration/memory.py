"""Tells the agent that takes over what happened before."""

from __future__ import annotations

from roomkit_sim.memory.base import MemoryProvider, MemoryResult
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import EventType
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.orchestration.state import ConversationState, get_conversation_state
from roomkit_sim.providers.ai.base import AIMessage

__all__ = ["HandoffMemoryProvider"]


class HandoffMemoryProvider(MemoryProvider):
    """Puts the handoff's summary in front of what the inner provider remembers.

    The receiving agent gets it until it has answered; it is not shown to other agents or in later turns.

    Args:
        inner: Remembers the conversation itself.
    """

    def __init__(self, inner: MemoryProvider) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """Name for reports."""
        return f"Handoff({self._inner.name})"

    async def retrieve(
        self, room_id: str, current_event: RoomEvent, context: RoomContext, *, channel_id: str | None = None
    ) -> MemoryResult:
        """What the agent ``channel_id`` is to be reminded of."""
        result = await self._inner.retrieve(room_id, current_event, context, channel_id=channel_id)
        note = handoff_note(get_conversation_state(context.room), channel_id, context.recent_events)
        if note is None:
            return result
        return result.model_copy(update={"messages": [AIMessage(role="user", content=note), *result.messages]})

    async def ingest(self, room_id: str, event: RoomEvent, *, channel_id: str | None = None) -> None:
        """Pass on what happened."""
        await self._inner.ingest(room_id, event, channel_id=channel_id)

    async def clear(self, room_id: str) -> None:
        """Forget a room."""
        await self._inner.clear(room_id)

    async def close(self) -> None:
        """Release what the inner provider holds."""
        await self._inner.close()


def handoff_note(state: ConversationState, agent_id: str | None, recent: list[RoomEvent]) -> str | None:
    """The reminder for an agent that has just taken over, or ``None`` where none is due."""
    summary, sender = state.context.get("handoff_summary"), state.context.get("handoff_from")
    receiver = state.context.get("handoff_to") or state.active_agent_id
    reader = agent_id or receiver
    if not summary or not sender or (receiver is not None and reader != receiver):
        return None
    answered = any(
        event.source.channel_id == reader and event.type is EventType.MESSAGE for event in _since_handoff(state, recent)
    )
    return None if answered else f"[Handed over by {sender}. Summary: {summary}]"


def _since_handoff(state: ConversationState, recent: list[RoomEvent]) -> list[RoomEvent]:
    """What came after the last handoff's notice; by time where the notice is not among the recent events."""
    notices = [place for place, event in enumerate(recent) if event.metadata.get("handoff")]
    if notices:
        return recent[notices[-1] + 1 :]
    return [event for event in recent if event.created_at >= state.phase_started_at]
