"""Multi-agent voice orchestration, and the harness that proves its handoffs.

The names below are loaded when they are first used (docs/adr/0003-lazy-facade.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from roomkit_sim.lazy_names import lazy_names

if TYPE_CHECKING:
    from roomkit_sim.channels.agent import Agent as Agent
    from roomkit_sim.channels.ai import AIChannel as AIChannel
    from roomkit_sim.channels.base import Channel as Channel
    from roomkit_sim.channels.realtime_voice import RealtimeVoiceChannel as RealtimeVoiceChannel
    from roomkit_sim.channels.voice import VoiceChannel as VoiceChannel
    from roomkit_sim.channels.websocket import WebSocketChannel as WebSocketChannel
    from roomkit_sim.core.framework import RoomKit as RoomKit
    from roomkit_sim.errors import ChannelNotFoundError as ChannelNotFoundError
    from roomkit_sim.errors import ChannelNotRegisteredError as ChannelNotRegisteredError
    from roomkit_sim.errors import ConfigurationError as ConfigurationError
    from roomkit_sim.errors import ProviderError as ProviderError
    from roomkit_sim.errors import RoomkitSimError as RoomkitSimError
    from roomkit_sim.errors import RoomNotFoundError as RoomNotFoundError
    from roomkit_sim.memory.base import MemoryProvider as MemoryProvider
    from roomkit_sim.memory.sliding_window import SlidingWindowMemory as SlidingWindowMemory
    from roomkit_sim.models import ChannelCategory as ChannelCategory
    from roomkit_sim.models import EventType as EventType
    from roomkit_sim.models import FrameworkEvent as FrameworkEvent
    from roomkit_sim.models import HookExecution as HookExecution
    from roomkit_sim.models import HookResult as HookResult
    from roomkit_sim.models import HookTrigger as HookTrigger
    from roomkit_sim.models import InboundMessage as InboundMessage
    from roomkit_sim.models import InboundResult as InboundResult
    from roomkit_sim.models import Participant as Participant
    from roomkit_sim.models import Room as Room
    from roomkit_sim.models import RoomContext as RoomContext
    from roomkit_sim.models import RoomEvent as RoomEvent
    from roomkit_sim.models import TextContent as TextContent
    from roomkit_sim.orchestration.handoff import HANDOFF_TOOL as HANDOFF_TOOL
    from roomkit_sim.orchestration.handoff import HandoffHandler as HandoffHandler
    from roomkit_sim.orchestration.handoff import HandoffMemoryProvider as HandoffMemoryProvider
    from roomkit_sim.orchestration.handoff import HandoffRequest as HandoffRequest
    from roomkit_sim.orchestration.handoff import HandoffResult as HandoffResult
    from roomkit_sim.orchestration.handoff import build_handoff_tool as build_handoff_tool
    from roomkit_sim.orchestration.handoff import setup_handoff as setup_handoff
    from roomkit_sim.orchestration.pipeline import ConversationPipeline as ConversationPipeline
    from roomkit_sim.orchestration.pipeline import PipelineStage as PipelineStage
    from roomkit_sim.orchestration.router import ConversationRouter as ConversationRouter
    from roomkit_sim.orchestration.router import RoutingConditions as RoutingConditions
    from roomkit_sim.orchestration.router import RoutingRule as RoutingRule
    from roomkit_sim.orchestration.state import ConversationPhase as ConversationPhase
    from roomkit_sim.orchestration.state import ConversationState as ConversationState
    from roomkit_sim.orchestration.state import PhaseTransition as PhaseTransition
    from roomkit_sim.orchestration.state import get_conversation_state as get_conversation_state
    from roomkit_sim.orchestration.state import set_conversation_state as set_conversation_state
    from roomkit_sim.providers.ai.mock import MockAIProvider as MockAIProvider
    from roomkit_sim.store.base import ConversationStore as ConversationStore
    from roomkit_sim.store.memory import InMemoryStore as InMemoryStore
    from roomkit_sim.voice.backends.mock import MockVoiceBackend as MockVoiceBackend
    from roomkit_sim.voice.base import VoiceSession as VoiceSession
    from roomkit_sim.voice.realtime.mock import MockRealtimeProvider as MockRealtimeProvider
    from roomkit_sim.voice.realtime.mock import MockRealtimeTransport as MockRealtimeTransport
    from roomkit_sim.voice.stt.mock import MockSTTProvider as MockSTTProvider
    from roomkit_sim.voice.tts.mock import MockTTSProvider as MockTTSProvider

_HOMES = {
    "roomkit_sim.channels.agent": ("Agent",),
    "roomkit_sim.channels.ai": ("AIChannel",),
    "roomkit_sim.channels.base": ("Channel",),
    "roomkit_sim.channels.realtime_voice": ("RealtimeVoiceChannel",),
    "roomkit_sim.channels.voice": ("VoiceChannel",),
    "roomkit_sim.channels.websocket": ("WebSocketChannel",),
    "roomkit_sim.core.framework": ("RoomKit",),
    "roomkit_sim.errors": (
        "ChannelNotFoundError",
        "ChannelNotRegisteredError",
        "ConfigurationError",
        "ProviderError",
        "RoomNotFoundError",
        "RoomkitSimError",
    ),
    "roomkit_sim.memory.base": ("MemoryProvider",),
    "roomkit_sim.memory.sliding_window": ("SlidingWindowMemory",),
    "roomkit_sim.models": (
        "ChannelCategory",
        "EventType",
        "FrameworkEvent",
        "HookExecution",
        "HookResult",
        "HookTrigger",
        "InboundMessage",
        "InboundResult",
        "Participant",
        "Room",
        "RoomContext",
        "RoomEvent",
        "TextContent",
    ),
    "roomkit_sim.orchestration.handoff": (
        "HANDOFF_TOOL",
        "HandoffHandler",
        "HandoffMemoryProvider",
        "HandoffRequest",
        "HandoffResult",
        "build_handoff_tool",
        "setup_handoff",
    ),
    "roomkit_sim.orchestration.pipeline": (
        "ConversationPipeline",
        "PipelineStage",
    ),
    "roomkit_sim.orchestration.router": (
        "ConversationRouter",
        "RoutingConditions",
        "RoutingRule",
    ),
    "roomkit_sim.orchestration.state": (
        "ConversationPhase",
        "ConversationState",
        "PhaseTransition",
        "get_conversation_state",
        "set_conversation_state",
    ),
    "roomkit_sim.providers.ai.mock": ("MockAIProvider",),
    "roomkit_sim.store.base": ("ConversationStore",),
    "roomkit_sim.store.memory": ("InMemoryStore",),
    "roomkit_sim.voice.backends.mock": ("MockVoiceBackend",),
    "roomkit_sim.voice.base": ("VoiceSession",),
    "roomkit_sim.voice.realtime.mock": (
        "MockRealtimeProvider",
        "MockRealtimeTransport",
    ),
    "roomkit_sim.voice.stt.mock": ("MockSTTProvider",),
    "roomkit_sim.voice.tts.mock": ("MockTTSProvider",),
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
