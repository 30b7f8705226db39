"""What is said and done in a room."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from roomkit_sim.core.clock import now
from roomkit_sim.core.ids import new_id
from roomkit_sim.models.enums import ChannelDirection, ChannelType, EventStatus, EventType

__all__ = [
    "AudioContent",
    "CompositeContent",
    "EventContent",
    "EventSource",
    "LocationContent",
    "MediaContent",
    "RichContent",
    "RoomEvent",
    "SystemContent",
    "TemplateContent",
    "TextContent",
    "VideoContent",
]


class TextContent(BaseModel):
    """Plain words."""

    type: Literal["text"] = "text"
    body: str
    language: str | None = None


class RichContent(BaseModel):
    """Formatted words, with buttons or cards."""

    type: Literal["rich"] = "rich"
    body: str
    format: str = "markdown"
    plain_text: str | None = None
    buttons: list[dict[str, Any]] = Field(default_factory=list)
    cards: list[dict[str, Any]] = Field(default_factory=list)
    quick_replies: list[str] = Field(default_factory=list)


class MediaContent(BaseModel):
    """A file by its address."""

    type: Literal["media"] = "media"
    url: str
    mime_type: str
    filename: str | None = None
    size_bytes: int | None = None
    caption: str | None = None


class AudioContent(BaseModel):
    """A recording by its address."""

    type: Literal["audio"] = "audio"
    url: str
    mime_type: str = "audio/ogg"
    duration_seconds: float | None = None
    transcript: str | None = None


class VideoContent(BaseModel):
    """A film by its address."""

    type: Literal["video"] = "video"
    url: str
    mime_type: str = "video/mp4"
    duration_seconds: float | None = None
    thumbnail_url: str | None = None


class LocationContent(BaseModel):
    """A place, in degrees."""

    type: Literal["location"] = "location"
    latitude: float
    longitude: float
    label: str | None = None
    address: str | None = None


class TemplateContent(BaseModel):
    """A message that the carrier has approved beforehand."""

    type: Literal["template"] = "template"
    template_id: str
    language: str = "en"
    parameters: dict[str, str] = Field(default_factory=dict)
    body: str | None = None


class SystemContent(BaseModel):
    """A notice of the system."""

    type: Literal["system"] = "system"
    body: str
    code: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class CompositeContent(BaseModel):
    """Several parts as one."""

    type: Literal["composite"] = "composite"
    parts: list[EventContent] = Field(min_length=1)


EventContent = Annotated[
    TextContent
    | RichContent
    | MediaContent
    | AudioContent
    | VideoContent
    | LocationContent
    | TemplateContent
    | SystemContent
    | CompositeContent,
    Field(discriminator="type"),
]
CompositeContent.model_rebuild()


class EventSource(BaseModel):
    """Where an event comes from."""

    channel_id: str
    channel_type: ChannelType
    direction: ChannelDirection = ChannelDirection.INBOUND
    participant_id: str | None = None
    external_id: str | None = None
    provider: str | None = None
    raw_payload: dict[str, Any] = Field(default_factory=dict)


class RoomEvent(BaseModel):
    """One entry of a room's timeline.

    ``index`` is its place in the timeline, dense from 0. ``chain_depth`` counts how many replies led to it.
    """

    id: str = Field(default_factory=new_id)
    room_id: str
    type: EventType = EventType.MESSAGE
    source: EventSource
    content: EventContent
    status: EventStatus = EventStatus.PENDING
    blocked_by: str | None = None
    visibility: str = "all"
    response_visibility: str | None = None
    index: int = 0
    chain_depth: int = 0
    parent_event_id: str | None = None
    correlation_id: str | None = None
    idempotency_key: str | None = None
    created_at: datetime = Field(default_factory=now)
    metadata: dict[str, Any] = Field(default_factory=dict)
    channel_data: dict[str, Any] = Field(default_factory=dict)
    delivery_results: dict[str, Any] = Field(default_factory=dict)
