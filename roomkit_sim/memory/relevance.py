"""Which events of a room are part of the conversation that an agent sees."""

from __future__ import annotations

from collections.abc import Iterable

from roomkit_sim.core.event_router import GREETING_CUE, INTERNAL
from roomkit_sim.models.enums import EventStatus, EventType
from roomkit_sim.models.event import RoomEvent

__all__ = ["conversation", "is_visible_to"]


def is_visible_to(event: RoomEvent, channel_id: str | None) -> bool:
    """Whether an agent may see an event: its own words, and what is shown to all, to agents or to it by name."""
    if channel_id is not None and event.source.channel_id == channel_id:
        return True
    named = [part.strip() for part in event.visibility.split(",")]
    return event.visibility in ("all", "intelligence") or channel_id in named


def conversation(events: Iterable[RoomEvent], current: RoomEvent, channel_id: str | None) -> list[RoomEvent]:
    """The delivered messages that an agent may see, without the current one.

    Notices of the orchestration and cues to greet are not words of anybody, and are left out.
    """
    return [
        event
        for event in events
        if event.id != current.id
        and event.type is EventType.MESSAGE
        and event.status is not EventStatus.BLOCKED
        and not event.metadata.get(INTERNAL)
        and not event.metadata.get(GREETING_CUE)
        and is_visible_to(event, channel_id)
    ]
