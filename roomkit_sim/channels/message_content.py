"""An event's content as a model is shown it. Pure."""

from __future__ import annotations

from typing import TypeAlias

from roomkit_sim.models.event import CompositeContent, EventContent, MediaContent
from roomkit_sim.models.words import text_of
from roomkit_sim.providers.ai.base import AIImagePart, AITextPart, AIToolCallPart, AIToolResultPart

__all__ = ["MessageContent", "message_content"]

MessageContent: TypeAlias = str | list[AITextPart | AIImagePart | AIToolCallPart | AIToolResultPart]


def message_content(content: EventContent, *, vision: bool) -> MessageContent:
    """The words of ``content``; with its pictures, where there are any and the model sees.

    Args:
        content: What was said or sent.
        vision: Whether the model understands pictures.
    """
    parts = _parts(content) if vision else []
    return list(parts) if any(isinstance(part, AIImagePart) for part in parts) else text_of(content)


def _parts(content: EventContent) -> list[AITextPart | AIImagePart]:
    if isinstance(content, CompositeContent):
        return [part for inner in content.parts for part in _parts(inner)]
    if isinstance(content, MediaContent) and content.mime_type.startswith("image/"):
        caption = [AITextPart(text=content.caption)] if content.caption else []
        return [*caption, AIImagePart(url=content.url, mime_type=content.mime_type)]
    words = text_of(content)
    return [AITextPart(text=words)] if words else []
