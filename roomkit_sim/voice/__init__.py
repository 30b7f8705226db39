"""Voice: sessions, audio frames, backends, and speech-to-speech."""

from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.base import (
    AudioChunk,
    TranscriptionResult,
    VoiceCapability,
    VoiceSession,
    VoiceSessionState,
)

__all__ = [
    "AudioChunk",
    "AudioFrame",
    "TranscriptionResult",
    "VoiceCapability",
    "VoiceSession",
    "VoiceSessionState",
]
