"""Conversations to be remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.models import (
    ChannelType,
    EventSource,
    EventStatus,
    Room,
    RoomContext,
    RoomEvent,
    TextContent,
)


def said(body: str, index: int = 0, *, by: str = "web", **fields: Any) -> RoomEvent:
    source = EventSource(channel_id=by, channel_type=ChannelType.AI if by.startswith("bot") else ChannelType.WEBSOCKET)
    fields = {"content": TextContent(body=body), "status": EventStatus.DELIVERED, **fields}
    return RoomEvent(room_id="r", source=source, index=index, **fields)


@pytest.fixture
def make_event() -> Callable[..., RoomEvent]:
    return said


@pytest.fixture
def current() -> RoomEvent:
    return said("now", 999)


@pytest.fixture
def conversation_of() -> Callable[..., RoomContext]:
    """A context whose recent events are the given ones, numbered from 0; words stand for messages of a person."""

    def build(*events: RoomEvent | str) -> RoomContext:
        made = [said(event, n) if isinstance(event, str) else event for n, event in enumerate(events)]
        return RoomContext(room=Room(id="r"), recent_events=made)

    return build


@pytest.fixture
def bodies() -> Callable[[list[RoomEvent]], list[str]]:
    return lambda events: [str(getattr(event.content, "body", "")) for event in events]
