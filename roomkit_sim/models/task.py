"""Side products of intelligence: things to do, things noticed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from roomkit_sim.core.clock import now
from roomkit_sim.core.ids import new_id
from roomkit_sim.models.enums import TaskStatus

__all__ = ["Observation", "Task"]


class Task(BaseModel):
    """Something to be done for a room."""

    id: str = Field(default_factory=new_id)
    room_id: str
    title: str
    description: str = ""
    assigned_to: str | None = None
    created_by: str | None = None
    status: TaskStatus = TaskStatus.PENDING
    created_at: datetime = Field(default_factory=now)
    metadata: dict[str, Any] = Field(default_factory=dict)


class Observation(BaseModel):
    """Something noticed about a room."""

    id: str = Field(default_factory=new_id)
    room_id: str
    channel_id: str
    content: str
    category: str = "general"
    confidence: float = Field(default=1.0, ge=0, le=1)
    created_at: datetime = Field(default_factory=now)
    metadata: dict[str, Any] = Field(default_factory=dict)
