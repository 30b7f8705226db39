"""Speech-to-speech: callers on one side, a model that hears and speaks on the other."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from roomkit_sim.channels.base import Channel
from roomkit_sim.channels.realtime.after_result import running_tool
from roomkit_sim.channels.realtime.audio_path import AudioPath
from roomkit_sim.channels.realtime.conversation import Conversation
from roomkit_sim.channels.realtime.ordered_worker import OrderedWorker
from roomkit_sim.channels.realtime.provider_events import ProviderEvents
from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.realtime.session import LiveVoiceSession, SessionRegistry, Work
from roomkit_sim.channels.realtime.starting import config_of_metadata, starting_config
from roomkit_sim.channels.realtime.tool_calls import ToolCalls
from roomkit_sim.channels.speakers import name_of_speaker
from roomkit_sim.channels.standing import LEFT, Standing, standing_of
from roomkit_sim.channels.tool_handlers import ToolHandler
from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelCategory, ChannelMediaType, ChannelType, HookTrigger
from roomkit_sim.models.event import RoomEvent, TextContent
from roomkit_sim.models.session_event import SessionStartedEvent
from roomkit_sim.providers.ai.speakers import named
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.config import SessionConfig
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider
from roomkit_sim.voice.realtime.tools import DeferredToolResult

if TYPE_CHECKING:
    import asyncio

    from roomkit_sim.core.framework import RoomKit

__all__ = ["DeferredToolResult", "RealtimeVoiceChannel", "SessionConfigurator"]

SessionConfigurator = Callable[[str], Awaitable[SessionConfig | None]]
"""From a room's id to the configuration of the agent that is in charge there."""


