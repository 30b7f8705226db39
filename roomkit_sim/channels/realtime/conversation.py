"""What is said, told to hooks, to the caller's client and to the timeline, in the order in which it was said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.realtime.session import LiveVoiceSession
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.realtime.events import RealtimeBargeInEvent, RealtimeTranscriptionEvent

__all__ = ["Conversation"]


class Conversation:
    """Tells about the conversations of all sessions of a channel. Its methods run in a session's ordered worker.

    Args:
        transport: The callers' clients.
        room: Hooks and timeline.
        keep_transcripts: Whether what was said enters the timeline.
    """

    def __init__(self, transport: VoiceBackend, room: RoomGateway, keep_transcripts: bool) -> None:
        self._transport = transport
        self._room = room
        self._keep_transcripts = keep_transcripts

    async def partial(self, live: LiveVoiceSession, text: str, role: str) -> None:
        """Somebody is speaking."""
        event = RealtimeTranscriptionEvent(live.session, text, role, is_final=False)
        await self._room.observe(live.session, HookTrigger.ON_PARTIAL_TRANSCRIPTION, event)
        await self._tell_client(live, event)

    async def final(self, live: LiveVoiceSession, text: str, role: str, began_at: datetime | None = None) -> None:
        """Somebody has said something; a hook may change or suppress it."""
        event = RealtimeTranscriptionEvent(live.session, text, role)
        outcome = await self._room.decide(live.session, HookTrigger.ON_TRANSCRIPTION, event)
        if outcome is not None:
            if not outcome.allowed:
                return
            if isinstance(outcome.event, str):
                event = replace(event, text=outcome.event)
            elif isinstance(outcome.event, RealtimeTranscriptionEvent):
                event = outcome.event
        await self._tell_client(live, event)
        if self._keep_transcripts and event.text.strip():
            await self._room.post(live.session, event.text, event.role, began_at)

    async def speech_started(self, live: LiveVoiceSession, unplayed_ms: float) -> None:
        """The caller began to speak, into ``unplayed_ms`` of an answer if that is not 0."""
        if unplayed_ms > 0:
            event = RealtimeBargeInEvent(live.session, unplayed_ms)
            await self._room.observe(live.session, HookTrigger.ON_BARGE_IN, event)
        await self._room.observe(live.session, HookTrigger.ON_SPEECH_START, live.session)
        await self._speaking(live, "user", True)
        await self._transport.send_message(live.session, {"type": "clear_audio"})

    async def speech_ended(self, live: LiveVoiceSession) -> None:
        """The caller stopped speaking."""
        await self._room.observe(live.session, HookTrigger.ON_SPEECH_END, live.session)
        await self._speaking(live, "user", False)

    async def response_started(self, live: LiveVoiceSession) -> None:
        """The model begins an answer."""
        await self._speaking(live, "assistant", True)

    async def response_ended(self, live: LiveVoiceSession) -> None:
        """The model has ended its answer."""
        await self._speaking(live, "assistant", False)

    async def _speaking(self, live: LiveVoiceSession, who: str, active: bool) -> None:
        await self._transport.send_message(live.session, {"type": "speaking", "speaker": who, "active": active})

    async def _tell_client(self, live: LiveVoiceSession, event: RealtimeTranscriptionEvent) -> None:
        if event.role != "user" and not live.hears_model:
            return
        message = {"type": "transcription", "text": event.text, "role": event.role, "is_final": event.is_final}
        await self._transport.send_message(live.session, message)
