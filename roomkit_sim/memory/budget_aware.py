"""Keeps what another memory remembers within a budget of tokens."""

from __future__ import annotations

from roomkit_sim.memory.base import MemoryProvider, MemoryResult
from roomkit_sim.memory.token_estimator import MESSAGE_OVERHEAD, estimate_message_tokens, estimate_tokens
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.words import text_of

__all__ = ["BudgetAwareMemory"]


class BudgetAwareMemory(MemoryProvider):
    """Drops the oldest events until messages and events fit.

    Args:
        inner: Remembers the conversation.
        max_tokens: The budget.
    """

    def __init__(self, inner: MemoryProvider, max_tokens: int = 4000) -> None:
        self._inner = inner
        self._max_tokens = max_tokens

    @property
    def name(self) -> str:
        """Name for reports."""
        return f"BudgetAware({self._inner.name})"

    async def retrieve(
        self, room_id: str, current_event: RoomEvent, context: RoomContext, *, channel_id: str | None = None
    ) -> MemoryResult:
        """What the inner memory remembers, as far as it fits; messages stay before events."""
        result = await self._inner.retrieve(room_id, current_event, context, channel_id=channel_id)
        left = self._max_tokens - sum(estimate_message_tokens(message) for message in result.messages)
        kept: list[RoomEvent] = []
        for event in reversed(result.events):
            left -= MESSAGE_OVERHEAD + estimate_tokens(text_of(event.content))
            if left < 0:
                break
            kept.append(event)
        return MemoryResult(messages=result.messages, events=kept[::-1])

    async def ingest(self, room_id: str, event: RoomEvent, *, channel_id: str | None = None) -> None:
        """Pass on what happened."""
        await self._inner.ingest(room_id, event, channel_id=channel_id)

    async def clear(self, room_id: str) -> None:
        """Forget a room."""
        await self._inner.clear(room_id)

    async def close(self) -> None:
        """Release what the inner provider holds."""
        await self._inner.close()
