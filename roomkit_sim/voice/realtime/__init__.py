"""Speech-to-speech: the provider contract, its types and its mocks."""

from roomkit_sim.voice.realtime.config import SessionConfig
from roomkit_sim.voice.realtime.events import (
    RealtimeBargeInEvent,
    RealtimeToolCallEvent,
    RealtimeTranscriptionEvent,
)
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities, RealtimeVoiceProvider
from roomkit_sim.voice.realtime.tools import DeferredToolResult

__all__ = [
    "DeferredToolResult",
    "MockRealtimeProvider",
    "MockRealtimeTransport",
    "RealtimeBargeInEvent",
    "RealtimeCapabilities",
    "RealtimeToolCallEvent",
    "RealtimeTranscriptionEvent",
    "RealtimeVoiceProvider",
    "SessionConfig",
]
