"""What there is to read in an event's content."""

from __future__ import annotations

from roomkit_sim.models.event import CompositeContent, EventContent

__all__ = ["text_of"]


def text_of(content: EventContent) -> str:
    """The words of a content: its text, transcript, caption or label; else its address; empty if it has none."""
    if isinstance(content, CompositeContent):
        return "\n".join(text_of(part) for part in content.parts)
    for name in ("body", "transcript", "caption", "label", "url"):
        value = getattr(content, name, None)
        if value:
            return str(value)
    return ""
