"""The beginning of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["SessionStartedEvent"]


@dataclass(frozen=True)
class SessionStartedEvent:
    """A voice session, or a text conversation, has begun.

    Args:
        room_id: The room.
        channel_id: The channel.
        session: The voice session; ``None`` for text channels.
    """

    room_id: str
    channel_id: str
    session: Any = None
