"""Puts events into a room: hooks, storage, broadcast, the replies to it, and what follows.

What decides and changes a room happens under its lock; observers run after it, so that a slow one freezes nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from roomkit_sim.core.absent_agents import AbsentAgents
from roomkit_sim.core.aftermath import Aftermath, collecting, open_aftermath
from roomkit_sim.core.event_router import ROUTED_TO, Broadcast, EventRouter
from roomkit_sim.core.hooks import HookEngine, SyncHooksOutcome
from roomkit_sim.core.ids import new_id
from roomkit_sim.core.replies import delivered, reply_to
from roomkit_sim.errors import RoomNotFoundError
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelCategory, EventStatus, EventType, HookTrigger
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.hook import InjectedEvent
from roomkit_sim.models.room import Room
from roomkit_sim.store.base import ConversationStore

if TYPE_CHECKING:
    from roomkit_sim.core.framework import RoomKit

__all__ = ["Timeline"]

CHAIN_LIMIT = "event_chain_depth_limit"
RECENT_EVENTS = 50

_Reply: TypeAlias = tuple[RoomEvent, frozenset[str]]
"""A reply, and the channels that have had it as a stream."""


class Timeline:
    """The way of events into rooms.

    Args:
        kit: For reports.
        store: Where events are kept.
        hooks: The hooks of the kit.
        router: Brings events to channels.
        max_chain_depth: Replies to replies beyond this depth are stored as blocked.
    """

    def __init__(
        self, kit: RoomKit, store: ConversationStore, hooks: HookEngine, router: EventRouter, max_chain_depth: int
    ) -> None:
        self._kit = kit
        self._store = store
        self._hooks = hooks
        self._router = router
        self._max_chain_depth = max_chain_depth
        self.absent_agents = AbsentAgents(kit.channels)

    async def context(self, room_id: str) -> RoomContext:
        """The room as it is now, with its newest events."""
        return RoomContext(
            room=await self._kit.get_room(room_id),
            bindings=await self._store.list_bindings(room_id),
            participants=await self._store.list_participants(room_id),
            recent_events=await self._recent(room_id),
        )

    async def _recent(self, room_id: str) -> list[RoomEvent]:
        """The newest events and at least as many of the newest messages: notices must not make an agent forget."""
        newest = await self._store.recent_events(room_id, RECENT_EVENTS)
        if len(newest) < RECENT_EVENTS or all(event.type is EventType.MESSAGE for event in newest):
            return newest
        messages = await self._store.recent_events(room_id, RECENT_EVENTS, EventType.MESSAGE)
        return [event for event in messages if event.index < newest[0].index] + newest

    async def process(self, event: RoomEvent, aftermath: Aftermath) -> RoomEvent:
        """Hooks, storage and broadcast of an event and of all replies to it. The room's lock is held.

        Returns:
            The event as stored; its status is BLOCKED when a hook stopped it.
        """
        with self._telling_what_was_done(aftermath), collecting(aftermath):
            stored, replies = await self._enter(event, aftermath)
            waiting = deque(replies)
            budget = 10 * self._max_chain_depth
            while waiting:
                reply, already = waiting.popleft()
                reply = await self._with_own_id(reply)
                if reply.chain_depth >= self._max_chain_depth or not budget:
                    aftermath.too_deep.append(await self._store_blocked(reply, CHAIN_LIMIT))
                    continue
                budget -= 1
                _, further = await self._enter(reply, aftermath, already)
                waiting.extend(further)
        return stored

    async def post(self, event: RoomEvent, aftermath: Aftermath) -> RoomEvent:
        """Storage and broadcast of a notice, without hooks before. The room's lock is held.

        An intelligence is not shown what the system posts, unless it is routed to it: an answer would have no place.
        """
        with self._telling_what_was_done(aftermath), collecting(aftermath):
            context = await self.context(event.room_id)
            stored = await self._store.add_event_auto_index(event.room_id, delivered(event, context))
            context.recent_events.append(stored)
            with _telling_of(stored, aftermath):
                result = await self._router.broadcast(stored, context, wanted=_addressed_by(stored), with_replies=False)
                aftermath.errors += result.errors.items()
                await self._keep_side_products(event.room_id, result, aftermath)
        return stored

    async def settle(self, aftermath: Aftermath) -> None:
        """Tell the observers what happened, but never while the room is held by somebody around this.

        They are told although the caller is cancelled meanwhile.
        """
        await self._kit.background.see_through(self._settle(aftermath), name=f"observers of room {aftermath.room_id}")

    async def _settle(self, aftermath: Aftermath) -> None:
        room_id = aftermath.room_id
        holder = open_aftermath(self._kit, room_id)
        if holder is not None:
            holder.absorb(aftermath)
        elif self._kit.lock_manager.is_held(room_id):
            self._kit.background.spawn(self._tell(aftermath), name=f"observers of room {room_id}")
        else:
            await self._tell(aftermath)

    @contextmanager
    def _telling_what_was_done(self, aftermath: Aftermath) -> Iterator[None]:
        """Where a store fails, or the caller is cancelled, what was stored before it is told like anything else."""
        try:
            yield
        except BaseException:
            self._kit.background.spawn(self._settle(aftermath), name=f"observers of room {aftermath.room_id}")
            raise

    async def _tell(self, aftermath: Aftermath) -> None:
        room_id = aftermath.room_id
        try:
            context = await self.context(room_id)
        except RoomNotFoundError:
            # It was removed since. What happened in it happened.
            context = RoomContext(room=Room(id=room_id))
        for notice in aftermath.error_notices:
            await self._hooks.run_async_hooks(room_id, HookTrigger.ON_ERROR, notice, context)
        for channel_id, error in aftermath.errors:
            await self._kit.report_error(f"channel {channel_id}", error, room_id=room_id, channel_id=channel_id)
        for event in aftermath.blocked:
            await self._kit.emit_framework_event(
                "event_blocked", room_id=room_id, data={"event_id": event.id, "blocked_by": event.blocked_by}
            )
        for event in aftermath.too_deep:
            await self._kit.emit_framework_event(
                "chain_depth_exceeded", room_id=room_id, data={"event_id": event.id, "depth": event.chain_depth}
            )
        for task in aftermath.tasks:
            await self._hooks.run_async_hooks(room_id, HookTrigger.ON_TASK_CREATED, task, context)
        for event in aftermath.broadcast:
            await self._hooks.run_async_hooks(room_id, HookTrigger.AFTER_BROADCAST, event, context)

    async def _enter(
        self, event: RoomEvent, aftermath: Aftermath, already: frozenset[str] = frozenset()
    ) -> tuple[RoomEvent, list[_Reply]]:
        context = await self.context(event.room_id)
        outcome = await self._hooks.run_sync_hooks(event.room_id, HookTrigger.BEFORE_BROADCAST, event, context)
        if not outcome.allowed:
            stored = await self._store_blocked(event, outcome.blocked_by or "hook", outcome.reason)
            aftermath.blocked.append(stored)
            await self._deliver_injected(outcome.injected_events, context, aftermath)
            await self._keep_side_products(event.room_id, outcome, aftermath)
            return stored, []
        stored = await self._store.add_event_auto_index(event.room_id, delivered(outcome.event, context))
        context.recent_events.append(stored)
        with _telling_of(stored, aftermath):
            result = await self._router.broadcast(stored, context, already=already)
            aftermath.errors += [*self.absent_agents.newly_missed(stored, context), *result.errors.items()]
            await self._deliver_injected(outcome.injected_events, context, aftermath)
            await self._keep_side_products(event.room_id, outcome, aftermath)
            await self._keep_side_products(event.room_id, result, aftermath)
        return stored, [
            (reply_to(stored, reply), result.streamed.get(reply.id, frozenset())) for reply in result.replies
        ]

    async def _store_blocked(self, event: RoomEvent, by: str, reason: str | None = None) -> RoomEvent:
        metadata = {**event.metadata, "blocked_reason": reason} if reason else event.metadata
        blocked = event.model_copy(update={"status": EventStatus.BLOCKED, "blocked_by": by, "metadata": metadata})
        return await self._store.add_event_auto_index(event.room_id, blocked)

    async def _deliver_injected(
        self, injected: list[InjectedEvent], context: RoomContext, aftermath: Aftermath
    ) -> None:
        """Bring what hooks add to people. Like a notice, it asks no intelligence for an answer."""
        for item in injected:
            event = await self._with_own_id(delivered(item.event, context))
            stored = await self._store.add_event_auto_index(context.room.id, event)
            result = await self._router.broadcast(stored, context, wanted=_people_among(item.target_channel_ids))
            aftermath.errors += result.errors.items()

    async def _with_own_id(self, event: RoomEvent) -> RoomEvent:
        """A hook may add the same event again and again, a channel may answer with what it was given."""
        known = await self._store.get_event(event.id)
        return event if known is None else event.model_copy(update={"id": new_id()})

    async def _keep_side_products(self, room_id: str, made: SyncHooksOutcome | Broadcast, aftermath: Aftermath) -> None:
        for task in made.tasks:
            await self._store.add_task(task)
        for observation in made.observations:
            await self._store.add_observation(observation)
        aftermath.tasks += made.tasks
        if isinstance(made, Broadcast) and made.metadata_updates:
            room = await self._kit.get_room(room_id)
            await self._store.update_room(
                room.model_copy(update={"metadata": {**room.metadata, **made.metadata_updates}})
            )


@contextmanager
def _telling_of(stored: RoomEvent, aftermath: Aftermath) -> Iterator[None]:
    """It is in the room: whatever fails from here on, observers who keep a copy of the room must have it too."""
    try:
        yield
    finally:
        aftermath.broadcast.append(stored)


def _people_among(channel_ids: list[str] | None) -> Callable[[ChannelBinding], bool]:
    return lambda binding: (
        binding.category is not ChannelCategory.INTELLIGENCE
        and (channel_ids is None or binding.channel_id in channel_ids)
    )


def _addressed_by(event: RoomEvent) -> Callable[[ChannelBinding], bool]:
    routed_to = event.metadata.get(ROUTED_TO)
    return lambda binding: binding.category is not ChannelCategory.INTELLIGENCE or binding.channel_id == routed_to
