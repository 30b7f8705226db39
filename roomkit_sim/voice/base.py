"""Voice sessions, and the small types that voice code passes around."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Flag, StrEnum, auto
from typing import Any

from roomkit_sim.core.clock import now
from roomkit_sim.core.ids import new_id

__all__ = ["AudioChunk", "TranscriptionResult", "VoiceCapability", "VoiceSession", "VoiceSessionState"]


class VoiceSessionState(StrEnum):
    """The life of a voice session. ``ENDED`` is final: a session that reconnects is ``CONNECTING``."""

    CONNECTING = "connecting"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(eq=False)
class VoiceSession:
    """One caller on one channel. Compared by identity, usable as a dictionary key.

    Args:
        id: Unique id.
        room_id: The room that the caller talks in.
        participant_id: Who the caller is.
        channel_id: The voice channel.
        state: Where in its life the session is.
        provider_session_id: What the model provider calls the session, if it calls it anything.
        created_at: When the session was made, in UTC.
        metadata: Whatever the application and the transport add; ``transport_sample_rate`` is the line's rate in Hz.
    """

    id: str = field(default_factory=new_id)
    room_id: str = ""
    participant_id: str = ""
    channel_id: str = ""
    state: VoiceSessionState = VoiceSessionState.CONNECTING
    provider_session_id: str | None = None
    created_at: datetime = field(default_factory=now)
    metadata: dict[str, Any] = field(default_factory=dict)


class VoiceCapability(Flag):
    """What a voice backend can do."""

    NONE = 0
    INTERRUPTION = auto()
    BARGE_IN = auto()


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of synthesised speech, PCM16 little-endian.

    Args:
        data: The samples.
        sample_rate: In Hz.
        channels: Interleaved channels.
        is_final: Whether it is the last piece of an utterance.
    """

    data: bytes
    sample_rate: int = 24000
    channels: int = 1
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptionResult:
    """What a recogniser understood.

    Args:
        text: The words.
        is_final: Whether the recogniser will not change them any more.
        confidence: From 0 to 1, if known.
        language: BCP-47 code, if known.
    """

    text: str
    is_final: bool = True
    confidence: float | None = None
    language: str | None = None
