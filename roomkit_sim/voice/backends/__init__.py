"""What carries callers' audio: the contract and a mock."""

from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.backends.mock import MockVoiceBackend

__all__ = ["MockVoiceBackend", "VoiceBackend"]
