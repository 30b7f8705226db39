"""What a caller may do in the room, by the binding of the channel on whose line the caller is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit_sim.core.event_router import may_receive, may_send
from roomkit_sim.models.channel import ChannelBinding

__all__ = ["LEFT", "Standing", "standing_of"]


@dataclass(frozen=True)
class Standing:
    """Whether a caller takes part in a conversation, in either direction.

    Args:
        heard: What the caller says is listened to.
        hears: What others say reaches the caller.
    """

    heard: bool
    hears: bool


LEFT = Standing(heard=False, hears=False)
"""Of callers whose channel has been taken out of the room."""


def standing_of(binding: ChannelBinding | None) -> Standing:
    """The standing of the callers on a channel.

    A channel that reads is one whose callers hear; one that writes, one whose callers are heard. A muted channel reads
    and does not write.

    Args:
        binding: The channel's binding in the room; without one nothing has been restricted.
    """
    if binding is None:
        return Standing(heard=True, hears=True)
    return Standing(heard=may_send(binding), hears=may_receive(binding))
