"""Channels come into rooms, leave them, and change what they may do there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roomkit_sim.core.timeline import Timeline
from roomkit_sim.errors import ChannelNotFoundError, ChannelNotRegisteredError
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.enums import EventStatus, EventType, HookTrigger
from roomkit_sim.models.event import EventSource, RoomEvent, SystemContent

if TYPE_CHECKING:
    from roomkit_sim.core.framework import RoomKit

__all__ = ["Attachment"]


@dataclass(slots=True)
class _Readings:
    """Of one binding, while any is under way: the last one that was begun, the last one that was told, and how many."""

    begun: int = 0
    told: int = 0
    under_way: int = 0


class Attachment:
    """Keeps the bindings of rooms.

    Args:
        kit: The kit.
        timeline: Where changes are noted.
    """

    def __init__(self, kit: RoomKit, timeline: Timeline) -> None:
        self._kit = kit
        self._timeline = timeline
        self._pending: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._readings: dict[tuple[str, str], _Readings] = {}

    async def attach(self, room_id: str, channel_id: str, settings: dict[str, Any]) -> ChannelBinding:
        """Bind a channel; what is not said comes from the channel itself."""
        await self._kit.get_room(room_id)
        channel = self._kit.channels.get(channel_id)
        if channel is None:
            raise ChannelNotRegisteredError(
                f"no channel {channel_id!r} is registered: call register_channel() before attach_channel()"
            )
        own = {"channel_type": channel.channel_type, "category": channel.category, "direction": channel.direction}
        said = {key: value for key, value in settings.items() if value is not None}
        binding = ChannelBinding.model_validate(
            {"channel_id": channel_id, "room_id": room_id, "capabilities": channel.capabilities(), **own, **said}
        )
        async with self._kit.lock_manager.locked(room_id):
            await self._kit.store.add_binding(binding)
            await self._tell(binding.room_id, channel_id, binding)
        await self._note(binding, EventType.CHANNEL_ATTACHED, HookTrigger.ON_CHANNEL_ATTACHED)
        await self._kit.emit_framework_event("room_channel_attached", room_id=room_id, channel_id=channel_id)
        return binding

    async def detach(self, room_id: str, channel_id: str) -> bool:
        """Unbind a channel. Its conversations in the room end at once, though the room may be busy."""
        if await self._kit.store.get_binding(room_id, channel_id) is not None:
            await self._tell(room_id, channel_id, None)
        async with self._kit.lock_manager.locked(room_id):
            binding = await self._kit.store.get_binding(room_id, channel_id)
            if binding is None:
                return False
            await self._kit.store.remove_binding(room_id, channel_id)
            await self._tell(room_id, channel_id, None)
        await self._note(binding, EventType.CHANNEL_DETACHED, HookTrigger.ON_CHANNEL_DETACHED)
        await self._kit.emit_framework_event("room_channel_detached", room_id=room_id, channel_id=channel_id)
        return True

    async def change(
        self, room_id: str, channel_id: str, trigger: HookTrigger | None, **changes: Any
    ) -> ChannelBinding:
        """Change a binding.

        Conversations that are going on follow at once: a room may be busy for as long as an agent takes to answer, and
        somebody who is muted must not be heard so long.

        Raises:
            ChannelNotFoundError: The channel is not in the room.
        """
        pending = self._pending.setdefault((room_id, channel_id), [])
        pending.append(changes)
        try:
            await self._tell_of_pending(room_id, channel_id)
            async with self._kit.lock_manager.locked(room_id):
                binding = await self._kit.store.get_binding(room_id, channel_id)
                if binding is None:
                    raise ChannelNotFoundError(f"channel {channel_id!r} is not attached to room {room_id!r}")
                changed = binding.model_copy(update=changes)
                await self._kit.store.update_binding(changed)
        finally:
            # By identity: two that change the same are two.
            pending[:] = [other for other in pending if other is not changes]
            if not pending:
                self._pending.pop((room_id, channel_id), None)
            await self._tell_of_pending(room_id, channel_id)
        if trigger is not None:
            kind = EventType.CHANNEL_MUTED if changed.muted else EventType.CHANNEL_UNMUTED
            await self._note(changed, kind, trigger)
        return changed

    async def _tell_of_pending(self, room_id: str, channel_id: str) -> None:
        """Tell the channel what its binding comes to: as it is stored, with what waits to be stored."""
        key = (room_id, channel_id)
        with self._reading(key) as readings:
            mine = readings.begun
            binding = await self._kit.store.get_binding(room_id, channel_id)
            # A store may answer late: what was read after this and is told already is newer.
            if binding is None or mine < readings.told:
                return
            readings.told = mine
            waiting = {name: value for change in self._pending.get(key, ()) for name, value in change.items()}
            await self._tell(room_id, channel_id, binding.model_copy(update=waiting))

    @contextmanager
    def _reading(self, key: tuple[str, str]) -> Iterator[_Readings]:
        readings = self._readings.setdefault(key, _Readings())
        readings.begun += 1
        readings.under_way += 1
        try:
            yield readings
        finally:
            readings.under_way -= 1
            if not readings.under_way:
                del self._readings[key]

    async def _tell(self, room_id: str, channel_id: str, binding: ChannelBinding | None) -> None:
        channel = self._kit.channels.get(channel_id)
        try:
            if channel is not None:
                channel.binding_changed(room_id, binding)
        except Exception as error:
            where = f"channel {channel_id} taking note of its binding"
            await self._kit.report_error(where, error, room_id=room_id, channel_id=channel_id)

    async def _note(self, binding: ChannelBinding, kind: EventType, trigger: HookTrigger) -> None:
        """Enter the change into the timeline, where no one is shown it, and run its hooks."""
        event = RoomEvent(
            room_id=binding.room_id,
            type=kind,
            source=EventSource(channel_id=binding.channel_id, channel_type=binding.channel_type),
            content=SystemContent(body=kind.value, data={"channel_id": binding.channel_id}),
            status=EventStatus.DELIVERED,
            visibility="internal",
        )
        async with self._kit.lock_manager.locked(binding.room_id):
            stored = await self._kit.store.add_event_auto_index(binding.room_id, event)
        context = await self._timeline.context(binding.room_id)
        await self._kit.hook_engine.run_async_hooks(binding.room_id, trigger, stored, context)
