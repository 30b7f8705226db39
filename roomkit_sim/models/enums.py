"""The closed sets of words that models use."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "Access",
    "ChannelCategory",
    "ChannelDirection",
    "ChannelMediaType",
    "ChannelType",
    "DeliveryMode",
    "EventStatus",
    "EventType",
    "HookExecution",
    "HookTrigger",
    "IdentificationStatus",
    "ParticipantRole",
    "ParticipantStatus",
    "RoomStatus",
    "TaskStatus",
]


class ChannelType(StrEnum):
    """What kind of channel it is."""

    SMS = "sms"
    MMS = "mms"
    RCS = "rcs"
    EMAIL = "email"
    WEBSOCKET = "websocket"
    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"
    TEAMS = "teams"
    WEBHOOK = "webhook"
    PUSH = "push"
    VOICE = "voice"
    REALTIME_VOICE = "realtime_voice"
    AI = "ai"
    SYSTEM = "system"


class ChannelCategory(StrEnum):
    """Whether a channel carries people's words or answers them."""

    TRANSPORT = "transport"
    INTELLIGENCE = "intelligence"
    INTEGRATION = "integration"


class ChannelDirection(StrEnum):
    """Which way events flow through a channel."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    BIDIRECTIONAL = "bidirectional"


class ChannelMediaType(StrEnum):
    """What a channel can carry."""

    TEXT = "text"
    RICH = "rich"
    MEDIA = "media"
    AUDIO = "audio"
    VIDEO = "video"
    LOCATION = "location"
    TEMPLATE = "template"


class Access(StrEnum):
    """What a channel may do in a room."""

    READ_WRITE = "read_write"
    READ_ONLY = "read_only"
    WRITE_ONLY = "write_only"
    NONE = "none"


class DeliveryMode(StrEnum):
    """To how many receivers an event goes."""

    BROADCAST = "broadcast"
    DIRECT = "direct"


class EventType(StrEnum):
    """What an event of a room is."""

    MESSAGE = "message"
    SYSTEM = "system"
    TYPING = "typing"
    READ_RECEIPT = "read_receipt"
    DELIVERY_RECEIPT = "delivery_receipt"
    PRESENCE = "presence"
    REACTION = "reaction"
    EDIT = "edit"
    DELETE = "delete"
    PARTICIPANT_JOINED = "participant_joined"
    PARTICIPANT_LEFT = "participant_left"
    CHANNEL_ATTACHED = "channel_attached"
    CHANNEL_DETACHED = "channel_detached"
    CHANNEL_MUTED = "channel_muted"
    CHANNEL_UNMUTED = "channel_unmuted"
    CHANNEL_UPDATED = "channel_updated"
    TASK_CREATED = "task_created"
    OBSERVATION = "observation"


class EventStatus(StrEnum):
    """How far an event has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    BLOCKED = "blocked"


class RoomStatus(StrEnum):
    """The life of a room."""

    ACTIVE = "active"
    PAUSED = "paused"
    CLOSED = "closed"
    ARCHIVED = "archived"


class ParticipantRole(StrEnum):
    """What somebody is in a room."""

    OWNER = "owner"
    AGENT = "agent"
    MEMBER = "member"
    OBSERVER = "observer"
    BOT = "bot"


class ParticipantStatus(StrEnum):
    """Whether somebody is in a room."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    LEFT = "left"
    BANNED = "banned"


class IdentificationStatus(StrEnum):
    """How sure it is who somebody is."""

    IDENTIFIED = "identified"
    PENDING = "pending"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    CHALLENGE_SENT = "challenge_sent"
    REJECTED = "rejected"


class TaskStatus(StrEnum):
    """The life of a task."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class HookExecution(StrEnum):
    """Sync hooks run one after the other and may block or change an event; async hooks observe."""

    SYNC = "sync"
    ASYNC = "async"


class HookTrigger(StrEnum):
    """The moments at which hooks run."""

    BEFORE_BROADCAST = "before_broadcast"
    AFTER_BROADCAST = "after_broadcast"
    ON_ROOM_CREATED = "on_room_created"
    ON_ROOM_CLOSED = "on_room_closed"
    ON_CHANNEL_ATTACHED = "on_channel_attached"
    ON_CHANNEL_DETACHED = "on_channel_detached"
    ON_CHANNEL_MUTED = "on_channel_muted"
    ON_CHANNEL_UNMUTED = "on_channel_unmuted"
    ON_TASK_CREATED = "on_task_created"
    ON_ERROR = "on_error"
    ON_SESSION_STARTED = "on_session_started"
    ON_SESSION_ENDED = "on_session_ended"
    ON_SPEECH_START = "on_speech_start"
    ON_SPEECH_END = "on_speech_end"
    ON_TRANSCRIPTION = "on_transcription"
    ON_PARTIAL_TRANSCRIPTION = "on_partial_transcription"
    BEFORE_TTS = "before_tts"
    AFTER_TTS = "after_tts"
    ON_BARGE_IN = "on_barge_in"
    ON_TTS_CANCELLED = "on_tts_cancelled"
    ON_VAD_SILENCE = "on_vad_silence"
    ON_VAD_AUDIO_LEVEL = "on_vad_audio_level"
    ON_INPUT_AUDIO_LEVEL = "on_input_audio_level"
    ON_OUTPUT_AUDIO_LEVEL = "on_output_audio_level"
    ON_REALTIME_TOOL_CALL = "on_realtime_tool_call"
    ON_REALTIME_TEXT_INJECTED = "on_realtime_text_injected"
    ON_HANDOFF = "on_handoff"
    ON_HANDOFF_REJECTED = "on_handoff_rejected"
    ON_PHASE_TRANSITION = "on_phase_transition"
    ON_IDENTITY_AMBIGUOUS = "on_identity_ambiguous"
    ON_IDENTITY_UNKNOWN = "on_identity_unknown"
    ON_DELIVERY_STATUS = "on_delivery_status"
