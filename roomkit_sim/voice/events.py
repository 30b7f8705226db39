"""Events that hooks of a voice channel are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from roomkit_sim.core.clock import now
from roomkit_sim.voice.base import VoiceSession

__all__ = [
    "BargeInEvent",
    "PartialTranscriptionEvent",
    "SpeakerChangeEvent",
    "TTSCancelledEvent",
    "TranscriptionEvent",
    "VADAudioLevelEvent",
    "VADSilenceEvent",
]


@dataclass(frozen=True)
class TranscriptionEvent:
    """What the caller said (ON_TRANSCRIPTION). A hook modifies it to another one, or to a string.

    Args:
        session: The session.
        text: The words.
        confidence: From 0 to 1, if known.
        language: BCP-47 code, if known.
        timestamp: When it was understood, in UTC.
    """

    session: VoiceSession
    text: str
    confidence: float | None = None
    language: str | None = None
    timestamp: datetime = field(default_factory=now)


@dataclass(frozen=True)
class PartialTranscriptionEvent:
    """What the caller has said so far in an utterance (ON_PARTIAL_TRANSCRIPTION).

    Args:
        session: The session.
        text: All words of the utterance so far.
        confidence: From 0 to 1, if known.
        timestamp: When it was understood, in UTC.
    """

    session: VoiceSession
    text: str
    confidence: float | None = None
    timestamp: datetime = field(default_factory=now)


@dataclass(frozen=True)
class BargeInEvent:
    """The caller spoke into what was being played (ON_BARGE_IN).

    Args:
        session: The session.
        interrupted_text: All of what was to be said.
        audio_position_ms: How much of it had been played, in milliseconds of audio.
        played_text: The words of it that the caller can have heard, reckoned from the position.
        timestamp: When, in UTC.
    """

    session: VoiceSession
    interrupted_text: str
    audio_position_ms: float
    played_text: str = ""
    timestamp: datetime = field(default_factory=now)


@dataclass(frozen=True)
class TTSCancelledEvent:
    """Something was not said to its end (ON_TTS_CANCELLED).

    Args:
        session: The session.
        reason: ``"barge_in"``, ``"new_tts"``, ``"explicit"``, ``"disconnect"``, ``"error"``, ``"access"`` (the caller
            may not hear the room any more), or the application's own.
        text: All of what was to be said.
        audio_position_ms: How much of it had been played, in milliseconds of audio.
        played_text: The words of it that the caller can have heard, reckoned from the position.
        timestamp: When, in UTC.
    """

    session: VoiceSession
    reason: str
    text: str
    audio_position_ms: float
    played_text: str = ""
    timestamp: datetime = field(default_factory=now)


@dataclass(frozen=True)
class VADSilenceEvent:
    """The caller has been silent for a while (ON_VAD_SILENCE).

    Args:
        session: The session.
        silence_duration_ms: Since the end of speech, or the beginning of the session.
        timestamp: When, in UTC.
    """

    session: VoiceSession
    silence_duration_ms: float
    timestamp: datetime = field(default_factory=now)


@dataclass(frozen=True)
class VADAudioLevelEvent:
    """How loud the caller is (ON_VAD_AUDIO_LEVEL, at most ten times a second).

    Args:
        session: The session.
        level_db: In dBFS.
        is_speech: Whether the caller is speaking, as the detector judges.
        timestamp: When, in UTC.
    """

    session: VoiceSession
    level_db: float
    is_speech: bool
    timestamp: datetime = field(default_factory=now)


@dataclass(frozen=True)
class SpeakerChangeEvent:
    """Another person speaks on the line; told by recognisers that tell speakers apart.

    Args:
        session: The session.
        speaker_id: The recogniser's name of the speaker.
        confidence: From 0 to 1, if known.
        is_new_speaker: Whether the speaker was not heard before in this session.
        timestamp: When, in UTC.
    """

    session: VoiceSession
    speaker_id: str
    confidence: float | None = None
    is_new_speaker: bool = False
    timestamp: datetime = field(default_factory=now)
