"""The way of a message from outside into its room."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from roomkit_sim.core.aftermath import Aftermath
from roomkit_sim.core.clock import monotonic_ns
from roomkit_sim.core.event_router import GREETING_CUE
from roomkit_sim.core.identification import Identification, Refusal
from roomkit_sim.core.inbound_rate import InboundRate
from roomkit_sim.core.inbound_router import InboundRoomRouter
from roomkit_sim.core.locks import InMemoryLockManager
from roomkit_sim.core.timeline import Timeline
from roomkit_sim.errors import ChannelNotRegisteredError, ConfigurationError
from roomkit_sim.models.delivery import InboundMessage, InboundResult
from roomkit_sim.models.enums import EventStatus, HookTrigger, RoomStatus
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.session_event import SessionStartedEvent

if TYPE_CHECKING:
    from roomkit_sim.core.framework import RoomKit

__all__ = ["PROCESS_TIMEOUT", "InboundPath"]

PROCESS_TIMEOUT = "process_timeout"
"""Why a message was blocked whose room was not given up in time: nobody has decided against it."""


class InboundPath:
    """Takes messages from outside through hooks, storage and broadcast.

    Args:
        kit: The kit.
        timeline: Puts events into rooms.
        router: Chooses the room of a message that names none.
        identification: Finds out who writes.
        rate: Limits what comes in; ``None`` is no limit.
        process_timeout: Seconds that a message may wait for its room. What has begun to be stored and broadcast is not
            cut off: a message that is reported as blocked was not delivered.
    """

    def __init__(
        self,
        kit: RoomKit,
        timeline: Timeline,
        router: InboundRoomRouter,
        identification: Identification,
        rate: InboundRate | None,
        process_timeout: float,
    ) -> None:
        self._kit = kit
        self._timeline = timeline
        self._router = router
        self._identification = identification
        self._rate = rate
        self._process_timeout = process_timeout
        self._channels_finding_rooms = InMemoryLockManager()
        self._rooms_beginning = InMemoryLockManager()

    async def process(self, message: InboundMessage, room_id: str | None) -> InboundResult:
        """Process one message; its answers are in the room when this returns."""
        channel = self._kit.channels.get(message.channel_id)
        if channel is None:
            raise ChannelNotRegisteredError(f"no channel {message.channel_id!r} is registered: call register_channel()")
        if self._is_too_much(message):
            return InboundResult(blocked=True, reason="rate_limited")
        try:
            room_id = await self._find_room(message) if room_id is None else room_id
        except ConfigurationError as error:
            return InboundResult(blocked=True, reason=str(error))
        refusal = await self._refusal(room_id, message)
        if refusal is not None:
            return InboundResult(blocked=True, reason=refusal)
        context = await self._timeline.context(room_id)
        event = await channel.handle_inbound(message, context)
        if event.metadata.get(GREETING_CUE):
            event = event.model_copy(update={"visibility": "intelligence"})
            return await self._in_the_room(room_id, event, message)
        identified = await self._identification.apply(event, message, context)
        if isinstance(identified, Refusal):
            return InboundResult(blocked=True, reason=identified.reason)
        return await self._in_the_room(room_id, identified, message)

    def _is_too_much(self, message: InboundMessage) -> bool:
        """Whether the sender is above the limit. Cues come from within, for all rooms in one name."""
        if self._rate is None or message.metadata.get(GREETING_CUE):
            return False
        return not self._rate.admits(message.channel_id, message.sender_id, monotonic_ns())

    async def _refusal(self, room_id: str, message: InboundMessage) -> str | None:
        """Why a room does not take the message at this moment."""
        if (await self._kit.get_room(room_id)).status is RoomStatus.CLOSED:
            return "room_closed"
        if await self._kit.store.get_binding(room_id, message.channel_id) is None:
            return "channel_not_attached"
        if message.idempotency_key and await self._kit.store.check_idempotency(room_id, message.idempotency_key):
            return "duplicate"
        return None

    async def _in_the_room(self, room_id: str, event: RoomEvent, message: InboundMessage) -> InboundResult:
        lock = self._kit.lock_manager.locked(room_id)
        try:
            async with asyncio.timeout(self._process_timeout):
                await lock.__aenter__()
        except TimeoutError:
            return InboundResult(blocked=True, reason=PROCESS_TIMEOUT)
        aftermath = Aftermath(self._kit, room_id)
        try:
            # While it waited, the room may have been closed, the channel detached, the same message taken.
            refusal = await self._refusal(room_id, message)
            if refusal is not None:
                return InboundResult(blocked=True, reason=refusal)
            stored = await self._timeline.process(event, aftermath)
        finally:
            await lock.__aexit__(None, None, None)
        await self._timeline.settle(aftermath)
        await self._kit.emit_framework_event("event_processed", room_id=room_id, data={"event_id": stored.id})
        if stored.status is EventStatus.BLOCKED:
            return InboundResult(
                event=stored, blocked=True, reason=stored.metadata.get("blocked_reason") or stored.blocked_by
            )
        if message.session is not None:
            await self._kit.channels[message.channel_id].connect_session(message.session, room_id)
        return InboundResult(event=stored)

    async def _find_room(self, message: InboundMessage) -> str:
        """The message's room; the first messages of a channel, arriving at once, get one room and not one each.

        A message for a room that is being begun waits for its ON_SESSION_STARTED hooks, such as a greeting; messages
        for other rooms do not.
        """
        async with self._channels_finding_rooms.locked(message.channel_id):
            found = await self._router.route(message)
            room_id = found or await self._open_room(message)
        # Nobody comes in between: neither giving up the one lock nor taking the other, of a new room, waits.
        async with self._rooms_beginning.locked(room_id):
            if found is None:
                await self._begin(room_id, message.channel_id)
        return room_id

    async def _open_room(self, message: InboundMessage) -> str:
        room = await self._kit.create_room()
        await self._kit.attach_channel(room.id, message.channel_id)
        return room.id

    async def _begin(self, room_id: str, channel_id: str) -> None:
        started = SessionStartedEvent(room_id, channel_id)
        context = await self._timeline.context(room_id)
        await self._kit.hook_engine.run_async_hooks(room_id, HookTrigger.ON_SESSION_STARTED, started, context)
