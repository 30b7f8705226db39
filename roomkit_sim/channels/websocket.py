"""A text channel for browsers: whole events as JSON over connections that the application keeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from roomkit_sim.channels.base import Channel
from roomkit_sim.models.channel import ChannelBinding, ChannelOutput
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelType
from roomkit_sim.models.event import RoomEvent

__all__ = ["EventSender", "WebSocketChannel"]

EventSender: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
"""``await send(event_as_json)``, such as the ``send_json`` of a web framework."""


class WebSocketChannel(Channel):
    """Brings every event of its rooms to the connected clients.

    A client whose connection fails is dropped; the others go on.

    Args:
        channel_id: Its id.
    """

    channel_type = ChannelType.WEBSOCKET

    def __init__(self, channel_id: str) -> None:
        super().__init__(channel_id)
        self._clients: dict[str, tuple[EventSender, str | None]] = {}

    def connect(self, client_id: str, send: EventSender, *, room_id: str | None = None) -> None:
        """Add a client.

        Args:
            client_id: Its id.
            send: Brings it an event.
            room_id: The room that it follows; all rooms of the channel when absent.
        """
        self._clients[client_id] = (send, room_id)

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
        for client_id, (send, room_id) in list(self._clients.items()):
            if room_id is not None and room_id != event.room_id:
                continue
            try:
                await send(payload)
            except Exception as error:
                self.disconnect(client_id)
                if self.kit is not None:
                    await self.kit.report_error(
                        f"websocket client {client_id}", error, room_id=event.room_id, channel_id=self.channel_id
                    )
        return ChannelOutput.empty()
