"""Replaces the older part of a conversation by a summary that a model writes."""

from __future__ import annotations

from roomkit_sim.memory.base import MemoryProvider, MemoryResult
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.providers.ai.base import AIContext, AIMessage, AIProvider

__all__ = ["CompactingMemory"]

SUMMARISE = "Summarise this conversation so that it can be continued. Keep names, numbers and open questions."


class CompactingMemory(MemoryProvider):
    """Keeps the newest events as they are and a summary of those before.

    Args:
        inner: Remembers the conversation.
        provider: Writes the summary.
        keep_recent: How many of the newest events stay as they are.
        threshold: From how many events on the older ones are summarised.
    """

    def __init__(
        self, inner: MemoryProvider, provider: AIProvider, *, keep_recent: int = 10, threshold: int = 30
    ) -> None:
        self._inner = inner
        self._provider = provider
        self._keep_recent = keep_recent
        self._threshold = threshold
        self._summaries: dict[str, tuple[str, str]] = {}

    @property
    def name(self) -> str:
        """Name for reports."""
        return f"Compacting({self._inner.name})"

    async def retrieve(
        self, room_id: str, current_event: RoomEvent, context: RoomContext, *, channel_id: str | None = None
    ) -> MemoryResult:
        """The summary and the newest events."""
        result = await self._inner.retrieve(room_id, current_event, context, channel_id=channel_id)
        if len(result.events) < self._threshold:
            return result
        split = len(result.events) - self._keep_recent
        summary = await self._summary(room_id, result.events[:split])
        note = AIMessage(role="user", content=f"[Summary of the conversation so far: {summary}]")
        return MemoryResult(messages=[*result.messages, note], events=result.events[split:])

    async def _summary(self, room_id: str, events: list[RoomEvent]) -> str:
        """The summary up to the last of ``events``; written once for each such event."""
        known = self._summaries.get(room_id)
        if known is not None and known[0] == events[-1].id:
            return known[1]
        lines = [f"{event.source.channel_id}: {getattr(event.content, 'body', '')}" for event in events]
        asked = AIContext(system_prompt=SUMMARISE, messages=[AIMessage(role="user", content="\n".join(lines))])
        summary = (await self._provider.generate(asked)).content
        self._summaries[room_id] = (events[-1].id, summary)
        return summary

    async def ingest(self, room_id: str, event: RoomEvent, *, channel_id: str | None = None) -> None:
        """Pass on what happened."""
        await self._inner.ingest(room_id, event, channel_id=channel_id)

    async def clear(self, room_id: str) -> None:
        """Forget a room and its summary."""
        self._summaries.pop(room_id, None)
        await self._inner.clear(room_id)

    async def close(self) -> None:
        """Release what the inner provider holds."""
        await self._inner.close()
