"""Finds the audio in a message of a realtime wire, and puts it back. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from roomkit_sim.sim.cassette.model import AudioPath, Opaque, Plain, Sound, Way
from roomkit_sim.sim.trace.events import Json

__all__ = ["PLACEHOLDER", "decode", "find_sound", "rate_of", "to_text", "value_at", "with_value"]

PLACEHOLDER = "<audio>"
"""Stands where the audio was. What counts is the path beside it, so a message may say this itself."""

OPENAI_RATE_HZ = 24_000
_DELTAS = ("response.output_audio.delta", "response.audio.delta")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_RATE = re.compile(r"rate=(\d{4,6})")


def find_sound(message: Json, way: Way) -> Sound | None:
    """The audio of a message.

    A client's message counts only when the audio is all that it carries; it may be in either alphabet of base64, as
    google-genai sends the URL-safe one. A server's may say more, and must be what encoding its audio again gives,
    because a replay sends it.

    Args:
        message: As the wire had it.
        way: Who sent it.

    Returns:
        Nothing when there is none, or when there are several pieces.
    """
    if not isinstance(message, dict):
        return None
    path = _client_audio(message) if way == "sent" else _server_audio(message)
    text = None if path is None else value_at(message, path)
    if path is None or not isinstance(text, str):
        return None
    try:
        pcm = decode(text.encode())
    except ValueError:
        return None
    if way == "received" and base64.b64encode(pcm).decode() != text:
        return None
    return Sound(with_value(message, path, PLACEHOLDER), path, len(pcm), pcm)


def decode(text: bytes) -> bytes:
    """Base64 in either alphabet.

    Raises:
        ValueError: It is none.
    """
    return base64.b64decode(text.translate(_TO_STANDARD), validate=True)


def rate_of(sound: Sound) -> int:
    """The sample rate that a message states; OpenAI's messages state none, and have 24 kHz."""
    container = value_at(sound.like, sound.path[:-1])
    mime = container.get("mimeType", container.get("mime_type")) if isinstance(container, dict) else None
    found = _RATE.search(mime) if isinstance(mime, str) else None
    return int(found[1]) if found else OPENAI_RATE_HZ


def to_text(body: Plain | Sound | Opaque) -> bytes:
    """The message as bytes: compact JSON, or what it was.

    Raises:
        ValueError: It is audio that was left out of the recording.
    """
    match body:
        case Opaque():
            return body.data
        case Plain():
            return _compact(body.json)
        case Sound():
            if body.pcm is None:
                raise ValueError("the audio of this message was not recorded")
            return _compact(with_value(body.like, body.path, base64.b64encode(body.pcm).decode()))


def value_at(message: Json, path: AudioPath) -> Json:
    """What stands at a path; nothing when it leads nowhere."""
    place: Any = message
    for step in path:
        if isinstance(place, dict) and isinstance(step, str):
            place = place.get(step)
        elif isinstance(place, list) and isinstance(step, int) and 0 <= step < len(place):
            place = place[step]
        else:
            return None
    found: Json = place
    return found


def with_value(message: Json, path: AudioPath, value: Json) -> Json:
    """A copy with another value at a path that exists."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(message, dict) and isinstance(step, str):
        return {key: with_value(item, rest, value) if key == step else item for key, item in message.items()}
    if isinstance(message, list) and isinstance(step, int):
        return [with_value(item, rest, value) if index == step else item for index, item in enumerate(message)]
    return message


def _compact(message: Json) -> bytes:
    try:
        return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair: possible in JSON, as an escape only.
        return json.dumps(message, separators=(",", ":")).encode()


def _client_audio(message: Mapping[str, Json]) -> AudioPath | None:
    if message.get("type") == "input_audio_buffer.append":
        return ("audio",) if set(message) <= {"type", "audio", "event_id"} else None
    for key in ("realtime_input", "realtimeInput"):
        inner = message.get(key)
        if len(message) == 1 and isinstance(inner, dict) and set(inner) == {"audio"}:
            return (key, "audio", "data")
    return None


def _server_audio(message: Mapping[str, Json]) -> AudioPath | None:
    if message.get("type") in _DELTAS:
        return ("delta",)
    parts = value_at(dict(message), ("serverContent", "modelTurn", "parts"))
    found: list[AudioPath] = []
    for index, part in enumerate(parts if isinstance(parts, list) else []):
        for key in ("inlineData", "inline_data"):
            blob = part.get(key) if isinstance(part, dict) else None
            mime = blob.get("mimeType", blob.get("mime_type")) if isinstance(blob, dict) else None
            if isinstance(mime, str) and mime.startswith("audio/"):
                found.append(("serverContent", "modelTurn", "parts", index, key, "data"))
    return found[0] if len(found) == 1 else None
