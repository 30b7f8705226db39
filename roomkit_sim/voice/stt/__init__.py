"""Speech to text: the contract, a mock, and an offline recogniser."""

from roomkit_sim.lazy_names import lazy_names

_HOMES = {
    "roomkit_sim.voice.stt.base": ("STTProvider",),
    "roomkit_sim.voice.stt.mock": ("MockSTTProvider",),
    "roomkit_sim.voice.stt.pocketsphinx_provider": ("PocketSphinxSTTProvider",),
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
