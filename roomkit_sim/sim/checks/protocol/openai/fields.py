"""Which client events there are, and which fields each part of them has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["BETA_FIELDS", "CONTENT_TYPES", "EVENTS", "FORMATS", "ITEMS", "RESPONSE", "SESSIONS", "TOOL", "Fields"]

Fields: TypeAlias = "Mapping[str, Fields | None]"
"""Field names; of an object that is looked into, its own fields."""


def _fields(names: str, **inner: Fields) -> Fields:
    fields: dict[str, Fields | None] = dict.fromkeys(names.split())
    return {**fields, **inner}


_FORMAT = _fields("type rate")
_TRANSCRIPTION = _fields("model language languages prompt keywords delay")
_DETECTION = _fields(
    "type threshold prefix_padding_ms silence_duration_ms idle_timeout_ms create_response interrupt_response eagerness"
)
_INPUT = _fields(
    "",
    format=_FORMAT,
    transcription=_TRANSCRIPTION,
    turn_detection=_DETECTION,
    noise_reduction=_fields("type strength"),
)
_OUTPUT = _fields("speed voice", format=_FORMAT)

SESSIONS: Mapping[str, Fields] = {
    "realtime": _fields(
        "type include instructions max_output_tokens model output_modalities parallel_tool_calls prompt reasoning "
        "tool_choice tools tracing truncation",
        audio=_fields("", input=_INPUT, output=_OUTPUT),
    ),
    "transcription": _fields("type include", audio=_fields("", input=_INPUT)),
}
RESPONSE = _fields(
    "conversation input instructions max_output_tokens metadata output_modalities parallel_tool_calls prompt reasoning "
    "tool_choice tools",
    audio=_fields("", output=_fields("voice", format=_FORMAT)),
)
BETA_FIELDS = frozenset(
    {
        "modalities",
        "voice",
        "input_audio_format",
        "output_audio_format",
        "input_audio_transcription",
        "input_audio_noise_reduction",
        "turn_detection",
        "temperature",
        "max_response_output_tokens",
    }
)
"""What stood in a session or response before GA."""

_ITEM = "type id object status"
ITEMS: Mapping[str, Fields] = {
    "message": _fields(f"{_ITEM} role content"),
    "function_call": _fields(f"{_ITEM} name arguments call_id"),
    "function_call_output": _fields(f"{_ITEM} call_id output"),
}
"""Items of other types (MCP) are not looked into."""

_EVENT = "type event_id"
EVENTS: Mapping[str, Fields] = {
    "session.update": _fields(f"{_EVENT} session"),
    "input_audio_buffer.append": _fields(f"{_EVENT} audio"),
    "input_audio_buffer.commit": _fields(_EVENT),
    "input_audio_buffer.clear": _fields(_EVENT),
    "output_audio_buffer.clear": _fields(_EVENT),
    "conversation.item.create": _fields(f"{_EVENT} previous_item_id item"),
    "conversation.item.retrieve": _fields(f"{_EVENT} item_id"),
    "conversation.item.truncate": _fields(f"{_EVENT} item_id content_index audio_end_ms"),
    "conversation.item.delete": _fields(f"{_EVENT} item_id"),
    "response.create": _fields(f"{_EVENT} response"),
    "response.cancel": _fields(f"{_EVENT} response_id"),
}
TOOL = _fields("type name description parameters")

CONTENT_TYPES: Mapping[str, frozenset[str]] = {
    "user": frozenset({"input_text", "input_audio", "input_image"}),
    "assistant": frozenset({"output_text", "output_audio"}),
    "system": frozenset({"input_text"}),
}

FORMATS: Mapping[str, tuple[int, int]] = {"audio/pcm": (24000, 2), "audio/pcmu": (8000, 1), "audio/pcma": (8000, 1)}
"""Sample rate in Hz, and bytes a sample. PCM is taken at 24 kHz only."""
