"""Somebody in a room."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from roomkit_sim.core.clock import now
from roomkit_sim.models.enums import IdentificationStatus, ParticipantRole, ParticipantStatus

__all__ = ["Participant"]


class Participant(BaseModel):
    """Somebody in a room, as far as it is known who it is."""

    id: str
    room_id: str
    channel_id: str
    external_id: str | None = None
    display_name: str | None = None
    role: ParticipantRole = ParticipantRole.MEMBER
    status: ParticipantStatus = ParticipantStatus.ACTIVE
    identification: IdentificationStatus = IdentificationStatus.PENDING
    identity_id: str | None = None
    joined_at: datetime = Field(default_factory=now)
    metadata: dict[str, Any] = Field(default_factory=dict)
