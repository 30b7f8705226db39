"""What of an event is spoken. Pure."""

from __future__ import annotations

from roomkit_sim.models.enums import EventType
from roomkit_sim.models.event import (
    AudioContent,
    CompositeContent,
    EventContent,
    MediaContent,
    RichContent,
    RoomEvent,
    TemplateContent,
    TextContent,
    VideoContent,
)

__all__ = ["spoken_words"]


def spoken_words(event: RoomEvent) -> str:
    """The words of a message for people; empty for notices, internal events, and what has only an address."""
    if event.type is not EventType.MESSAGE or event.visibility == "internal":
        return ""
    return _words(event.content).strip()


def _words(content: EventContent) -> str:
    match content:
        case CompositeContent():
            return "\n".join(filter(None, (_words(part) for part in content.parts)))
        case TextContent():
            return content.body
        case RichContent():
            return content.plain_text or content.body
        case AudioContent():
            return content.transcript or ""
        case MediaContent():
            return content.caption or ""
        case TemplateContent():
            return content.body or ""
        case VideoContent():
            return ""
        case _:
            return ""
