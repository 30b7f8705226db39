"""Replaces the older part of a conversation by a summary that a model writes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TypeAlias

from roomkit_sim.memory.base import MemoryProvider, MemoryResult
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.words import text_of
from roomkit_sim.providers.ai.base import AIContext, AIMessage, AIProvider

__all__ = ["CompactingMemory"]

_log = logging.getLogger(__name__)

_AgentInRoom: TypeAlias = tuple[str, str | None]
"""Agents do not see the same events, so each has a summary of its own."""

SUMMARISE = "Summarise this conversation so that it can be continued. Keep names, numbers and open questions."


@dataclass(frozen=True)
class _Summary:
    up_to_index: int
    text: str


class CompactingMemory(MemoryProvider):
    """Keeps the newest events as they are and a summary of those before.

    Where the summary cannot be written the events stay as they are until the next time: an agent that is reminded of
    more than need be is better than one that does not answer.

    Args:
        inner: Remembers the conversation.
        provider: Writes the summary.
        keep_recent: How many of the newest events stay as they are.
        threshold: When so many events are not summarised, the older ones of them are.
    """

    def __init__(
        self, inner: MemoryProvider, provider: AIProvider, *, keep_recent: int = 10, threshold: int = 30
    ) -> None:
        self._inner = inner
        self._provider = provider
        self._keep_recent = keep_recent
        self._threshold = threshold
        self._summaries: dict[_AgentInRoom, _Summary] = {}

    @property
    def name(self) -> str:
        """Name for reports."""
        return f"Compacting({self._inner.name})"

    async def retrieve(
        self, room_id: str, current_event: RoomEvent, context: RoomContext, *, channel_id: str | None = None
    ) -> MemoryResult:
        """The summary, if there is one, and the events that are not in it."""
        result = await self._inner.retrieve(room_id, current_event, context, channel_id=channel_id)
        agent = (room_id, channel_id)
        events = self._not_summarised(agent, result.events)
        if len(events) >= self._threshold:
            split = max(0, len(events) - self._keep_recent)
            if await self._summarise(agent, events[:split]):
                events = events[split:]
        if agent not in self._summaries:
            return result
        note = AIMessage(role="user", content=f"[Summary of the conversation so far: {self._summaries[agent].text}]")
        return MemoryResult(messages=[*result.messages, note], events=events)

    def _not_summarised(self, agent: _AgentInRoom, events: list[RoomEvent]) -> list[RoomEvent]:
        known = self._summaries.get(agent)
        return events if known is None else [event for event in events if event.index > known.up_to_index]

    async def _summarise(self, agent: _AgentInRoom, events: list[RoomEvent]) -> bool:
        """Put ``events`` into the summary; the one before is their beginning, so that nothing drops out of it.

        Returns:
            Whether they are in it now.
        """
        if not events:
            return False
        known = self._summaries.get(agent)
        before = [f"[Summary of what was said before: {known.text}]"] if known is not None else []
        lines = [f"{event.source.channel_id}: {text_of(event.content)}" for event in events]
        asked = AIContext(
            system_prompt=SUMMARISE, messages=[AIMessage(role="user", content="\n".join([*before, *lines]))]
        )
        try:
            written = (await self._provider.generate(asked)).content.strip()
        except Exception as error:
            _log.warning("the summary for %s in room %s failed with %s", agent[1], agent[0], type(error).__name__)
            return False
        if not written:
            _log.warning("the summary for %s in room %s is empty", agent[1], agent[0])
            return False
        self._summaries[agent] = _Summary(events[-1].index, written)
        return True

    async def ingest(self, room_id: str, event: RoomEvent, *, channel_id: str | None = None) -> None:
        """Pass on what happened."""
        await self._inner.ingest(room_id, event, channel_id=channel_id)

    async def clear(self, room_id: str) -> None:
        """Forget a room and its summary."""
        self._summaries = {agent: kept for agent, kept in self._summaries.items() if agent[0] != room_id}
        await self._inner.clear(room_id)

    async def close(self) -> None:
        """Release what the inner provider holds."""
        await self._inner.close()
