"""Reads what a client sends. Pure.

Event and field names are those of ``openai.types.realtime.RealtimeClientEvent`` (openai 3.52).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from roomkit_sim.sim.servers.openai_realtime.fields import (
    anything,
    mapping,
    optional,
    record,
    text,
    whole,
)
from roomkit_sim.sim.servers.openai_realtime.refusals import Refusal, unsupported_value

__all__ = [
    "AudioAppend",
    "AudioClear",
    "AudioCommit",
    "ClientEvent",
    "ItemCreate",
    "ItemDelete",
    "ItemRetrieve",
    "ItemTruncate",
    "ResponseCancel",
    "ResponseCreate",
    "SessionUpdate",
    "event_id_of",
    "loaded",
    "read",
]

_DEEPEST = 64
_APPEND = "input_audio_buffer.append"


@dataclass(frozen=True)
class SessionUpdate:
    """Change the session."""

    session: Any


@dataclass(frozen=True)
class AudioAppend:
    """More of the caller's audio, base64 of the session's input format."""

    audio: Any


@dataclass(frozen=True)
class AudioCommit:
    """The caller's turn ends here."""


@dataclass(frozen=True)
class AudioClear:
    """Forget the audio that is not committed."""


@dataclass(frozen=True)
class ItemCreate:
    """Put an item into the conversation, after another or at its end."""

    item: Any
    after: str | None


@dataclass(frozen=True)
class ItemRetrieve:
    """Show an item."""

    id: str


@dataclass(frozen=True)
class ItemDelete:
    """Take an item out of the conversation."""

    id: str


@dataclass(frozen=True)
class ItemTruncate:
    """So much of an answer was heard."""

    id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True)
class ResponseCreate:
    """Respond, with these overrides."""

    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class ResponseCancel:
    """Stop a response, or the one that is under way."""

    id: str | None


ClientEvent: TypeAlias = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def loaded(raw: str | bytes) -> dict[str, Any]:
    """The JSON object of a message.

    Raises:
        Refusal: It is binary, no JSON, no object, or nested too deeply.
    """
    if isinstance(raw, bytes):
        raise Refusal("Binary messages are not supported: send events as text.", "invalid_message")
    try:
        message = _DECODER.decode(raw)
    except ValueError as error:
        raise Refusal("The message is not valid JSON.", "invalid_json") from error
    except RecursionError as error:
        raise _too_deep() from error
    if not isinstance(message, dict):
        raise Refusal("The message must be a JSON object.", "invalid_json")
    if message.get("type") != _APPEND and _depth_exceeds(message, _DEEPEST):
        raise _too_deep()
    return message


def _too_deep() -> Refusal:
    return Refusal(f"The message is nested too deeply (more than {_DEEPEST} levels).", "invalid_json")


def _depth_exceeds(value: Any, limit: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if limit == 0:
        return True
    return any(_depth_exceeds(item, limit - 1) for item in (value.values() if isinstance(value, dict) else value))


def event_id_of(message: Mapping[str, Any]) -> str | None:
    """The id that the client gave an event, to find it again in an error."""
    id = message.get("event_id")
    return id if isinstance(id, str) else None


def read(message: Mapping[str, Any]) -> ClientEvent:
    """Read one event.

    Raises:
        Refusal: There is no such event, or its fields are not what they must be.
    """
    kind = message.get("type")
    if kind == _APPEND and len(message) == 2 and "audio" in message:
        return AudioAppend(message["audio"])
    if kind is None:
        raise Refusal("Missing required parameter: 'type'.", "missing_required_parameter", "type")
    if not isinstance(kind, str) or kind not in _EVENTS:
        raise unsupported_value("type", kind, _EVENTS)
    fields, required, make = _EVENTS[kind]
    checked = record({"type": text, "event_id": optional(text), **fields}, required=required)(message, "")
    return make(checked)


_Description: TypeAlias = tuple[Mapping[str, Any], tuple[str, ...], Callable[[Mapping[str, Any]], ClientEvent]]

_ID = {"item_id": text}
_EVENTS: Mapping[str, _Description] = {
    "session.update": ({"session": anything}, ("session",), lambda given: SessionUpdate(given["session"])),
    _APPEND: ({"audio": anything}, ("audio",), lambda given: AudioAppend(given["audio"])),
    "input_audio_buffer.commit": ({}, (), lambda given: AudioCommit()),
    "input_audio_buffer.clear": ({}, (), lambda given: AudioClear()),
    "conversation.item.create": (
        {"item": anything, "previous_item_id": optional(text)},
        ("item",),
        lambda given: ItemCreate(given["item"], given.get("previous_item_id")),
    ),
    "conversation.item.retrieve": (_ID, ("item_id",), lambda given: ItemRetrieve(given["item_id"])),
    "conversation.item.truncate": (
        {**_ID, "content_index": whole(0), "audio_end_ms": whole(0)},
        ("item_id", "content_index", "audio_end_ms"),
        lambda given: ItemTruncate(given["item_id"], given["content_index"], given["audio_end_ms"]),
    ),
    "conversation.item.delete": (_ID, ("item_id",), lambda given: ItemDelete(given["item_id"])),
    "response.create": ({"response": mapping}, (), lambda given: ResponseCreate(given.get("response", {}))),
    "response.cancel": ({"response_id": optional(text)}, (), lambda given: ResponseCancel(given.get("response_id"))),
}
