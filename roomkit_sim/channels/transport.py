"""A text channel whose way to people is a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from roomkit_sim.channels.base import Channel
from roomkit_sim.models.channel import ChannelBinding, ChannelOutput
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelType, EventType
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.words import text_of

__all__ = ["TextSender", "TransportChannel"]

TextSender: TypeAlias = Callable[[str, str], Awaitable[None]]
"""``await send(address, text)``."""


class TransportChannel(Channel):
    """Brings messages to people as text.

    Args:
        channel_id: Its id.
        channel_type: What kind of channel it is.
        send: Sends a text to an address.
        address_key: Where ``binding.metadata`` holds the address.
    """

    def __init__(
        self, channel_id: str, channel_type: ChannelType, *, send: TextSender, address_key: str = "address"
    ) -> None:
        super().__init__(channel_id)
        self.channel_type = channel_type
        self._send = send
        self._address_key = address_key

    async def deliver(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        """Send a message; notices of the system are not people's mail."""
        text = text_of(event.content)
        if event.type is EventType.MESSAGE and text:
            await self._send(str(binding.metadata.get(self._address_key, "")), text)
        return ChannelOutput.empty()
