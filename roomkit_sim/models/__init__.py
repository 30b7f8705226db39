"""Rooms, events, channels, hooks, contexts: pydantic models without behaviour."""

from roomkit_sim.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput, RateLimit, RetryPolicy
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.delivery import DeliveryResult, InboundMessage, InboundResult, ProviderResult
from roomkit_sim.models.enums import (
    Access,
    ChannelCategory,
    ChannelDirection,
    ChannelMediaType,
    ChannelType,
    DeliveryMode,
    EventStatus,
    EventType,
    HookExecution,
    HookTrigger,
    IdentificationStatus,
    ParticipantRole,
    ParticipantStatus,
    RoomStatus,
    TaskStatus,
)
from roomkit_sim.models.event import (
    AudioContent,
    CompositeContent,
    EventContent,
    EventSource,
    LocationContent,
    MediaContent,
    RichContent,
    RoomEvent,
    SystemContent,
    TemplateContent,
    TextContent,
    VideoContent,
)
from roomkit_sim.models.framework_event import FrameworkEvent
from roomkit_sim.models.hook import HookResult, InjectedEvent
from roomkit_sim.models.identity import Identity, IdentityHookResult, IdentityResult
from roomkit_sim.models.participant import Participant
from roomkit_sim.models.room import Room, RoomTimers
from roomkit_sim.models.session_event import SessionStartedEvent
from roomkit_sim.models.task import Observation, Task

__all__ = [
    "Access",
    "AudioContent",
    "ChannelBinding",
    "ChannelCapabilities",
    "ChannelCategory",
    "ChannelDirection",
    "ChannelMediaType",
    "ChannelOutput",
    "ChannelType",
    "CompositeContent",
    "DeliveryMode",
    "DeliveryResult",
    "EventContent",
    "EventSource",
    "EventStatus",
    "EventType",
    "FrameworkEvent",
    "HookExecution",
    "HookResult",
    "HookTrigger",
    "IdentificationStatus",
    "Identity",
    "IdentityHookResult",
    "IdentityResult",
    "InboundMessage",
    "InboundResult",
    "InjectedEvent",
    "LocationContent",
    "MediaContent",
    "Observation",
    "Participant",
    "ParticipantRole",
    "ParticipantStatus",
    "ProviderResult",
    "RateLimit",
    "RetryPolicy",
    "RichContent",
    "Room",
    "RoomContext",
    "RoomEvent",
    "RoomStatus",
    "RoomTimers",
    "SessionStartedEvent",
    "SystemContent",
    "Task",
    "TaskStatus",
    "TemplateContent",
    "TextContent",
    "VideoContent",
]
