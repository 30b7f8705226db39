"""What turns content into something that a channel can carry."""

from __future__ import annotations

from abc import ABC, abstractmethod

from roomkit_sim.models.channel import ChannelCapabilities
from roomkit_sim.models.event import EventContent

__all__ = ["ContentTranscoder"]


class ContentTranscoder(ABC):
    """Changes content for channels that cannot carry it as it is."""

    @abstractmethod
    async def transcode(self, content: EventContent, capabilities: ChannelCapabilities) -> EventContent | None:
        """The content as the channel can carry it; ``None`` when there is no such form."""
