"""Which replies are brought to whom while they are written."""

from __future__ import annotations

from collections.abc import Mapping

from roomkit_sim.channels.base import Channel
from roomkit_sim.core.event_router import receives, reply_of
from roomkit_sim.core.hooks import HookEngine
from roomkit_sim.core.replies import delivered, reply_to
from roomkit_sim.core.streamed_replies import StreamTarget
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelCategory, HookExecution, HookTrigger
from roomkit_sim.models.event import RoomEvent

__all__ = ["LETS_STREAMS_PASS", "StreamPolicy"]

LETS_STREAMS_PASS = "lets_streams_pass"
"""Attribute of a BEFORE_BROADCAST hook's function: it neither blocks nor changes what agents say.

What has been spoken cannot be taken back. Where a hook may still block or change a reply, it is given whole.
"""


class StreamPolicy:
    """Holds streams to the rules of whole replies.

    Args:
        channels: The registered channels by id.
        hooks: The hooks of the kit.
        max_chain_depth: Replies of this depth are blocked.
    """

    def __init__(self, channels: Mapping[str, Channel], hooks: HookEngine, max_chain_depth: int) -> None:
        self._channels = channels
        self._hooks = hooks
        self._max_chain_depth = max_chain_depth

    def targets(self, cause: RoomEvent, binding: ChannelBinding, context: RoomContext) -> list[StreamTarget]:
        """The channels that take the reply of ``binding`` to ``cause`` as it is written; none if it is to be whole."""
        reply = delivered(reply_to(cause, reply_of(binding, cause)), context)
        if reply.chain_depth >= self._max_chain_depth or self._may_be_stopped(reply):
            return []
        return [
            StreamTarget(self._channels[target.channel_id], target)
            for target in context.bindings
            if target.category is ChannelCategory.TRANSPORT
            and receives(reply, target)
            and target.channel_id in self._channels
            and self._channels[target.channel_id].listens_in(cause.room_id)
        ]

    def _may_be_stopped(self, reply: RoomEvent) -> bool:
        return any(
            hook.execution is HookExecution.SYNC
            and hook.wants(reply)
            and not getattr(hook.function, LETS_STREAMS_PASS, False)
            for hook in self._hooks.hooks_for(reply.room_id, HookTrigger.BEFORE_BROADCAST)
        )
