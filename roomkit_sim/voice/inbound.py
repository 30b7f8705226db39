"""A call that comes in, as a message that brings its session into a room."""

from __future__ import annotations

from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import EventType
from roomkit_sim.models.event import SystemContent
from roomkit_sim.voice.base import VoiceSession

__all__ = ["parse_voice_session"]


def parse_voice_session(session: VoiceSession, *, channel_id: str | None = None) -> InboundMessage:
    """The message for :meth:`RoomKit.process_inbound` that announces a call.

    The kit finds or makes the call's room, as for any message; hooks can block it; if none does, the channel is handed
    the session (``connect_session``).

    Args:
        session: The call, as a backend has taken it.
        channel_id: The voice channel; the session's own when absent.
    """
    return InboundMessage(
        channel_id=channel_id or session.channel_id,
        sender_id=session.participant_id,
        content=SystemContent(body="Call started", code="voice_session", data={"session_id": session.id}),
        event_type=EventType.SYSTEM,
        metadata={"voice_session_id": session.id, "source": "voice"},
        session=session,
    )
