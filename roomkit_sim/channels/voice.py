"""Voice through text: callers are recognised, agents answer in words, and the words are spoken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roomkit_sim.channels.base import Channel
from roomkit_sim.channels.realtime.ordered_worker import OrderedWorker
from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.standing import LEFT, Standing, standing_of
from roomkit_sim.channels.voice_parts.call import CallRegistry, LiveCall, Work
from roomkit_sim.channels.voice_parts.delivery import Delivery
from roomkit_sim.channels.voice_parts.hearing import Hearing
from roomkit_sim.channels.voice_parts.playback import TTSPlaybackState
from roomkit_sim.channels.voice_parts.recognition import Recognition
from roomkit_sim.channels.voice_parts.recordings import recording
from roomkit_sim.channels.voice_parts.settings import interruption_of, pipeline_of
from roomkit_sim.channels.voice_parts.speech import Speaker
from roomkit_sim.channels.voice_parts.synthesis import Synthesis
from roomkit_sim.channels.voice_parts.turns import Turns
from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelCategory, ChannelMediaType, ChannelType, HookTrigger
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.session_event import SessionStartedEvent
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.base import AudioChunk, VoiceSession, VoiceSessionState
from roomkit_sim.voice.interruption import InterruptionConfig
from roomkit_sim.voice.pipeline.config import AudioPipelineConfig
from roomkit_sim.voice.pipeline.listening import Listener
from roomkit_sim.voice.stt.base import STTProvider
from roomkit_sim.voice.tts.base import TTSProvider

if TYPE_CHECKING:
    from roomkit_sim.core.framework import RoomKit

__all__ = ["TTSPlaybackState", "VoiceChannel"]


class VoiceChannel(Channel):
    """Connects callers to the agents of a room.

    What a caller says is cut into utterances, recognised, shown to the ON_TRANSCRIPTION hooks and brought into the room
    as the caller's message. What others say in the room is shown to the BEFORE_TTS hooks and spoken to every caller, in
    the voice of the agent that said it. Each text that may be spoken is followed by AFTER_TTS, when it has been played
    to its end, or by ON_TTS_CANCELLED.

    Args:
        channel_id: Its id, unique in a kit.
        stt: Recognises callers; without one they are heard by nobody.
        tts: Speaks; without one nothing is spoken.
        backend: The callers' lines.
        pipeline: How callers are listened to; by loudness when absent.
        streaming: Use what the providers can do before an utterance or a text is complete.
        enable_barge_in: Whether a caller who speaks stops the agent.
        barge_in_threshold_ms: Before so much of the agent's speech is played it is not stopped.
        interruption: The same in detail; takes the place of the two before.
        batch_mode: Utterances end with :meth:`flush_stt`, and not where the caller pauses: dictation, push to talk.
        voice_map: Agent id to voice, by the synthesiser's name.
        max_audio_frames_per_second: Of a caller; frames beyond are dropped.
        tts_filter: The last to change a text before it is spoken, such as to take formatting out.
        stt_timeout_seconds: After the end of an utterance a recogniser that does not answer has failed.
        tts_timeout_seconds: A synthesiser that has text and gives no audio for so long, at the beginning or between two
            pieces, has failed; ``None`` waits for ever. One that does not stream must have spoken a whole sentence in
            it, and with ``streaming=False`` a whole text.
    """

    channel_type = ChannelType.VOICE
    category = ChannelCategory.TRANSPORT
    bounds_delivery = True  # What takes time are hooks, each with a bound of its own: speech is not waited for.

    def __init__(
        self,
        channel_id: str,
        *,
        stt: STTProvider | None = None,
        tts: TTSProvider | None = None,
        backend: VoiceBackend | None = None,
        pipeline: AudioPipelineConfig | None = None,
        streaming: bool = True,
        enable_barge_in: bool = True,
        barge_in_threshold_ms: float = 200.0,
        interruption: InterruptionConfig | None = None,
        batch_mode: bool = False,
        voice_map: Mapping[str, str] | None = None,
        max_audio_frames_per_second: int | None = None,
        tts_filter: Callable[[str], str] | None = None,
        stt_timeout_seconds: float = 30.0,
        tts_timeout_seconds: float | None = 10.0,
    ) -> None:
        super().__init__(channel_id)
        self._stt = stt
        self._tts = tts
        self._streaming = streaming
        self._backend = backend
        self._room = RoomGateway(channel_id)
        self._tasks = BackgroundTasks(self._report)
        self._endings = BackgroundTasks(self._report)
        self._calls = CallRegistry()
        self._pipeline = pipeline_of(pipeline, stt, streaming=streaming, batch_mode=batch_mode)
        self._synthesis = Synthesis(tts, streaming, self._room, tts_timeout_seconds)
        self._synthesis.update(voice_map or {})
        self._speaker = Speaker(backend, self._room, self._tasks)
        self._delivery = Delivery(self._calls, self._room, self._speaker, self._synthesis, tts_filter)
        self._turns = Turns(channel_id, self._room, self._pipeline.turn_detector)
        self._recognition = Recognition(
            stt, self._turns, self._room, streaming=streaming, timeout_s=stt_timeout_seconds
        )
        self._hearing = Hearing(
            self._pipeline,
            self._recognition,
            self._speaker,
            self._room,
            interruption_of(interruption, enable_barge_in, barge_in_threshold_ms),
            dictation=batch_mode,
            max_frames_per_second=max_audio_frames_per_second,
        )
        if backend is not None:
            backend.on_audio_received(self._on_caller_audio)
            backend.on_client_disconnected(self._on_client_disconnected)
            backend.on_session_ready(self._on_session_ready)
            backend.on_barge_in(self._on_barge_in)

    # What there is

    @property
    def backend(self) -> VoiceBackend | None:
        """The callers' lines."""
        return self._backend

    @property
    def stt(self) -> STTProvider | None:
        """The recogniser."""
        return self._stt

    @property
    def tts(self) -> TTSProvider | None:
        """The synthesiser."""
        return self._tts

    @property
    def voice_map(self) -> dict[str, str]:
        """Agent id to voice; a copy."""
        return dict(self._synthesis.voice_map)

    def update_voice_map(self, voices: Mapping[str, str]) -> None:
        """Add voices to the map, in place of those it has of the same agents. What is being said is not changed."""
        self._synthesis.update(voices)

    def voice_of(self, channel_id: str | None) -> str | None:
        """The voice of an agent; the synthesiser's default voice for agents that are not in the map."""
        return self._synthesis.voice_of(channel_id)

    @property
    def session_rooms(self) -> dict[str, str]:
        """Session id to room id, of the live sessions; a copy."""
        return {call.session.id: call.session.room_id for call in self._calls.all() if not call.ending}

    def get_room_sessions(self, room_id: str) -> list[VoiceSession]:
        """The live sessions of a room."""
        return [call.session for call in self._calls.of_room(room_id)]

    def playback_state(self, session: VoiceSession) -> TTSPlaybackState | None:
        """What is being said to a caller, and how far; ``None`` when nothing is."""
        call = self._calls.find(session)
        return None if call is None or call.speech is None else call.speech.state(session.id)

    @property
    def supports_streaming_delivery(self) -> bool:
        """Whether :meth:`deliver_stream` speaks before a text is complete."""
        return self._tts is not None and self._streaming

    def listens_in(self, room_id: str) -> bool:
        """Whether there is a caller in the room to whom a stream can be spoken."""
        return self.supports_streaming_delivery and any(call.hears for call in self._calls.of_room(room_id))

    def capabilities(self) -> ChannelCapabilities:
        """Audio, and text as it is spoken."""
        return ChannelCapabilities(media_types=[ChannelMediaType.AUDIO, ChannelMediaType.TEXT], supports_audio=True)

    def on_registered(self, kit: RoomKit) -> None:
        """Use the kit for hooks and messages."""
        super().on_registered(kit)
        self._room.kit = kit

    def binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:
        """Let the callers of a room hear and be heard as the channel may there now; if it has left the room, they go.

        Their sessions end in the background then, with the reason ``"detached"``.
        """
        for call in self._calls.of_room(room_id):
            self._take_standing(call, LEFT if binding is None else standing_of(binding))
            if binding is None:
                call.ending = True
                self._endings.spawn(self._end(call, "detached"), name="end after detaching")

    # The life of a session

    async def start_session(
        self, room_id: str, participant_id: str, connection: Any, *, metadata: Mapping[str, Any] | None = None
    ) -> VoiceSession:
        """Take a caller on the backend and bind the session to a room.

        Args:
            room_id: The room; the channel must be attached to it for what the caller says to enter it.
            participant_id: Who the caller is.
            connection: What the backend needs to reach the caller.
            metadata: Kept in ``session.metadata``.

        Raises:
            ConfigurationError: The channel has no backend.
        """
        if self._backend is None:
            raise ConfigurationError(f"voice channel {self.channel_id!r} has no lines: pass backend= to VoiceChannel")
        session = VoiceSession(
            room_id=room_id, participant_id=participant_id, channel_id=self.channel_id, metadata=dict(metadata or {})
        )
        call = self._new_call(session, None)
        # Told below, and not by a backend that says that it is ready while it takes the caller.
        call.started = True
        try:
            await self._read_standing(call)
            self._calls.require(session)
            await self._backend.accept(session, connection)
        except BaseException:
            self._forget(call)
            raise
        if call.ending:
            # Whoever ended it may have hung up before there was a line.
            await self._endings.see_through(self._hang_up(session), name="hang up")
        self._calls.require(session)
        session.state = VoiceSessionState.ACTIVE
        self._note_rate(call)
        try:
            await self._announce(call)
        except BaseException:
            # Nobody is given the session, and so nobody could end it.
            self._endings.spawn(self.end_session(session), name="end session")
            raise
        return session

    def bind_session(self, session: VoiceSession, room_id: str, binding: ChannelBinding | None = None) -> None:
        """Bind a session that the backend has connected to a room. Binding it again does nothing.

        ON_SESSION_STARTED comes when the session is bound and the backend is ready, in whichever order that happens.

        Args:
            session: The session.
            room_id: The room.
            binding: The channel's binding in it, as :meth:`RoomKit.attach_channel` returned it.
        """
        self._bind(session, room_id, standing_of(binding))

    async def connect_session(self, session: VoiceSession, room_id: str) -> None:
        """:meth:`bind_session`, with the binding that the room has."""
        call = self._bind(session, room_id, None)
        if call is None:
            return
        try:
            await self._read_standing(call)
        except BaseException:
            self._forget(call)
            raise
        self._start_if_ready(call)

    async def end_session(self, session: VoiceSession, *, reason: str = "ended") -> None:
        """End a session and hang up. Ending it again does nothing.

        What is being said is cancelled. What the caller said last and is not recognised yet is lost; what is recognised
        already, or being answered, stays in the room. It ends although the caller of this is cancelled.

        Args:
            session: The session.
            reason: For the ``session_ended`` event: ``"ended"``, ``"hang_up"``, ``"detached"``, ``"closed"``.
        """
        call = self._calls.find(session)
        if call is None or call.ending:
            return
        call.ending = True
        await self._endings.see_through(self._end(call, reason), name="end session")

    async def _end(self, call: LiveCall, reason: str) -> None:
        session = call.session
        self._speaker.stop(call, "disconnect")
        call.stop()
        await self._hang_up(session)
        session.state = VoiceSessionState.ENDED
        self._calls.remove(session)
        await call.events.finish()
        await self._room.emit(session, "voice_session_ended", session_id=session.id, reason=reason)
        await self._room.emit(session, "session_ended", session_id=session.id, reason=reason)
        await self._room.observe(session, HookTrigger.ON_SESSION_ENDED, session)

    async def _hang_up(self, session: VoiceSession) -> None:
        if self._backend is None:
            return
        try:
            await self._backend.disconnect(session)
        except Exception as error:
            await self._room.report(session, "disconnecting the backend", error)

    def unbind_session(self, session: VoiceSession) -> None:
        """:meth:`end_session` in the background."""
        self._endings.spawn(self.end_session(session), name="end session")

    async def close(self) -> None:
        """End all sessions, then close the backend and the providers. One that fails is reported."""
        for call in self._calls.all():
            await self.end_session(call.session, reason="closed")
        await self._endings.drain()
        await self._tasks.cancel_all()
        for part in (self._backend, self._stt, self._tts):
            try:
                if part is not None:
                    await part.close()
            except Exception as error:
                await self._report(f"closing {type(part).__name__}", error)

    # Speaking

    async def deliver(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        """Speak a message to the callers of its room; returns when they begin to be spoken to.

        The BEFORE_TTS hooks are asked here, while the room is held, so that a handoff can still stop what the agent
        before has to say.
        """
        await self._delivery.event(event)
        return ChannelOutput.empty()

    async def deliver_stream(
        self, pieces: AsyncIterator[str], event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> str:
        """Speak a text that is being written, each sentence as soon as it is complete.

        The BEFORE_TTS hooks are asked for every sentence. Returns when the text has been written, or when every caller
        has stopped it or hung up.

        Args:
            pieces: The text.
            event: Whose text it is; the content is not looked at.
            binding: The channel's binding in the room.
            context: The room.

        Returns:
            The text that was written.
        """
        return await self._delivery.stream(pieces, event.room_id, event.source.channel_id)

    async def say(self, session: VoiceSession, text: str, *, voice: str | None = None) -> bool:
        """Say a text to one caller, in place of what is being said.

        It is the application's word on the line and no word of the room: a caller whose channel may not read the room,
        such as one who is put on hold, hears it all the same, as a recording that is played.

        Args:
            session: The caller.
            text: The words; the BEFORE_TTS hooks are asked.
            voice: By the synthesiser's name; its default voice when absent.

        Returns:
            Whether all of it was sent to the line; false when a hook blocked it or something stopped it before.
            :meth:`wait_playback_done` waits until it is played.

        Raises:
            SessionNotFoundError: The session has ended.
            ConfigurationError: The channel has no synthesiser.
            ProviderError: The synthesiser failed.
        """
        return await self._delivery.say(session, text, voice)

    async def say_to_room(self, room_id: str, text: str, *, voice: str | None = None) -> bool:
        """:meth:`say` to every caller who hears the room, at once; tells whether all of them were sent it."""
        return await self._delivery.say_to_room(room_id, text, voice)

    async def play(self, session: VoiceSession, audio: AudioChunk | bytes | str | Path) -> bool:
        """Play a recording to one caller, in place of what is being said. No TTS hooks are run.

        Args:
            session: The caller.
            audio: A chunk; or bytes, PCM16 mono at the line's rate (24 kHz where it is not known); or a WAV file.

        Returns:
            Whether all of it was sent to the line.

        Raises:
            SessionNotFoundError: The session has ended.
            ConfigurationError: The file is no PCM16 WAV file.
        """
        call = self._calls.require(session)
        source = recording(audio, call.line_rate_hz)
        return await self._speaker.start(call, source, voice=None, is_tts=False, awaited=True).sent

    async def interrupt(self, session: VoiceSession, *, reason: str = "explicit") -> bool:
        """Stop what is being said to a caller; tells whether something was."""
        call = self._calls.find(session)
        return call is not None and self._speaker.stop(call, reason) is not None

    async def interrupt_all(self, room_id: str, *, reason: str = "explicit") -> int:
        """Stop what is being said in a room; tells to how many callers something was."""
        return sum([await self.interrupt(session, reason=reason) for session in self.get_room_sessions(room_id)])

    async def wait_playback_done(self, room_id: str, timeout: float = 15.0) -> bool:
        """Wait until nothing is being said in a room, or for ``timeout`` seconds; tells whether nothing is."""
        try:
            async with asyncio.timeout(timeout):
                while speeches := [call.speech for call in self._calls.of_room(room_id) if call.speech is not None]:
                    for speech in speeches:
                        await speech.over.wait()
        except TimeoutError:
            return False
        return True

    # Hearing

    async def flush_stt(self, session: VoiceSession) -> str:
        """With ``batch_mode``: what the caller has said since the last time is an utterance; recognise it.

        Returns:
            The words, as the hooks left them; empty when there were none.

        Raises:
            SessionNotFoundError: The session has ended.
        """
        call = self._calls.require(session)
        utterance, call.utterance = call.utterance, None
        if utterance is None:
            return ""
        utterance.understood = asyncio.get_running_loop().create_future()
        utterance.end()
        return await utterance.understood

    # Small parts

    def _bind(self, session: VoiceSession, room_id: str, standing: Standing | None) -> LiveCall | None:
        """The new call; ``None`` if the session has one."""
        if self._calls.find(session) is not None:
            return None
        session.room_id = room_id
        session.channel_id = self.channel_id
        call = self._new_call(session, standing)
        self._note_rate(call)
        self._start_if_ready(call)
        return call

    async def _read_standing(self, call: LiveCall) -> None:
        binding = await self._room.binding(call.session.room_id)
        # What was changed while it was read is newer.
        call.standing = call.standing or standing_of(binding)

    def _take_standing(self, call: LiveCall, standing: Standing) -> None:
        before, call.standing = call.standing, standing
        if before is None or before == standing:
            return
        if before.heard and not standing.heard:
            self._hearing.stop(call)
        if before.hears and not standing.hears:
            self._speaker.stop(call, "access")
        told = self._room.emit(call.session, "voice_session_access", heard=standing.heard, hears=standing.hears)
        self._tasks.spawn(told, name="tell of the session's access")

    def _new_call(self, session: VoiceSession, standing: Standing | None) -> LiveCall:
        call = LiveCall(session, Listener(self._pipeline), standing)

        async def do(work: Work) -> None:
            await work()

        async def report(where: str, error: BaseException) -> None:
            await self._room.report(session, where, error)

        call.events = OrderedWorker(self._tasks, "events of the session", do, report)
        call.recognitions = OrderedWorker(
            self._tasks, "recognition", lambda utterance: self._recognition.recognise(call, utterance), report
        )
        call.turns = OrderedWorker(
            self._tasks, "what the caller said", lambda text: self._turns.bring(call, text), report
        )
        self._calls.add(call)
        return call

    def _forget(self, call: LiveCall) -> None:
        """A session that did not come about: nothing of it stays."""
        call.ending = True
        call.stop()
        call.events.stop()
        self._calls.remove(call.session)

    def _note_rate(self, call: LiveCall) -> None:
        rate_hz = call.session.metadata.get("transport_sample_rate")
        call.line_rate_hz = int(rate_hz) if rate_hz else None

    def _start_if_ready(self, call: LiveCall) -> None:
        if call.started or call.ending or call.standing is None:
            return
        if call.session.state is VoiceSessionState.ACTIVE:
            call.started = True
            self._tasks.spawn(self._announce(call), name="tell of the session")

    async def _announce(self, call: LiveCall) -> None:
        session = call.session
        data = {"session_id": session.id, "participant_id": session.participant_id}
        await self._room.emit(session, "voice_session_started", **data)
        started = SessionStartedEvent(session.room_id, self.channel_id, session)
        await self._room.observe(session, HookTrigger.ON_SESSION_STARTED, started)
        await self._room.emit(session, "session_started", **data)

    def _on_caller_audio(self, session: VoiceSession, frame: AudioFrame) -> None:
        call = self._calls.find(session)
        if call is not None:
            self._hearing.from_caller(call, frame)

    def _on_session_ready(self, session: VoiceSession) -> None:
        if session.state is VoiceSessionState.CONNECTING:
            session.state = VoiceSessionState.ACTIVE
        call = self._calls.find(session)
        if call is not None:
            self._note_rate(call)
            self._start_if_ready(call)

    def _on_barge_in(self, session: VoiceSession) -> None:
        call = self._calls.find(session)
        if call is not None:
            self._hearing.barge_in(call)

    def _on_client_disconnected(self, session: VoiceSession) -> asyncio.Future[None] | None:
        if self._calls.find(session) is None:
            return None
        ending = self._endings.spawn(self.end_session(session, reason="hang_up"), name="end after hang-up")
        # A backend that awaits this in its reading task, and cancels that task to disconnect, must not cancel the end.
        return asyncio.shield(ending)

    async def _report(self, where: str, error: BaseException) -> None:
        await self._room.report(None, where, error)
