"""The names that can stand in a trace while a call goes on: of events, and of messages on the wire.

Tests hold both to what is emitted, and to the SDKs' own types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

__all__ = ["AFTERWARDS", "EVENTS", "MESSAGES", "Way", "unknown_part"]

Way: TypeAlias = Literal["up", "down"]
"""``up`` is towards the provider."""


def _names(source: str, kinds: str) -> tuple[str, ...]:
    return tuple(f"{source}.{kind}" for kind in kinds.split())


EVENTS: tuple[str, ...] = (
    *_names("caller", "cut_off hang_up repeat speech_end speech_start step wait_timeout"),
    *_names("line", "agent_audio agent_silence connected disconnected effect transcript"),
    *_names("wire", "close dial open received rejected sent"),
    *_names("server", "audio_started go_away heard interrupted knows mind_refused misbehaved persona refused resumed"),
    *_names("server", "said speech_started tool_call tool_result tool_result_ignored truncated turn_committed"),
    *_names("server", "turned_away"),
    *_names("runtime", "app_raised connection error handoff_decided handoff_requested reconfigure routed"),
    *_names("runtime", "session_ended session_started state"),
    *_names("world", "fault seed"),
)
"""Events that happen during a call: those that something can come after."""

AFTERWARDS: tuple[str, ...] = (
    *_names("line", "agent_voice voice_conflict"),
    *_names("server", "audio_accounted audio_received"),
    *_names("world", "budget_exceeded deadlock drift lag real_network unhandled unplayed"),
)
"""Events that are found out when a call is over, or end it: nothing can come after them."""

_GEMINI_UP = (
    *("setup", "client_content", "tool_response", "context_update", "contextUpdate"),
    *(
        f"realtime_input.{field}"
        for field in (
            *("audio", "video", "text", "media_chunks", "mediaChunks", "audio_stream_end", "audioStreamEnd"),
            *("activity_start", "activityStart", "activity_end", "activityEnd"),
        )
    ),
)
_GEMINI_DOWN = (
    *("setupComplete", "toolCall", "toolCallCancellation", "usageMetadata", "goAway", "sessionResumptionUpdate"),
    *("voiceActivityDetectionSignal", "voiceActivity"),
    *(
        f"serverContent.{field}"
        for field in (
            *("modelTurn", "turnComplete", "interrupted", "groundingMetadata", "generationComplete"),
            *("inputTranscription", "outputTranscription", "urlContextMetadata", "turnCompleteReason"),
            *("waitingForInput", "interimInputTranscription", "interactionStatus"),
        )
    ),
)
_OPENAI_UP = (
    *("session.update", "response.create", "response.cancel", "output_audio_buffer.clear"),
    *_names("conversation.item", "create delete retrieve truncate"),
    *_names("input_audio_buffer", "append clear commit"),
)
_OPENAI_DOWN = (
    *("error", "rate_limits.updated", "session.created", "session.updated", "conversation.created"),
    *_names("conversation.item", "added created deleted done retrieved truncated"),
    *_names("conversation.item.input_audio_transcription", "completed delta failed segment"),
    *_names("input_audio_buffer", "cleared committed dtmf_event_received speech_started speech_stopped"),
    *_names("input_audio_buffer", "timeout_triggered"),
    *_names("output_audio_buffer", "cleared started stopped"),
    *_names("response", "created done"),
    *_names("response.content_part", "added done"),
    *_names("response.function_call_arguments", "delta done"),
    *_names("response.mcp_call", "completed failed in_progress"),
    *_names("response.mcp_call_arguments", "delta done"),
    *_names("response.output_audio", "delta done"),
    *_names("response.output_audio_transcript", "delta done"),
    *_names("response.output_item", "added done"),
    *_names("response.output_text", "delta done"),
    *_names("mcp_list_tools", "completed failed in_progress"),
)
_NO_MESSAGE = ("unreadable", "empty")

MESSAGES: Mapping[Way, tuple[str, ...]] = {
    "up": (*_GEMINI_UP, *_OPENAI_UP, *_NO_MESSAGE),
    "down": (*_GEMINI_DOWN, *_OPENAI_DOWN, *_NO_MESSAGE),
}
"""What a message that goes one way can be called; one with several parts has their names, joined by ``+``."""


def unknown_part(name: str, way: Way) -> str | None:
    """The first part of a message's name that no message of its way has; nothing if all are known."""
    return next((part for part in name.split("+") if part not in MESSAGES[way]), None)
