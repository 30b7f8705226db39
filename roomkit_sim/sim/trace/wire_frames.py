"""Names the JSON messages of a realtime wire, and takes out of them what a trace must not hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.sim.trace.events import Json

__all__ = ["HandleLabels", "WireFrame", "read_frame"]

_TWO_LEVELS = ("realtime_input", "realtimeInput", "serverContent")
_HANDLE_KEYS = ("handle", "newHandle", "new_handle")
_SECRET_KEY = re.compile(
    r"api[-_]?key|authorization|secret|^(access|auth|bearer|refresh|ephemeral)?[-_]?token$|password", re.IGNORECASE
)
_LONG = 200
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")

# An audio frame is told from its first bytes and its number of quotation marks: base64 has none, so a frame with the
# strings of an audio frame and no others is one. Parsing 50 frames a second and a direction would cost more than the
# call itself.
_GEMINI_INPUT = (b'{"realtime_input":{"audio":', b'{"realtimeInput":{"audio":')
_GEMINI_INPUT_QUOTES = 12
_GEMINI_OUTPUT = b'{"serverContent":{"modelTurn":{'
_GEMINI_OUTPUT_QUOTES = 16
_ROLE_QUOTES = 4
_OPENAI_INPUT = b'{"type":"input_audio_buffer.append",'
_OPENAI_INPUT_QUOTES = (8, 12)  # without and with an event_id
_OPENAI_OUTPUT = b'{"type":"response.output_audio.delta",'
_OPENAI_OUTPUT_QUOTES = 24


@dataclass(frozen=True, slots=True)
class WireFrame:
    """What a message is.

    Args:
        name: Its top-level key, with the second-level key for input and content, such as ``"serverContent.modelTurn"``;
            several keys are joined by ``+``. A message with a ``type`` is named by it.
        audio: Whether it carries nothing but audio.
        json: The message without secrets and without audio; nothing for audio.
    """

    name: str
    audio: bool = False
    json: Json = None


@dataclass
class HandleLabels:
    """Gives resumption handles, which are secrets, names in the order in which they pass: ``handle-1``, ..."""

    _labels: dict[str, str] = field(default_factory=dict)

    def label(self, handle: str) -> str:
        """The name of a handle, the same whenever it passes."""
        return self._labels.setdefault(handle, f"handle-{len(self._labels) + 1}")


def read_frame(payload: bytes, labels: HandleLabels) -> WireFrame:
    """Name one message.

    Args:
        payload: The message, JSON in UTF-8.
        labels: The names of the handles of this call.
    """
    quick = _audio_name(payload)
    if quick is not None:
        return WireFrame(quick, audio=True)
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return WireFrame("unreadable")
    if not isinstance(message, dict):
        return WireFrame("unreadable")
    return WireFrame(_name(message), json=_clean(message, labels))


def _audio_name(payload: bytes) -> str | None:
    head = payload[:160].translate(None, b" \n\r\t")
    if head.startswith(_GEMINI_INPUT):
        return "realtime_input.audio" if payload.count(b'"') == _GEMINI_INPUT_QUOTES else None
    if head.startswith(_GEMINI_OUTPUT) and (b'"inlineData"' in head or b'"inline_data"' in head):
        has_role = b'"role"' in head or b'"role"' in payload[-40:]
        quotes = _GEMINI_OUTPUT_QUOTES + (_ROLE_QUOTES if has_role else 0)
        return "serverContent.modelTurn" if payload.count(b'"') == quotes else None
    if head.startswith(_OPENAI_INPUT):
        return "input_audio_buffer.append" if payload.count(b'"') in _OPENAI_INPUT_QUOTES else None
    if head.startswith(_OPENAI_OUTPUT):
        return "response.output_audio.delta" if payload.count(b'"') == _OPENAI_OUTPUT_QUOTES else None
    return None


def _name(message: Mapping[str, Any]) -> str:
    if isinstance(message.get("type"), str):
        return str(message["type"])
    return "+".join(_named(key, value) for key, value in message.items()) or "empty"


def _named(key: str, value: Any) -> str:
    if key in _TWO_LEVELS and isinstance(value, dict) and value:
        first = "realtime_input" if key == "realtimeInput" else key
        return "+".join(f"{first}.{inner}" for inner in value)
    return key


def _clean(value: Any, labels: HandleLabels, key: str = "") -> Json:
    if isinstance(value, dict):
        return {str(inner): _clean(item, labels, str(inner)) for inner, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, labels, key) for item in value]
    if not isinstance(value, str):
        return value if isinstance(value, bool | int | float | None) else str(value)
    return _clean_text(value, labels, key)


def _clean_text(value: str, labels: HandleLabels, key: str) -> str:
    if not value:
        return value
    if key in _HANDLE_KEYS:
        return labels.label(value)
    if _SECRET_KEY.search(key):
        return "<removed>"
    if key in ("data", "audio", "delta", "thoughtSignature") and len(value) > _LONG and _BASE64.fullmatch(value):
        return f"<{len(value) * 3 // 4} bytes>"
    return value
