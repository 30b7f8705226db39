"""What the framework tells about itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from roomkit_sim.core.clock import now

__all__ = ["FrameworkEvent"]


class FrameworkEvent(BaseModel):
    """Something that the framework did. ``data`` holds plain JSON types."""

    type: str
    room_id: str | None = None
    channel_id: str | None = None
    session_id: str | None = None
    timestamp: datetime = Field(default_factory=now)
    data: dict[str, Any] = Field(default_factory=dict)
