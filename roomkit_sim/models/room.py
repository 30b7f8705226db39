"""A room: one conversation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from roomkit_sim.core.clock import now
from roomkit_sim.core.ids import new_id
from roomkit_sim.models.enums import RoomStatus

__all__ = ["Room", "RoomTimers"]


class RoomTimers(BaseModel):
    """After how many idle seconds a room pauses or closes; ``None`` is never."""

    inactive_after_seconds: int | None = None
    closed_after_seconds: int | None = None
    last_activity_at: datetime | None = None


class Room(BaseModel):
    """One conversation and what is known of it."""

    id: str = Field(default_factory=new_id)
    organization_id: str | None = None
    status: RoomStatus = RoomStatus.ACTIVE
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    closed_at: datetime | None = None
    timers: RoomTimers = Field(default_factory=RoomTimers)
    metadata: dict[str, Any] = Field(default_factory=dict)
    event_count: int = 0
    latest_index: int = -1
