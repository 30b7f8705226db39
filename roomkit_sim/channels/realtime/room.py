"""The channel's way to its kit: hooks, framework events, the timeline. Without a kit, nothing happens."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import HookTrigger, RoomStatus
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.room import Room
from roomkit_sim.voice.base import VoiceSession

if TYPE_CHECKING:
    from roomkit_sim.core.framework import RoomKit
    from roomkit_sim.core.hooks import SyncHooksOutcome

__all__ = ["RoomGateway"]


class RoomGateway:
    """What the realtime parts need of a kit.

    Args:
        channel_id: The channel in whose name things happen.
    """

    def __init__(self, channel_id: str) -> None:
        self._channel_id = channel_id
        self.kit: RoomKit | None = None

    async def emit(self, session: VoiceSession, event_type: str, **data: Any) -> None:
        """Emit a framework event of a session."""
        if self.kit is not None:
            await self.kit.emit_framework_event(
                event_type, room_id=session.room_id, channel_id=self._channel_id, session_id=session.id, data=data
            )

    async def report(self, session: VoiceSession | None, where: str, error: BaseException) -> None:
        """Report an error that nobody awaits."""
        if self.kit is not None:
            room_id = session.room_id if session is not None else None
            await self.kit.report_error(where, error, room_id=room_id, channel_id=self._channel_id)

    def has_hooks(self, session: VoiceSession, trigger: HookTrigger) -> bool:
        """Whether anybody wants to know."""
        return self.kit is not None and bool(self.kit.hook_engine.hooks_for(session.room_id, trigger))

    async def observe(self, session: VoiceSession, trigger: HookTrigger, event: Any) -> None:
        """Run hooks that only observe."""
        if self.kit is not None and self.has_hooks(session, trigger):
            context = await self._context(session.room_id)
            await self.kit.hook_engine.run_async_hooks(session.room_id, trigger, event, context)

    async def decide(self, session: VoiceSession, trigger: HookTrigger, event: Any) -> SyncHooksOutcome | None:
        """Run hooks that may block or change ``event``; ``None`` if there are none."""
        if self.kit is None or not self.has_hooks(session, trigger):
            return None
        context = await self._context(session.room_id)
        return await self.kit.hook_engine.run_sync_hooks(session.room_id, trigger, event, context)

    async def binding(self, room_id: str) -> ChannelBinding | None:
        """The channel's binding in a room, if it is attached."""
        return None if self.kit is None else await self.kit.store.get_binding(room_id, self._channel_id)

    async def post(self, session: VoiceSession, text: str, role: str, began_at: datetime | None = None) -> None:
        """Enter what was said into the timeline, if the channel is attached to the room and the room is open.

        Args:
            session: In which it was said.
            text: The words.
            role: ``"user"`` or ``"assistant"``.
            began_at: When the speaker began, where that is known: the words are entered when they have been understood.
        """
        if self.kit is None or not await self._is_open(session.room_id):
            return
        began = {} if began_at is None else {"speech_started_at": began_at.isoformat()}
        await self.kit.send_event(
            room_id=session.room_id,
            channel_id=self._channel_id,
            content=TextContent(body=text),
            participant_id=session.participant_id if role == "user" else None,
            metadata={"voice_session_id": session.id, "source": "realtime_voice", "role": role, **began},
        )

    async def _is_open(self, room_id: str) -> bool:
        assert self.kit is not None
        room = await self.kit.store.get_room(room_id)
        return room is not None and room.status is not RoomStatus.CLOSED and await self.binding(room_id) is not None

    async def _context(self, room_id: str) -> RoomContext:
        assert self.kit is not None
        room = await self.kit.store.get_room(room_id)
        if room is None:
            # A session needs no room in the store; its hooks still need to be told which one it is.
            return RoomContext(room=Room(id=room_id))
        return RoomContext(room=room, bindings=await self.kit.store.list_bindings(room_id))
