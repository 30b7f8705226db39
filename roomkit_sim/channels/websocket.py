"""A text channel for browsers: whole events as JSON over connections that the application keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from roomkit_sim.channels.base import Channel
from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.models.channel import ChannelBinding, ChannelOutput
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelType
from roomkit_sim.models.event import RoomEvent

__all__ = ["EventSender", "WebSocketChannel"]

EventSender: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
"""``await send(event_as_json)``, such as the ``send_json`` of a web framework."""


@dataclass(frozen=True, eq=False)
class _Client:
    """One connection; a client that connects again is another one."""

    client_id: str
    send: EventSender
    room_id: str | None


class WebSocketChannel(Channel):
    """Brings every event of its rooms to the connected clients.

    A client whose connection fails is dropped; the others go on. They are sent an event all at once, and the room waits
    for them: a client whose connection takes nothing any more has failed too.

    Args:
        channel_id: Its id.
        send_timeout_seconds: A client that has not taken an event for so long has failed.
    """

    channel_type = ChannelType.WEBSOCKET
    bounds_delivery = True

    def __init__(self, channel_id: str, *, send_timeout_seconds: float = 10.0) -> None:
        super().__init__(channel_id)
        self._send_timeout_s = send_timeout_seconds
        self._clients: dict[str, _Client] = {}

    def connect(self, client_id: str, send: EventSender, *, room_id: str | None = None) -> None:
        """Add a client.

        Args:
            client_id: Its id.
            send: Brings it an event.
            room_id: The room that it follows; all rooms of the channel when absent.
        """
        self._clients[client_id] = _Client(client_id, send, room_id)

    def disconnect(self, client_id: str) -> None:
        """Remove a client; nothing happens if it is not there."""
        self._clients.pop(client_id, None)

    @property
    def clients(self) -> list[str]:
        """The connected clients."""
        return list(self._clients)

    async def deliver(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        """Send the event to the clients of its room."""
        payload = event.model_dump(mode="json")
        clients = [client for client in self._clients.values() if client.room_id in (None, event.room_id)]
        await asyncio.gather(*(self._send(client, payload, event.room_id) for client in clients))
        return ChannelOutput.empty()

    async def _send(self, client: _Client, payload: dict[str, Any], room_id: str) -> None:
        try:
            with cancelled_only_from_outside(f"websocket client {client.client_id}"):
                async with asyncio.timeout(self._send_timeout_s):
                    await client.send(payload)
        except Exception as error:
            if self._clients.get(client.client_id) is client:
                self.disconnect(client.client_id)
            if self.kit is not None:
                await self.kit.report_error(
                    f"websocket client {client.client_id}", error, room_id=room_id, channel_id=self.channel_id
                )
