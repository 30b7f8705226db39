"""Who in a room gets an event, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.channels.base import Channel
from roomkit_sim.core.bounded_delivery import deliver_in_time
from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.core.clock import now
from roomkit_sim.core.streamed_replies import StreamTarget, Written, close_stream, deliver_stream
from roomkit_sim.models.channel import ChannelBinding, ChannelOutput
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import Access, ChannelCategory, ChannelDirection
from roomkit_sim.models.event import EventSource, RoomEvent, TextContent
from roomkit_sim.models.stream import ReplyStream
from roomkit_sim.models.task import Observation, Task

__all__ = [
    "ALWAYS_PROCESS",
    "GREETING_CUE",
    "INTERNAL",
    "ROUTED_TO",
    "Broadcast",
    "EventRouter",
    "addressees",
    "may_receive",
    "may_send",
    "receives",
    "reply_of",
    "sees",
]

ROUTED_TO = "_routed_to"
"""Event metadata: the one intelligence that answers; no other reacts."""
ALWAYS_PROCESS = "_always_process"
"""Event metadata: intelligences that see the event besides the one that it is routed to."""
INTERNAL = "_orchestration_internal"
"""Event metadata: a notice of the orchestration, which no intelligence reacts to."""

GREETING_CUE = "greeting_cue"
"""Event metadata: asks the agent in charge to speak. Nobody said it, and no person is shown it."""

_MAY_RECEIVE = frozenset({Access.READ_WRITE, Access.READ_ONLY})
_MAY_SEND = frozenset({Access.READ_WRITE, Access.WRITE_ONLY})


def may_send(binding: ChannelBinding | None) -> bool:
    """Whether what comes from this binding is broadcast; a source that is no channel of the room may."""
    return binding is None or (binding.access in _MAY_SEND and not binding.muted)


def may_receive(binding: ChannelBinding) -> bool:
    """Whether the room's events are for this binding at all."""
    return binding.access in _MAY_RECEIVE


def sees(visibility: str, binding: ChannelBinding) -> bool:
    """Whether ``visibility`` includes a binding: all, none, transport, intelligence, or channel ids with commas."""
    match visibility:
        case "all":
            return True
        case "none":
            return False
        case "transport":
            return binding.category is ChannelCategory.TRANSPORT
        case "intelligence":
            return binding.category is ChannelCategory.INTELLIGENCE
        case _:
            return binding.channel_id in (part.strip() for part in visibility.split(","))


def receives(event: RoomEvent, binding: ChannelBinding) -> bool:
    """Whether a binding of the room gets an event."""
    return (
        binding.channel_id != event.source.channel_id
        and may_receive(binding)
        and binding.direction is not ChannelDirection.INBOUND
        and sees(event.visibility, binding)
        and _is_routed_to(event, binding)
    )


def _is_routed_to(event: RoomEvent, binding: ChannelBinding) -> bool:
    if binding.category is not ChannelCategory.INTELLIGENCE:
        return True
    if event.metadata.get(INTERNAL):
        return False
    routed_to = event.metadata.get(ROUTED_TO)
    return routed_to is None or binding.channel_id == routed_to or binding.channel_id in _always(event)


def _always(event: RoomEvent) -> list[str]:
    always = event.metadata.get(ALWAYS_PROCESS)
    return always if isinstance(always, list) else []


def addressees(event: RoomEvent) -> list[str]:
    """The agents that an event is routed to, and those who see it besides."""
    routed_to = event.metadata.get(ROUTED_TO)
    return [] if routed_to is None else list(dict.fromkeys([str(routed_to), *_always(event)]))


def reply_of(binding: ChannelBinding, cause: RoomEvent) -> RoomEvent:
    """A reply of a channel to an event, without words yet."""
    return RoomEvent(
        room_id=cause.room_id,
        source=EventSource(
            channel_id=binding.channel_id, channel_type=binding.channel_type, direction=ChannelDirection.OUTBOUND
        ),
        content=TextContent(body=""),
        parent_event_id=cause.id,
    )


def takes_whole_events(cause: RoomEvent, binding: ChannelBinding, context: RoomContext) -> list[StreamTarget]:
    """Nobody takes streams."""
    return []


@dataclass
class Broadcast:
    """What came back from a broadcast.

    Of a reply that was delivered as a stream, ``streamed`` tells by its id which channels have had it.
    """

    replies: list[RoomEvent] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    metadata_updates: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    delivered_to: list[str] = field(default_factory=list)
    streamed: dict[str, frozenset[str]] = field(default_factory=dict)

    def take(self, output: ChannelOutput, binding: ChannelBinding) -> None:
        """Add what one channel answered; a muted one may notice and propose, but not speak."""
        self.tasks += output.tasks
        self.observations += output.observations
        self.metadata_updates |= output.metadata_updates
        if not binding.muted:
            self.replies += output.response_events


