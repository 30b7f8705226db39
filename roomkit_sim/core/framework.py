"""The kit: rooms, channels, hooks and messages behind one object."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from roomkit_sim.channels.base import Channel
from roomkit_sim.core.aftermath import Aftermath
from roomkit_sim.core.attachment import Attachment
from roomkit_sim.core.clock import now
from roomkit_sim.core.event_router import EventRouter
from roomkit_sim.core.hooks import FailureDecision, HookEngine, HookRegistration, checked_moment
from roomkit_sim.core.identification import Identification
from roomkit_sim.core.ids import new_id
from roomkit_sim.core.inbound import InboundPath
from roomkit_sim.core.inbound_rate import InboundRate
from roomkit_sim.core.inbound_router import DefaultInboundRoomRouter, InboundRoomRouter
from roomkit_sim.core.locks import InMemoryLockManager, RoomLockManager
from roomkit_sim.core.reports import Reports, system_event
from roomkit_sim.core.stream_policy import StreamPolicy
from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.core.timeline import Timeline
from roomkit_sim.errors import (
    ChannelNotFoundError,
    ChannelNotRegisteredError,
    ConfigurationError,
    RoomError,
    RoomNotFoundError,
)
from roomkit_sim.identity.base import IdentityResolver
from roomkit_sim.models.channel import ChannelBinding, RateLimit
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.delivery import InboundMessage, InboundResult
from roomkit_sim.models.enums import (
    Access,
    ChannelCategory,
    ChannelDirection,
    ChannelType,
    EventType,
    HookExecution,
    HookTrigger,
    RoomStatus,
)
from roomkit_sim.models.event import EventContent, EventSource, RoomEvent
from roomkit_sim.models.framework_event import FrameworkEvent
from roomkit_sim.models.room import Room
from roomkit_sim.store.base import ConversationStore
from roomkit_sim.store.memory import InMemoryStore

if TYPE_CHECKING:
    from roomkit_sim.voice.backends.base import VoiceBackend
    from roomkit_sim.voice.stt.base import STTProvider
    from roomkit_sim.voice.tts.base import TTSProvider

__all__ = ["ChannelNotFoundError", "ChannelNotRegisteredError", "RoomKit", "RoomNotFoundError"]

Function = TypeVar("Function", bound=Callable[..., Any])


class RoomKit:
    """Rooms in which channels meet.

    Args:
        store: Where conversations are kept; in memory when absent.
        identity_resolver: Finds out who writes.
        identity_channel_types: Channels of these types are asked about; all when absent.
        inbound_router: Chooses the room of an inbound message that names none.
        lock_manager: The locks of rooms; in this process when absent.
        max_chain_depth: Replies to replies beyond this depth are blocked.
        identity_timeout: Seconds for the identity resolver, and for each identity hook.
        process_timeout: Seconds that a message may wait for its room.
        delivery_timeout: Seconds for a channel to take an event, while the room waits; one that takes longer is
            reported and does not get it. ``None`` waits for ever.
        stt: A recogniser for the application's own use; closed with the kit. Voice channels are given theirs.
        tts: A synthesiser, likewise.
        voice: A voice backend, likewise.
        inbound_rate_limit: For each sender of a channel; messages above it are blocked as ``"rate_limited"``.

    Raises:
        ConfigurationError: In the time for deliveries nothing can be delivered.
    """

    def __init__(
        self,
        *,
        store: ConversationStore | None = None,
        identity_resolver: IdentityResolver | None = None,
        identity_channel_types: set[ChannelType] | None = None,
        inbound_router: InboundRoomRouter | None = None,
        lock_manager: RoomLockManager | None = None,
        max_chain_depth: int = 5,
        identity_timeout: float = 10.0,
        process_timeout: float = 30.0,
        delivery_timeout: float | None = 30.0,
        stt: STTProvider | None = None,
        tts: TTSProvider | None = None,
        voice: VoiceBackend | None = None,
        inbound_rate_limit: RateLimit | None = None,
    ) -> None:
        if delivery_timeout is not None and delivery_timeout <= 0:
            raise ConfigurationError(
                f"delivery_timeout is {delivery_timeout:g} s, in which no channel can take anything: give seconds "
                f"above 0, or None to wait for ever"
            )
        self.store = store or InMemoryStore()
        self.lock_manager = lock_manager or InMemoryLockManager()
        self.channels: dict[str, Channel] = {}
        self.stt, self.tts, self.voice = stt, tts, voice
        self._reports = Reports(self)
        self.hook_engine = HookEngine(self._reports.hook_failed)
        self.background = BackgroundTasks(self.report_error)
        self._streams = StreamPolicy(self.channels, self.hook_engine, max_chain_depth)
        router = EventRouter(self.channels, self._streams.targets, delivery_timeout)
        self._timeline = Timeline(self, self.store, self.hook_engine, router, max_chain_depth)
        self._attachment = Attachment(self, self._timeline)
        types = None if identity_channel_types is None else frozenset(identity_channel_types)
        self._identification = Identification(self, identity_resolver, types, identity_timeout)
        self._inbound = InboundPath(
            self,
            self._timeline,
            inbound_router or DefaultInboundRoomRouter(self.store),
            self._identification,
            None if inbound_rate_limit is None else InboundRate(inbound_rate_limit),
            process_timeout,
        )
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channels and the store. Closing again does nothing."""
        if self._closed:
            return
        self._closed = True
        for channel in list(self.channels.values()):
            try:
                await channel.close()
            except Exception as error:
                await self.report_error(f"closing channel {channel.channel_id}", error, channel_id=channel.channel_id)
        for name, part in (("stt", self.stt), ("tts", self.tts), ("voice", self.voice)):
            try:
                if part is not None:
                    await part.close()
            except Exception as error:
                await self.report_error(f"closing {name}", error)
        await self.background.cancel_all()
        await self.store.close()

    # Rooms

    async def create_room(self, room_id: str | None = None, metadata: dict[str, Any] | None = None) -> Room:
        """Make a room.

        Raises:
            RoomError: A room of this id is there already; making it anew would lose its conversation.
        """
        room = Room(id=new_id() if room_id is None else room_id, metadata=dict(metadata or {}))
        async with self.lock_manager.locked(room.id):
            if await self.store.get_room(room.id) is not None:
                raise RoomError(f"room {room_id!r} exists already: use get_room(), or choose another id")
            await self.store.create_room(room)
        event = system_event(room.id, "Room created")
        await self.hook_engine.run_async_hooks(room.id, HookTrigger.ON_ROOM_CREATED, event, RoomContext(room=room))
        await self.emit_framework_event("room_created", room_id=room.id)
        return room

    async def get_room(self, room_id: str) -> Room:
        """The room.

        Raises:
            RoomNotFoundError: There is none of this id.
        """
        room = await self.store.get_room(room_id)
        if room is None:
            raise RoomNotFoundError(f"no room {room_id!r}: create it with create_room() first")
        return room

    async def close_room(self, room_id: str) -> Room:
        """Close a room: it keeps its conversation and answers no more. Closing again does nothing."""
        async with self.lock_manager.locked(room_id):
            room = await self.get_room(room_id)
            if room.status is RoomStatus.CLOSED:
                return room
            closed = room.model_copy(update={"status": RoomStatus.CLOSED, "closed_at": now(), "updated_at": now()})
            await self.store.update_room(closed)
            context = await self._timeline.context(room_id)
        event = system_event(room_id, "Room closed")
        await self.hook_engine.run_async_hooks(room_id, HookTrigger.ON_ROOM_CLOSED, event, context)
        await self.emit_framework_event("room_closed", room_id=room_id)
        self.hook_engine.forget_room(room_id)
        self._timeline.absent_agents.forget_room(room_id)
        return closed

    # Channels

    def register_channel(self, channel: Channel) -> None:
        """Make a channel known to the kit.

        Raises:
            ConfigurationError: Another channel of this id is registered; replacing it would cut off its sessions.
        """
        known = self.channels.get(channel.channel_id)
        if known is not None and known is not channel:
            raise ConfigurationError(
                f"a channel {channel.channel_id!r} is registered already: give the new one another id, or call "
                f"unregister_channel() first"
            )
        self.channels[channel.channel_id] = channel
        channel.on_registered(self)

    def unregister_channel(self, channel_id: str) -> None:
        """Forget a channel; its bindings stay in the store and reach nobody."""
        self.channels.pop(channel_id, None)

    async def attach_channel(
        self,
        room_id: str,
        channel_id: str,
        channel_type: ChannelType | None = None,
        category: ChannelCategory | None = None,
        access: Access = Access.READ_WRITE,
        visibility: str = "all",
        **binding: Any,
    ) -> ChannelBinding:
        """Bring a channel into a room. Type and category are the channel's own when absent.

        Raises:
            RoomNotFoundError: There is no such room.
            ChannelNotRegisteredError: There is no such channel.
        """
        return await self._attachment.attach(
            room_id,
            channel_id,
            {"channel_type": channel_type, "category": category, "access": access, "visibility": visibility, **binding},
        )

    async def detach_channel(self, room_id: str, channel_id: str) -> bool:
        """Take a channel out of a room; tells whether it was in it.

        Spoken calls that it has in the room fall silent at once and end, with the reason ``"detached"``.
        """
        return await self._attachment.detach(room_id, channel_id)

    async def mute(self, room_id: str, channel_id: str) -> ChannelBinding:
        """Let a channel listen and not speak. Callers on it are not heard from this moment."""
        return await self._attachment.change(room_id, channel_id, HookTrigger.ON_CHANNEL_MUTED, muted=True)

    async def unmute(self, room_id: str, channel_id: str) -> ChannelBinding:
        """Let a muted channel speak again."""
        return await self._attachment.change(room_id, channel_id, HookTrigger.ON_CHANNEL_UNMUTED, muted=False)

    async def set_access(self, room_id: str, channel_id: str, access: Access) -> ChannelBinding:
        """Change what a channel may do in a room.

        Of spoken calls on it: with ``READ_ONLY`` callers hear and are not heard, with ``WRITE_ONLY`` they are heard and
        hear nothing, with ``NONE`` neither, as on hold. It takes effect at once and the calls go on.
        """
        return await self._attachment.change(room_id, channel_id, None, access=access)

    async def set_visibility(self, room_id: str, channel_id: str, visibility: str) -> ChannelBinding:
        """Change who sees what a channel says."""
        return await self._attachment.change(room_id, channel_id, None, visibility=visibility)

    # Messages

    async def process_inbound(self, message: InboundMessage, *, room_id: str | None = None) -> InboundResult:
        """Take a message from outside through hooks, storage and broadcast.

        Raises:
            ChannelNotRegisteredError: The message's channel is not registered.
        """
        return await self._inbound.process(message, room_id)

    async def send_event(
        self,
        room_id: str,
        channel_id: str,
        content: EventContent,
        event_type: EventType = EventType.MESSAGE,
        chain_depth: int = 0,
        participant_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        visibility: str = "all",
        provider: str | None = None,
        response_visibility: str | None = None,
    ) -> RoomEvent:
        """Post an event in the name of a channel. It is stored and broadcast; no agent answers it.

        Raises:
            ChannelNotFoundError: The channel is not attached to the room.
            RoomError: The room is closed.
        """
        aftermath = Aftermath(self, room_id)
        async with self.lock_manager.locked(room_id):
            room = await self.get_room(room_id)
            if room.status is RoomStatus.CLOSED:
                raise RoomError(f"room {room_id!r} is closed: nothing can be posted to it")
            binding = await self.store.get_binding(room_id, channel_id)
            if binding is None:
                raise ChannelNotFoundError(
                    f"channel {channel_id!r} is not attached to room {room_id!r}: call attach_channel() first"
                )
            event = RoomEvent(
                room_id=room_id,
                type=event_type,
                source=EventSource(
                    channel_id=channel_id,
                    channel_type=binding.channel_type,
                    direction=ChannelDirection.OUTBOUND,
                    participant_id=participant_id,
                    provider=provider,
                ),
                content=content,
                chain_depth=chain_depth,
                visibility=visibility,
                response_visibility=response_visibility,
                metadata=dict(metadata or {}),
            )
            stored = await self._timeline.post(event, aftermath)
        await self._timeline.settle(aftermath)
        return stored

    def streams_reply(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> bool:
        """Whether the reply of ``binding`` to an event would be spoken while it is written."""
        return bool(self._streams.targets(event, binding, context))

    # Hooks and events

    def hook(
        self,
        trigger: HookTrigger,
        execution: HookExecution = HookExecution.SYNC,
        priority: int = 0,
        name: str = "",
        timeout: float = 30.0,
        channel_types: set[ChannelType] | None = None,
        channel_ids: set[str] | None = None,
        directions: set[ChannelDirection] | None = None,
        on_failure: FailureDecision | None = None,
    ) -> Callable[[Function], Function]:
        """Register a hook for all rooms (see :mod:`roomkit_sim.core.hooks`).

        A function may bring its own ``on_failure`` as an attribute.

        Raises:
            ConfigurationError: There is no such trigger, or an async hook would never run at it.
        """
        trigger, execution = checked_moment(trigger, execution)

        def register(function: Function) -> Function:
            self.hook_engine.register(
                HookRegistration(
                    trigger,
                    function,
                    execution,
                    priority,
                    name,
                    timeout,
                    frozenset(channel_types) if channel_types is not None else None,
                    frozenset(channel_ids) if channel_ids is not None else None,
                    frozenset(directions) if directions is not None else None,
                    on_failure or getattr(function, "on_failure", None),
                )
            )
            return function

        return register

    def identity_hook(self, trigger: HookTrigger) -> Callable[[Function], Function]:
        """Register ``async (event, context, identity_result) -> IdentityHookResult | None``.

        It is asked about senders of whom the resolver is not certain. ``IDENTIFIED`` with an identity names the sender,
        ``REJECTED`` and ``CHALLENGE_SENT`` block the message; the first hook that does not answer ``None`` decides.

        Raises:
            ConfigurationError: The trigger is neither ON_IDENTITY_UNKNOWN nor ON_IDENTITY_AMBIGUOUS.
        """
        if trigger not in (HookTrigger.ON_IDENTITY_UNKNOWN, HookTrigger.ON_IDENTITY_AMBIGUOUS):
            raise ConfigurationError(
                f"{trigger} is no identity hook: use ON_IDENTITY_UNKNOWN or ON_IDENTITY_AMBIGUOUS, or kit.hook()"
            )

        def register(function: Function) -> Function:
            self._identification.add_hook(trigger, function)
            return function

        return register

    def add_room_hook(
        self,
        room_id: str,
        trigger: HookTrigger,
        execution: HookExecution,
        fn: Callable[..., Awaitable[Any]],
        priority: int = 0,
        name: str = "",
    ) -> None:
        """Register a hook for one room.

        Raises:
            ConfigurationError: There is no such trigger, or an async hook would never run at it.
        """
        trigger, execution = checked_moment(trigger, execution)
        self.hook_engine.add_room_hook(room_id, HookRegistration(trigger, fn, execution, priority, name))

    def remove_room_hook(self, room_id: str, name: str) -> bool:
        """Remove the hooks of one room that have this name; tells whether there was one."""
        return self.hook_engine.remove_room_hook(room_id, name)

    def on(self, event_type: str) -> Callable[[Function], Function]:
        """Register a handler of framework events; ``"*"`` is all of them."""

        def register(function: Function) -> Function:
            self._reports.add_handler(event_type, function)
            return function

        return register

    async def emit_framework_event(
        self,
        event_type: str,
        *,
        room_id: str | None = None,
        channel_id: str | None = None,
        session_id: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Tell observers and handlers what the framework did. A handler that fails stops nobody and is reported."""
        await self._reports.emit(
            FrameworkEvent(
                type=event_type, room_id=room_id, channel_id=channel_id, session_id=session_id, data=dict(data or {})
            )
        )

    async def report_error(
        self, where: str, error: BaseException, *, room_id: str | None = None, channel_id: str | None = None
    ) -> None:
        """Report a failure that nobody awaits: an ``error`` framework event, and the ON_ERROR hooks of the room.

        Where the room is held, the hooks run when it has been given up: a slow one must not keep others waiting.
        """
        await self._reports.error(where, error, room_id, channel_id)
