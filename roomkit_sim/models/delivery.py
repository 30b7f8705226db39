"""Messages on their way in and out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roomkit_sim.models.enums import EventType
from roomkit_sim.models.event import EventContent, RoomEvent

__all__ = ["DeliveryResult", "InboundMessage", "InboundResult", "ProviderResult"]


class InboundMessage(BaseModel):
    """What a channel received from outside."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    channel_id: str
    sender_id: str
    content: EventContent
    event_type: EventType = EventType.MESSAGE
    external_id: str | None = None
    thread_id: str | None = None
    idempotency_key: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    session: Any = Field(default=None, exclude=True)


class InboundResult(BaseModel):
    """What became of an inbound message."""

    event: RoomEvent | None = None
    blocked: bool = False
    reason: str | None = None


class ProviderResult(BaseModel):
    """What a provider said to a message that it was given."""

    success: bool
    provider_message_id: str | None = None
    error: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class DeliveryResult(BaseModel):
    """What became of an outbound message on one channel."""

    channel_id: str
    success: bool
    error: str | None = None
    provider_result: ProviderResult | None = None
