"""From the provider's callbacks to the parts of the channel.

What must be immediate (audio, interruption) is done in the callback; what may take time goes through the session's
ordered worker, so that hooks, transcripts and tool calls happen in the order in which the provider told them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from roomkit_sim.channels.realtime.audio_path import AudioPath
from roomkit_sim.channels.realtime.conversation import Conversation
from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.realtime.session import LiveVoiceSession, SessionRegistry
from roomkit_sim.channels.realtime.spoken_call import spoken_call
from roomkit_sim.channels.realtime.tool_calls import ToolCalls
from roomkit_sim.core.clock import now
from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.errors import ProviderError
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.provider import ConnectionStep, RealtimeVoiceProvider

__all__ = ["ProviderEvents"]


class EndSession(Protocol):
    """Ends a session."""

    async def __call__(self, session: VoiceSession, *, reason: str) -> None:
        """End ``session``."""
        ...


class ProviderEvents:
    """Listens to a provider for all sessions of a channel. Events of sessions that have ended are ignored.

    Args:
        sessions: The sessions of the channel; a provider may serve other channels too.
        audio: Carries audio.
        conversation: Tells what is said.
        tool_calls: Runs tool calls.
        room: For reports.
        tasks: For what must not hold up the provider.
        end_session: Ends a session whose provider gave up.
    """

    def __init__(
        self,
        sessions: SessionRegistry,
        audio: AudioPath,
        conversation: Conversation,
        tool_calls: ToolCalls,
        room: RoomGateway,
        tasks: BackgroundTasks,
        end_session: EndSession,
    ) -> None:
        self._sessions = sessions
        self._audio = audio
        self._conversation = conversation
        self._tool_calls = tool_calls
        self._room = room
        self._tasks = tasks
        self._end_session = end_session

    def listen_to(self, provider: RealtimeVoiceProvider) -> None:
        """Register for everything that the provider tells."""
        provider.on_audio(self._on_audio)
        provider.on_transcription(self._on_transcription)
        provider.on_speech_start(self._on_speech_start)
        provider.on_speech_end(self._on_speech_end)
        provider.on_tool_call(self._on_tool_call)
        provider.on_tool_calls_cancelled(self._on_tool_calls_cancelled)
        provider.on_response_start(self._on_response_start)
        provider.on_response_end(self._on_response_end)
        provider.on_error(self._on_error)
        provider.on_connection(self._on_connection)

    def _on_audio(self, session: VoiceSession, pcm: bytes) -> None:
        live = self._sessions.find(session)
        if live is not None:
            self._audio.from_model(live, pcm)

    def _on_transcription(self, session: VoiceSession, text: str, role: str, is_final: bool) -> None:
        live = self._sessions.find(session)
        if live is None:
            return
        began_at = _speech_began(live, is_final) if role == "user" else None
        spoken = spoken_call(text, live.config.tools or ()) if is_final and role == "assistant" else None
        if spoken is not None:
            live.events.put(lambda: self._tool_calls.start_spoken(live, spoken))
        elif is_final:
            live.events.put(lambda: self._conversation.final(live, text, role, began_at))
        else:
            live.events.put(lambda: self._conversation.partial(live, text, role))

    def _on_speech_start(self, session: VoiceSession) -> None:
        live = self._sessions.find(session)
        if live is not None:
            unplayed_ms = self._audio.interrupt(live)
            live.speech_began_at = live.speech_began_at or now()
            live.events.put(lambda: self._conversation.speech_started(live, unplayed_ms))

    def _on_speech_end(self, session: VoiceSession) -> None:
        live = self._sessions.find(session)
        if live is not None:
            live.events.put(lambda: self._conversation.speech_ended(live))

    def _on_tool_call(self, session: VoiceSession, call_id: str, name: str, arguments: dict[str, Any]) -> None:
        live = self._sessions.find(session)
        if live is None:
            return

        live.tools_called[name] = None

        async def start() -> None:
            self._tool_calls.start(live, call_id, name, arguments)

        live.events.put(start)

    def _on_tool_calls_cancelled(self, session: VoiceSession, call_ids: Sequence[str]) -> None:
        live = self._sessions.find(session)
        if live is not None:
            live.cancelled_calls.update(dict.fromkeys(call_ids))

    def _on_response_start(self, session: VoiceSession) -> None:
        live = self._sessions.find(session)
        if live is not None:
            live.gate.response_started()
            live.tools_called.clear()
            live.events.put(lambda: self._conversation.response_started(live))

    def _on_response_end(self, session: VoiceSession) -> None:
        live = self._sessions.find(session)
        if live is not None:
            live.gate.response_ended()
            self._audio.end_of_answer(live)
            live.events.put(lambda: self._conversation.response_ended(live))

    def _on_error(self, session: VoiceSession, code: str, message: str) -> None:
        error = ProviderError(message)
        self._tasks.spawn(self._room.report(session, f"provider: {code}", error), name="report a provider's error")

    def _on_connection(self, session: VoiceSession, step: ConnectionStep, detail: str) -> None:
        live = self._sessions.find(session)
        if live is None:
            return
        work = self._room.emit(session, "realtime_connection", step=step, detail=detail)
        self._tasks.spawn(work, name="tell of the connection")
        if step == "closed" and not live.ending:
            self._tasks.spawn(self._end_session(session, reason="provider_closed"), name="end after the provider")


def _speech_began(live: LiveVoiceSession, is_final: bool) -> datetime:
    """When the caller began to say this: at the first sign of it, which is this one if there was none before."""
    began_at = live.speech_began_at or now()
    live.speech_began_at = None if is_final else began_at
    return began_at
