"""Who said something, as an agent is told it. Pure."""

from __future__ import annotations

from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelCategory, ChannelType
from roomkit_sim.models.event import RoomEvent

__all__ = ["name_of_speaker"]


def name_of_speaker(event: RoomEvent, context: RoomContext, reader: str) -> str | None:
    """The name under which an agent is shown an event: that of another agent; people, and the agent itself, have none.

    Without it a model takes for the person's words what a colleague has said.

    Args:
        event: What was said.
        context: The room.
        reader: The agent's channel.

    Returns:
        The id of the other agent's channel, by which it can be handed over to; or ``None``.
    """
    source = event.source
    if source.channel_id == reader:
        return None
    binding = context.get_binding(source.channel_id)
    is_agent = source.channel_type is ChannelType.AI or (
        binding is not None and binding.category is ChannelCategory.INTELLIGENCE
    )
    return source.channel_id if is_agent or _is_speech_of_a_model(event) else None


def _is_speech_of_a_model(event: RoomEvent) -> bool:
    """Of a speech-to-speech call, whose channel enters what both sides say."""
    return event.source.channel_type is ChannelType.REALTIME_VOICE and event.metadata.get("role") == "assistant"
