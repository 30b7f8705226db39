"""Voices of fake agents: to speak in one, and to tell from samples whose it is."""

from __future__ import annotations

from roomkit_sim.sim.audio.identification import VoiceIdentifier, VoiceSpan
from roomkit_sim.sim.audio.synthetic_voice import speak

__all__ = ["VoiceIdentifier", "VoiceSpan", "speak"]
