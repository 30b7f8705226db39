"""What providers of speech-to-speech models share: sessions that outlive their connections."""

from roomkit_sim.providers.realtime.reconnect_policy import ReconnectLimits
from roomkit_sim.providers.realtime.timing import LiveTiming

__all__ = ["LiveTiming", "ReconnectLimits"]
