"""Voice: sessions, audio frames, backends, speech-to-speech, and speech through text."""

from roomkit_sim.lazy_names import lazy_names

_HOMES = {
    "roomkit_sim.voice.audio_frame": ("AudioFrame",),
    "roomkit_sim.voice.base": (
        "AudioChunk",
        "TranscriptionResult",
        "VoiceCapability",
        "VoiceSession",
        "VoiceSessionState",
    ),
    "roomkit_sim.voice.interruption": ("InterruptionConfig", "InterruptionStrategy"),
    "roomkit_sim.voice.pipeline.config": ("AudioPipelineConfig",),
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
