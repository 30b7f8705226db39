"""What every channel must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from roomkit_sim.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import ChannelCategory, ChannelDirection, ChannelType
from roomkit_sim.models.event import EventSource, RoomEvent

if TYPE_CHECKING:
    from roomkit_sim.core.framework import RoomKit

__all__ = ["Channel"]


class Channel(ABC):
    """Something that takes part in rooms: a way to people, or an intelligence.

    Args:
        channel_id: Its id, unique in a kit.
    """

    channel_type: ChannelType = ChannelType.SYSTEM
    category: ChannelCategory = ChannelCategory.TRANSPORT
    direction: ChannelDirection = ChannelDirection.BIDIRECTIONAL
    bounds_delivery: bool = False
    """Whether :meth:`deliver` itself sees to it that it ends; ``RoomKit(delivery_timeout=)`` does not cut it then."""

    def __init__(self, channel_id: str) -> None:
        self.channel_id = channel_id
        self._kit: RoomKit | None = None

    @property
    def kit(self) -> RoomKit | None:
        """The kit with which the channel is registered."""
        return self._kit

    def on_registered(self, kit: RoomKit) -> None:
        """Called by :meth:`RoomKit.register_channel`. Extensions call ``super()``."""
        self._kit = kit

    def binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:  # noqa: B027 - optional
        """Take note of what the channel may do in a room from now on, for conversations that are going on.

        Called at once when the channel is attached, muted, given other access or detached: before the change is stored,
        which may have to wait for the room, and again when it is. Returns at once and raises nothing.

        Args:
            room_id: The room.
            binding: As it is from now on; ``None`` when the channel is taken out of the room.
        """

    def capabilities(self) -> ChannelCapabilities:
        """What the channel can carry."""
        return ChannelCapabilities()

    async def handle_inbound(self, message: InboundMessage, context: RoomContext) -> RoomEvent:
        """Make an event of what came from outside."""
        return RoomEvent(
            room_id=context.room.id,
            type=message.event_type,
            source=EventSource(
                channel_id=self.channel_id,
                channel_type=self.channel_type,
                participant_id=message.sender_id,
                external_id=message.external_id,
            ),
            content=message.content,
            idempotency_key=message.idempotency_key,
            metadata=dict(message.metadata),
        )

    @abstractmethod
    async def deliver(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        """Bring an event to the people behind the channel.

        The room waits for it. What takes longer than ``RoomKit(delivery_timeout=)`` is cancelled and reported, unless
        :attr:`bounds_delivery` is set; hand long work on to a task of your own.
        """

    @property
    def supports_streaming_delivery(self) -> bool:
        """Whether :meth:`deliver_stream` brings words to people before a text is complete."""
        return False

    def listens_in(self, room_id: str) -> bool:
        """Whether a stream would reach anybody in a room now; where it would not, the whole event is delivered."""
        return self.supports_streaming_delivery

    async def deliver_stream(
        self, pieces: AsyncIterator[str], event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> Any:
        """Bring a text to people as it is written; :meth:`deliver` is then not called for it.

        Returns when the text has ended, or before that when nobody listens any more: its author is stopped then. The
        room waits for it, and nobody cuts it: a channel sees to it itself that it ends.

        Args:
            pieces: The text. A :class:`~roomkit_sim.models.stream.Pause` among them has no words.
            event: What the text will become, without its content.
            binding: The channel's binding in the room.
            context: The room.
        """
        raise NotImplementedError(f"channel {self.channel_id!r} takes whole events only")

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        """React to an event of the room; intelligences answer here."""
        return ChannelOutput.empty()

    async def connect_session(self, session: Any, room_id: str) -> None:  # noqa: B027 - optional
        """Take over the session that an inbound message brought; the message is in the room and was not blocked."""

    async def close(self) -> None:  # noqa: B027 - optional
        """Release what the channel holds."""

    def info(self) -> dict[str, Any]:
        """What may be told about the channel."""
        return {"channel_id": self.channel_id, "type": str(self.channel_type), "category": str(self.category)}
