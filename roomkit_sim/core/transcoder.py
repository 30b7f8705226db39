"""Falls back to text where a channel carries nothing else."""

from __future__ import annotations

from roomkit_sim.core.router import ContentTranscoder
from roomkit_sim.models.channel import ChannelCapabilities
from roomkit_sim.models.enums import ChannelMediaType
from roomkit_sim.models.event import CompositeContent, EventContent, TextContent
from roomkit_sim.models.words import text_of

__all__ = ["DefaultContentTranscoder"]

_NEEDS = {
    "text": ChannelMediaType.TEXT,
    "system": ChannelMediaType.TEXT,
    "rich": ChannelMediaType.RICH,
    "media": ChannelMediaType.MEDIA,
    "audio": ChannelMediaType.AUDIO,
    "video": ChannelMediaType.VIDEO,
    "location": ChannelMediaType.LOCATION,
    "template": ChannelMediaType.TEMPLATE,
}


class DefaultContentTranscoder(ContentTranscoder):
    """Passes content that the channel can carry, and the words of what it cannot."""

    async def transcode(self, content: EventContent, capabilities: ChannelCapabilities) -> EventContent | None:
        """The content itself, its words, or ``None``."""
        if _carries(capabilities, content):
            return content
        words = text_of(content)
        return TextContent(body=words) if words and ChannelMediaType.TEXT in capabilities.media_types else None


def _carries(capabilities: ChannelCapabilities, content: EventContent) -> bool:
    if isinstance(content, CompositeContent):
        return all(_carries(capabilities, part) for part in content.parts)
    return _NEEDS[content.type] in capabilities.media_types
