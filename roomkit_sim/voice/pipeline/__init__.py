"""The way of a caller's audio to the recogniser: sample rate, voice activity, utterances, turns."""

from roomkit_sim.lazy_names import lazy_names

_HOMES = {
    "roomkit_sim.voice.pipeline.config": ("AudioPipelineConfig",),
    "roomkit_sim.voice.pipeline.turn.base": ("TurnContext", "TurnDecision", "TurnDetector"),
    "roomkit_sim.voice.pipeline.turn.mock": ("MockTurnDetector",),
    "roomkit_sim.voice.pipeline.vad.base": ("VADEvent", "VADEventType", "VADProvider"),
    "roomkit_sim.voice.pipeline.vad.energy": ("EnergyVADProvider",),
    "roomkit_sim.voice.pipeline.vad.mock": ("MockVADProvider",),
    "roomkit_sim.voice.pipeline.vad.webrtc": ("WebRTCVADProvider",),
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
