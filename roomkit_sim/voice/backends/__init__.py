"""What carries callers' audio: the contract, a mock, the machine's sound card, and WAV files."""

from roomkit_sim.lazy_names import lazy_names

_HOMES = {
    "roomkit_sim.voice.backends.base": ("VoiceBackend",),
    "roomkit_sim.voice.backends.local": ("LocalAudioBackend",),
    "roomkit_sim.voice.backends.mock": ("MockVoiceBackend",),
    "roomkit_sim.voice.backends.wav": ("WavBackend", "WavCall"),
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
