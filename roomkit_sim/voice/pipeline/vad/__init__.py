"""Voice activity detection: the contract, detectors, and a mock."""

from roomkit_sim.lazy_names import lazy_names

_HOMES = {
    "roomkit_sim.voice.pipeline.vad.base": ("VADEvent", "VADEventType", "VADProvider"),
    "roomkit_sim.voice.pipeline.vad.energy": ("EnergyVADProvider",),
    "roomkit_sim.voice.pipeline.vad.mock": ("MockVADProvider",),
    "roomkit_sim.voice.pipeline.vad.webrtc": ("WebRTCVADProvider",),
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