class EventRouter:
    """Brings events to the channels of a room.

    Args:
        channels: The registered channels by id.
        stream_targets: Tells for an event, the binding that answers it and the room, which channels take the answer as
            it is written.
        delivery_timeout: Seconds for a channel to take an event; ``None`` waits for ever.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        stream_targets: Callable[[RoomEvent, ChannelBinding, RoomContext], Sequence[StreamTarget]] = takes_whole_events,
        delivery_timeout: float | None = None,
    ) -> None:
        self._channels = channels
        self._stream_targets = stream_targets
        self._delivery_timeout = delivery_timeout

    async def broadcast(
        self,
        event: RoomEvent,
        context: RoomContext,
        *,
        wanted: Callable[[ChannelBinding], bool] = lambda binding: True,
        already: frozenset[str] = frozenset(),
        with_replies: bool = True,
    ) -> Broadcast:
        """Bring an event to every channel that gets it: all at once, results in the order of the bindings.

        Args:
            event: The event, with its routing metadata.
            context: The room and its bindings.
            wanted: A further condition on bindings.
            already: Channels that have had it as a stream; it is not delivered to them again.
            with_replies: Whether replies have a place. If not, no stream is read: its author is not asked.
        """
        result = Broadcast()
        if not may_send(context.get_binding(event.source.channel_id)):
            return result
        targets = [b for b in context.bindings if receives(event, b) and wanted(b) and b.channel_id in self._channels]
        one_voice = asyncio.Lock()

        async def one(binding: ChannelBinding) -> ChannelOutput:
            output = await self._one(event, binding, context, deliver=binding.channel_id not in already)
            if output.response_stream is None:
                return output
            if not (with_replies and may_send(binding)):
                await close_stream(output.response_stream)
                return output.model_copy(update={"response_stream": None})
            # Two that answer at once are heard one after the other.
            async with one_voice:
                return await self._streamed(output, output.response_stream, event, binding, context, result)

        async def guarded(binding: ChannelBinding) -> ChannelOutput:
            with cancelled_only_from_outside(f"channel {binding.channel_id!r}"):
                return await one(binding)

        outputs = await asyncio.gather(*(guarded(binding) for binding in targets), return_exceptions=True)
        for binding, output in zip(targets, outputs, strict=True):
            if isinstance(output, Exception):
                result.errors[binding.channel_id] = output
            elif isinstance(output, BaseException):
                raise output
            else:
                result.delivered_to.append(binding.channel_id)
                result.take(output, binding)
        return result

    async def _one(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext, *, deliver: bool
    ) -> ChannelOutput:
        channel = self._channels[binding.channel_id]
        if binding.category is ChannelCategory.TRANSPORT and deliver:
            await deliver_in_time(channel, event, binding, context, self._delivery_timeout)
        return await channel.on_event(event, binding, context)

    async def _streamed(
        self,
        output: ChannelOutput,
        stream: AsyncIterator[str],
        cause: RoomEvent,
        binding: ChannelBinding,
        context: RoomContext,
        result: Broadcast,
    ) -> ChannelOutput:
        """A streamed reply is an event like any other when it is complete: one storage, one broadcast, the same rules.

        Where a channel takes the words as they are written, what it has been given is kept when the author fails.
        """
        reply = reply_of(binding, cause)
        targets = self._stream_targets(cause, binding, context)
        written = await deliver_stream(stream, reply, targets, context)
        result.errors |= written.errors
        if written.error is not None:
            if not targets:
                raise written.error
            result.errors[binding.channel_id] = written.error
        if not written.words:
            return output.model_copy(update={"response_stream": None})
        reply = _with_words(reply, written, stream)
        result.streamed[reply.id] = frozenset(target.binding.channel_id for target in targets)
        if isinstance(stream, ReplyStream):
            try:
                await stream.written(reply)
            except Exception as error:
                # What has been spoken belongs into the timeline, whatever its author makes of that.
                result.errors[binding.channel_id] = error
        return output.model_copy(update={"response_events": [*output.response_events, reply], "response_stream": None})


def _with_words(reply: RoomEvent, written: Written, stream: AsyncIterator[str]) -> RoomEvent:
    told = stream.metadata if isinstance(stream, ReplyStream) else {}
    return reply.model_copy(
        update={
            "content": TextContent(body=written.words),
            "metadata": {**told, **written.marks},
            "created_at": now(),
        }
    )
