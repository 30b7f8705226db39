"""Brings an event to a channel, and waits for that no longer than was agreed."""

from __future__ import annotations

import asyncio

from roomkit_sim.channels.base import Channel
from roomkit_sim.errors import DeliveryTimeoutError
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.event import RoomEvent

__all__ = ["deliver_in_time"]


async def deliver_in_time(
    channel: Channel, event: RoomEvent, binding: ChannelBinding, context: RoomContext, seconds: float | None
) -> None:
    """Deliver an event. The room is held meanwhile, so a channel that never returns must not be waited for.

    Args:
        channel: Takes it.
        event: The event.
        binding: The channel's binding in the room.
        context: The room.
        seconds: For the delivery; ``None`` waits for ever, as for channels that bound it themselves.

    Raises:
        DeliveryTimeoutError: It took longer and was cancelled.
    """
    limit = asyncio.timeout(None if channel.bounds_delivery else seconds)
    try:
        async with limit:
            await channel.deliver(event, binding, context)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DeliveryTimeoutError(
            f"channel {channel.channel_id!r} had not taken an event of room {event.room_id!r} after {seconds:g} s and "
            f"was given up: let its deliver() hand long work on to a task, or raise RoomKit(delivery_timeout=)"
        ) from error