class RealtimeVoiceChannel(Channel):
    """Connects callers to a speech-to-speech model.

    Prompt, voice and tools belong to a session and change with :meth:`reconfigure_session`; the channel's own are the
    defaults of sessions that begin, and never change.

    Args:
        channel_id: Its id, unique in a kit.
        provider: The model.
        transport: The callers' lines.
        system_prompt: Default instructions.
        voice: Default voice, by the provider's name.
        tools: The application's tools; every agent has them beside its handoff tool.
        temperature: Sampling temperature.
        input_sample_rate: In Hz, what the provider is sent.
        output_sample_rate: In Hz, what the provider sends.
        transport_sample_rate: In Hz, of lines that do not say theirs in ``session.metadata["transport_sample_rate"]``.
        emit_transcription_events: Whether what is said enters the room's timeline.
        tool_handler: Does the model's tool calls: ``(name, arguments)`` or ``(session, name, arguments)``, sync or
            async; answers a string, a dictionary or a :class:`DeferredToolResult`.
        mute_on_tool_call: Mute the caller while a tool runs.
        tool_result_max_length: The longest tool result that the model is given, in characters.
        provider_config: Default settings that only the provider understands.
    """

    channel_type = ChannelType.REALTIME_VOICE
    category = ChannelCategory.TRANSPORT

    def __init__(
        self,
        channel_id: str,
        *,
        provider: RealtimeVoiceProvider,
        transport: VoiceBackend,
        system_prompt: str | None = None,
        voice: str | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
        temperature: float | None = None,
        input_sample_rate: int = 16000,
        output_sample_rate: int = 24000,
        transport_sample_rate: int | None = None,
        emit_transcription_events: bool = True,
        tool_handler: ToolHandler | None = None,
        mute_on_tool_call: bool = False,
        tool_result_max_length: int = 16384,
        provider_config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(channel_id)
        self.tool_handler = tool_handler
        self.session_configurator: SessionConfigurator | None = None
        self.handoff_handler: Any = None
        self._provider = provider
        self._transport = transport
        self._base = SessionConfig(
            system_prompt, voice, None if tools is None else tuple(tools), temperature, provider_config
        )
        self._input_rate_hz = input_sample_rate
        self._output_rate_hz = output_sample_rate
        self._transport_rate_hz = transport_sample_rate
        self._room = RoomGateway(channel_id)
        self._tasks = BackgroundTasks(self._report)
        self._sessions = SessionRegistry()
        self._endings = BackgroundTasks(self._report)
        self._audio = AudioPath(provider, transport, self._room, self._tasks, input_sample_rate, output_sample_rate)
        self._conversation = Conversation(transport, self._room, emit_transcription_events)
        self._tool_calls = ToolCalls(
            provider,
            transport,
            self._room,
            self._tasks,
            lambda: self.tool_handler,
            mute_on_tool_call,
            tool_result_max_length,
        )
        events = ProviderEvents(
            self._sessions, self._audio, self._conversation, self._tool_calls, self._room, self._tasks, self.end_session
        )
        events.listen_to(provider)
        transport.on_audio_received(self._on_caller_audio)
        transport.on_client_disconnected(self._on_client_disconnected)

    # What there is

    @property
    def provider(self) -> RealtimeVoiceProvider:
        """The model's side."""
        return self._provider

    @property
    def transport(self) -> VoiceBackend:
        """The callers' side."""
        return self._transport

    @property
    def base_config(self) -> SessionConfig:
        """The defaults of sessions that begin."""
        return self._base

    @property
    def session_rooms(self) -> dict[str, str]:
        """Session id to room id, of the live sessions; a copy."""
        return {live.session.id: live.session.room_id for live in self._sessions.all() if not live.ending}

    def is_live(self, session: VoiceSession) -> bool:
        """Whether a session is one of this channel's, and has not ended and is not about to."""
        live = self._sessions.find(session)
        return live is not None and not live.ending

    def get_room_sessions(self, room_id: str) -> list[VoiceSession]:
        """The live sessions of a room."""
        return [live.session for live in self._sessions.of_room(room_id)]

    def session_config(self, session: VoiceSession) -> SessionConfig:
        """What a session is configured with now.

        Raises:
            SessionNotFoundError: It has ended.
        """
        return self._sessions.require(session).config

    def capabilities(self) -> ChannelCapabilities:
        """Audio, and text as transcripts."""
        return ChannelCapabilities(media_types=[ChannelMediaType.AUDIO, ChannelMediaType.TEXT], supports_audio=True)

    def on_registered(self, kit: RoomKit) -> None:
        """Use the kit for hooks and the timeline."""
        super().on_registered(kit)
        self._room.kit = kit

    def binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:
        """Let the callers of a room hear and be heard as the channel may there now; if it has left the room, they go.

        Their sessions end in the background then, with the reason ``"detached"``.
        """
        for live in self._sessions.of_room(room_id):
            self._take_standing(live, LEFT if binding is None else standing_of(binding))
            if binding is None:
                live.ending = True
                self._endings.spawn(self._end(live, "detached"), name="end after detaching")

    # The life of a session

    async def start_session(
        self, room_id: str, participant_id: str, connection: Any, *, metadata: Mapping[str, Any] | None = None
    ) -> VoiceSession:
        """Connect a caller to the model.

        Args:
            room_id: The room; the channel need not be attached to it, but only then what is said enters its timeline.
            participant_id: Who the caller is.
            connection: What the transport needs to reach the caller.
            metadata: Kept in ``session.metadata``. ``system_prompt``, ``voice``, ``tools``, ``temperature`` and
                ``provider_config`` are this session's own and win over the agent's and the channel's.

        Raises:
            ProviderConnectionError: The model could not be reached; the caller has been hung up.
            SessionNotFoundError: The caller hung up meanwhile.
        """
        session = VoiceSession(
            room_id=room_id, participant_id=participant_id, channel_id=self.channel_id, metadata=dict(metadata or {})
        )
        own = config_of_metadata(session.metadata)
        agent = await self.session_configurator(room_id) if self.session_configurator is not None else None
        live = self._new_live(session, starting_config(own, agent, self._base), own)
        try:
            binding = await self._room.binding(room_id)
            # What was changed while it was read is newer.
            live.standing = live.standing or standing_of(binding)
            self._sessions.require(session)
            await self._transport.accept(session, connection)
            self._sessions.require(session)
            self._audio.prepare(live, session.metadata.get("transport_sample_rate") or self._transport_rate_hz)
            await self._connect(live)
            self._sessions.require(session)
        except BaseException:
            await self._endings.see_through(self._abandon(live), name="abandon session")
            raise
        try:
            await self._announce(session)
        except BaseException:
            # Nobody is given the session, and so nobody could end it.
            self._endings.spawn(self.end_session(session), name="end session")
            raise
        return session

    async def end_session(self, session: VoiceSession, *, reason: str = "ended") -> None:
        """End a session: the model's connection, then the caller's line. Ending it again does nothing.

        It ends although the caller of this is cancelled.

        Args:
            session: The session.
            reason: For the ``session_ended`` event: ``"ended"``, ``"hang_up"``, ``"detached"``, ``"provider_closed"``,
                ``"closed"``.
        """
        live = self._sessions.find(session)
        if live is None or live.ending:
            return
        live.ending = True
        await self._endings.see_through(self._end(live, reason), name="end session")

    async def _end(self, live: LiveVoiceSession, reason: str) -> None:
        session = live.session
        if reason != "hang_up":
            await self._tell_client(session, type="session_ended", reason=reason)
        await self._close_both_sides(live)
        self._sessions.remove(session)
        await live.events.finish()
        await self._room.emit(session, "voice_session_ended", session_id=session.id, reason=reason)
        await self._room.emit(session, "session_ended", session_id=session.id, reason=reason)
        await self._room.observe(session, HookTrigger.ON_SESSION_ENDED, session)

    async def close(self) -> None:
        """End all sessions, then close provider and transport. One that fails is reported."""
        for live in self._sessions.all():
            await self.end_session(live.session, reason="closed")
        await self._endings.drain()
        await self._tasks.cancel_all()
        for part in (self._provider, self._transport):
            try:
                await part.close()
            except Exception as error:
                await self._report(f"closing {type(part).__name__}", error)

    # What can be done with a session

    async def inject_text(self, session: VoiceSession, text: str, *, role: str = "user") -> None:
        """Say ``text`` to the model in the name of ``role`` and let it answer.

        Raises:
            SessionNotFoundError: The session has ended.
        """
        if not self._sessions.require(session).released:
            await self._provider.inject_text(session, text, role=role)

    async def reconfigure_session(
        self,
        session: VoiceSession,
        *,
        system_prompt: str | None = None,
        voice: str | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
        temperature: float | None = None,
        provider_config: Mapping[str, Any] | None = None,
        report: bool = True,
    ) -> None:
        """Change prompt, voice, tools or settings of one session and go on with its conversation.

        ``None`` keeps the session's own value; ``""`` and ``()`` clear it. Tools that the session's metadata brought
        stay. A session whose model was released gets one again. Called by a tool that the session's model has called,
        it returns at once and the change follows the tool's result, which must reach the model on the connection that
        asked.

        Args:
            session: The session.
            system_prompt: Instructions.
            voice: The provider's name of the voice.
            tools: All tools, the application's included.
            temperature: Sampling temperature.
            provider_config: Settings that only the provider understands.
            report: Whether to emit ``session_reconfigure`` events.

        Raises:
            SessionNotFoundError: The session has ended, or ended meanwhile.
            ProviderError: It did not succeed. The session goes on being configured as before for this channel, but may
                be without a connection: call again, or end it.
        """
        live = self._sessions.require(session)
        change = SessionConfig(
            system_prompt, voice, None if tools is None else tuple(tools), temperature, provider_config
        )
        tool = running_tool(live)
        if tool is not None:
            tool.add(lambda: self._reconfigure(live, change, report=report))
            return
        await self._reconfigure(live, change, report=report)

    async def release_provider(self, session: VoiceSession) -> None:
        """Close the model's connection and leave the caller's line open, for a person to take over.

        :meth:`reconfigure_session` connects a model again.
        """
        live = self._sessions.require(session)
        if live.released:
            return
        live.released = True
        await self._provider.disconnect(session)
        if not live.ending:
            session.state = VoiceSessionState.PAUSED

    # Channel

    async def deliver(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        """Nothing: the caller hears the model, and :meth:`on_event` tells the model."""
        return ChannelOutput.empty()

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        """Tell the models of the room what others wrote, agents by name, in the role of ``metadata["inject_role"]``."""
        if event.source.channel_id == self.channel_id or not isinstance(event.content, TextContent):
            return ChannelOutput.empty()
        role = str(event.metadata.get("inject_role", "system"))
        text = named(event.content.body, name_of_speaker(event, context, self.channel_id))
        for session in self.get_room_sessions(event.room_id):
            self._tasks.spawn(self._inject_event(session, event, text, role), name="inject text")
        return ChannelOutput.empty()

    # Small parts

    def _new_live(self, session: VoiceSession, config: SessionConfig, own: SessionConfig) -> LiveVoiceSession:
        live = LiveVoiceSession(session, config, own_tools=own.tools or ())

        async def do(work: Work) -> None:
            await work()

        async def report(where: str, error: BaseException) -> None:
            await self._room.report(session, where, error)

        live.events = OrderedWorker(self._tasks, "events of the session", do, report)
        live.caller_audio = OrderedWorker(
            self._tasks, "audio of the caller", lambda pcm: self._audio.to_model(live, pcm), report
        )
        live.model_audio = OrderedWorker(
            self._tasks, "audio of the model", lambda item: self._audio.to_caller(live, item), report
        )
        self._sessions.add(live)
        return live

    async def _announce(self, session: VoiceSession) -> None:
        data = {"session_id": session.id, "participant_id": session.participant_id}
        started = SessionStartedEvent(session.room_id, self.channel_id, session)
        await self._room.emit(session, "voice_session_started", **data)
        await self._room.observe(session, HookTrigger.ON_SESSION_STARTED, started)
        await self._room.emit(session, "session_started", **data)
        await self._tell_client(session, type="session_started")

    async def _connect(self, live: LiveVoiceSession) -> None:
        await self._provider.connect(
            live.session,
            **_settings(live.config),
            input_sample_rate=self._input_rate_hz,
            output_sample_rate=self._output_rate_hz,
            server_vad=True,
        )

    async def _reconfigure(self, live: LiveVoiceSession, change: SessionConfig, *, report: bool) -> None:
        wanted = change.with_tools_of(SessionConfig(tools=live.own_tools)).over(live.config)
        if report:
            await self._room.emit(live.session, "session_reconfigure", step="started", agent=None)
        try:
            await self._apply(live, wanted)
        except Exception as error:
            if report:
                await self._room.emit(live.session, "session_reconfigure", step="failed", agent=None, error=str(error))
            raise
        if report:
            await self._room.emit(live.session, "session_reconfigure", step="completed", agent=None)

    async def _apply(self, live: LiveVoiceSession, config: SessionConfig) -> None:
        self._sessions.require(live.session)
        if live.released:
            await self._connect_again(live, config)
        else:
            # For a provider None means "keep", and what it has now may come from an attempt that failed.
            nothing = SessionConfig(system_prompt="", voice="", tools=(), provider_config={})
            await self._provider.reconfigure(live.session, **_settings(config.over(nothing)))
            self._sessions.require(live.session)
            live.config = config

    async def _connect_again(self, live: LiveVoiceSession, config: SessionConfig) -> None:
        previous, live.config = live.config, config
        try:
            await self._connect(live)
            self._sessions.require(live.session)
        except BaseException:
            live.config = previous
            live.session.state = VoiceSessionState.PAUSED
            if live.ending:
                # Whoever ended it may have left the model before it was called.
                live.session.state = VoiceSessionState.ENDED
                await self._endings.see_through(self._provider.disconnect(live.session), name="leave the model")
            raise
        live.released = False

    async def _abandon(self, live: LiveVoiceSession) -> None:
        """A session that did not come about: nothing of it stays, nor what was opened after somebody had ended it."""
        is_mine, live.ending = not live.ending, True
        await self._close_both_sides(live)
        if is_mine:
            live.events.stop()
            self._sessions.remove(live.session)

    async def _tell_client(self, session: VoiceSession, **message: str) -> None:
        try:
            await self._transport.send_message(session, {**message, "session_id": session.id})
        except Exception as error:
            await self._room.report(session, "telling the client", error)

    async def _close_both_sides(self, live: LiveVoiceSession) -> None:
        session = live.session
        for where, hang_up in (("provider", self._provider.disconnect), ("transport", self._transport.disconnect)):
            try:
                await hang_up(session)
            except Exception as error:
                await self._room.report(session, f"disconnecting the {where}", error)
        session.state = VoiceSessionState.ENDED
        live.stop()

    async def _inject_event(self, session: VoiceSession, event: RoomEvent, text: str, role: str) -> None:
        live = self._sessions.find(session)
        if live is None or live.ending or live.released:
            return
        await self._provider.inject_text(session, text, role=role)
        await self._room.observe(session, HookTrigger.ON_REALTIME_TEXT_INJECTED, event)

    def _on_caller_audio(self, session: VoiceSession, frame: AudioFrame) -> None:
        live = self._sessions.find(session)
        if live is None:
            return
        # Some backends call from the thread of a sound card; queue and events belong to the loop.
        if threading.get_ident() == live.thread_id:
            self._audio.from_caller(live, frame)
        else:
            live.loop.call_soon_threadsafe(self._audio.from_caller, live, frame)

    def _on_client_disconnected(self, session: VoiceSession) -> asyncio.Task[None] | None:
        if self._sessions.find(session) is None:
            return None
        return self._endings.spawn(self.end_session(session, reason="hang_up"), name="end after hang-up")

    def _take_standing(self, live: LiveVoiceSession, standing: Standing) -> None:
        before, live.standing = live.standing, standing
        if before is None or before == standing:
            return
        if before.heard and not standing.heard:
            self._audio.stop_hearing(live)
        if before.hears and not standing.hears:
            self._audio.silence(live)
        elif standing.hears and not before.hears:
            self._audio.begin_with_next_answer(live)
        told = self._room.emit(live.session, "voice_session_access", heard=standing.heard, hears=standing.hears)
        self._tasks.spawn(told, name="tell of the session's access")

    async def _report(self, where: str, error: BaseException) -> None:
        await self._room.report(None, where, error)


def _settings(config: SessionConfig) -> dict[str, Any]:
    return {
        "system_prompt": config.system_prompt,
        "voice": config.voice,
        "tools": None if config.tools is None else list(config.tools),
        "temperature": config.temperature,
        "provider_config": config.provider_config,
    }
