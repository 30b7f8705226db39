"""What becomes of a reply on its way into the timeline. Pure."""

from __future__ import annotations

from roomkit_sim.core.event_router import ALWAYS_PROCESS, ROUTED_TO, may_send
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import EventStatus
from roomkit_sim.models.event import RoomEvent

__all__ = ["delivered", "reply_to"]


def delivered(event: RoomEvent, context: RoomContext) -> RoomEvent:
    """The event as it enters the timeline.

    Who sees what a channel says is written into the event, so that a later turn does not show more than this one.
    """
    binding = context.get_binding(event.source.channel_id)
    visibility = event.visibility
    if not may_send(binding):
        visibility = "none"
    elif binding is not None and visibility == "all":
        visibility = binding.visibility
    return event.model_copy(update={"status": EventStatus.DELIVERED, "visibility": visibility})


def reply_to(cause: RoomEvent, reply: RoomEvent) -> RoomEvent:
    """A reply is one step deeper, is routed anew, and is seen by those whom the cause names for its answers."""
    metadata = {key: value for key, value in reply.metadata.items() if key not in (ROUTED_TO, ALWAYS_PROCESS)}
    visibility = cause.response_visibility or reply.visibility
    return reply.model_copy(
        update={
            "room_id": cause.room_id,
            "chain_depth": cause.chain_depth + 1,
            "metadata": metadata,
            "visibility": visibility,
        }
    )
