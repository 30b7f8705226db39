"""Channels as they stand in rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roomkit_sim.core.clock import now
from roomkit_sim.models.enums import Access, ChannelCategory, ChannelDirection, ChannelMediaType, ChannelType
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.task import Observation, Task

__all__ = ["ChannelBinding", "ChannelCapabilities", "ChannelOutput", "RateLimit", "RetryPolicy"]


class RateLimit(BaseModel):
    """How many events may pass; ``None`` is no limit."""

    max_per_second: float | None = None
    max_per_minute: float | None = None
    max_per_hour: float | None = None


class RetryPolicy(BaseModel):
    """How often, and with which pauses, a failed call is repeated."""

    max_retries: int = Field(default=3, ge=0)
    base_delay_seconds: float = Field(default=1.0, gt=0)
    max_delay_seconds: float = Field(default=60.0, gt=0)
    exponential_base: float = Field(default=2.0, ge=1)

    def delay_seconds(self, attempt: int) -> float:
        """The pause before retry number ``attempt``, counted from 0."""
        return min(self.base_delay_seconds * self.exponential_base**attempt, self.max_delay_seconds)


class ChannelCapabilities(BaseModel):
    """What a channel can carry."""

    media_types: list[ChannelMediaType] = Field(default_factory=lambda: [ChannelMediaType.TEXT])
    max_length: int | None = None
    supports_typing: bool = False
    supports_read_receipts: bool = False
    supports_reactions: bool = False
    supports_buttons: bool = False
    supports_threading: bool = False
    supports_audio: bool = False
    custom: dict[str, Any] = Field(default_factory=dict)


class ChannelBinding(BaseModel):
    """A channel in a room: what it may do there and what it sees."""

    channel_id: str
    room_id: str
    channel_type: ChannelType
    category: ChannelCategory = ChannelCategory.TRANSPORT
    direction: ChannelDirection = ChannelDirection.BIDIRECTIONAL
    access: Access = Access.READ_WRITE
    muted: bool = False
    visibility: str = "all"
    participant_id: str | None = None
    attached_at: datetime = Field(default_factory=now)
    capabilities: ChannelCapabilities = Field(default_factory=ChannelCapabilities)
    rate_limit: RateLimit | None = None
    retry_policy: RetryPolicy | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class ChannelOutput(BaseModel):
    """What a channel answers to an event."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    responded: bool = False
    response_events: list[RoomEvent] = Field(default_factory=list)
    response_stream: AsyncIterator[str] | None = Field(default=None, exclude=True)
    tasks: list[Task] = Field(default_factory=list)
    observations: list[Observation] = Field(default_factory=list)
    metadata_updates: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def empty(cls) -> ChannelOutput:
        """No answer."""
        return cls()
