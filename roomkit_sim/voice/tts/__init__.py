"""Text to speech: the contract, a mock, and an offline voice."""

from roomkit_sim.lazy_names import lazy_names

_HOMES = {
    "roomkit_sim.voice.tts.base": ("TTSProvider",),
    "roomkit_sim.voice.tts.mock": ("MockTTSProvider",),
    "roomkit_sim.voice.tts.pyttsx3_provider": ("Pyttsx3TTSProvider",),
    "roomkit_sim.voice.tts.sentences": ("SentenceSplitter", "sentences_of"),
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
