"""Rules about what stands in a message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from roomkit_sim.sim.checks.protocol.common import strings
from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.gemini.messages import functions, items, member
from roomkit_sim.sim.checks.protocol.gemini.state import GeminiConnection
from roomkit_sim.sim.trace.gemini_fields import CLIENT_FIELDS

__all__ = [
    "activity_marks",
    "audio_format",
    "bad_tools",
    "control_characters",
    "empty_turn",
    "no_model",
    "several_inputs",
    "unknown_field",
    "unknown_role",
]

HEARD = re.compile(r"audio/pcm;\s*rate=16000")
FUNCTION_NAME = re.compile(r"[A-Za-z_][\w.:-]{0,127}", re.ASCII)
LINE_BREAKS = "\n\r\t"


def unknown_field(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A message has no fields but its own."""
    for kind, known in CLIENT_FIELDS.items():
        for key in member(frame.json, kind):
            if key not in known:
                yield f"{kind} has no field {key!a}"


def no_model(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A setup names its model."""
    model = member(frame.json, "setup").get("model")
    if not isinstance(model, str) or not re.search(r"(^|/)models/[^/]", model):
        yield f"setup.model is {model!a}"


def audio_format(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """Audio is PCM at 16 kHz, and says so."""
    body = member(frame.json, "realtimeInput")
    mime = frame.data.get("mime")
    for blob in (member(body, "audio"), *items(body, "mediaChunks")):
        mime = blob.get("mimeType", mime)
    # The trace of a simulated network has the type of every audio frame; another's may lack it.
    is_audio = "audio" in body or frame.name == "realtime_input.audio" or str(mime).startswith("audio/")
    if is_audio and (mime is not None or body) and not HEARD.fullmatch(str(mime)):
        yield f"audio as {mime!a}"


def several_inputs(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A ``realtimeInput`` has one field."""
    body = [key for key, value in member(frame.json, "realtimeInput").items() if value is not None]
    if len(body) > 1:
        yield f"{' and '.join(body)} in one realtimeInput"
    elif not body and frame.json:
        yield "an empty realtimeInput"


def activity_marks(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """Marks of activity come from a client that finds the turns, and from no other."""
    body = member(frame.json, "realtimeInput")
    unfit = ("activityStart", "activityEnd") if connection.detects_turns else ("audioStreamEnd",)
    for mark in unfit:
        if body.get(mark) is not None:
            yield f"{mark} although {'the server finds' if connection.detects_turns else 'the client marks'} the turns"


def _contents(frame: Frame) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, turn in enumerate(items(member(frame.json, "clientContent"), "turns")):
        yield f"turn {number + 1}", turn
    for kind in ("setup", "contextUpdate"):
        instruction = member(frame.json, kind).get("systemInstruction")
        if isinstance(instruction, dict):
            yield "systemInstruction", instruction


def empty_turn(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """Something stands in every turn."""
    for where, content in _contents(frame):
        parts = content.get("parts")
        if not isinstance(parts, list) or not parts:
            yield f"{where} has no parts"
        elif any(
            not isinstance(part, dict) or not any(value not in ("", None) for value in part.values()) for part in parts
        ):
            yield f"{where} has an empty part"


def unknown_role(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A turn is of the user or of the model."""
    for turn in items(member(frame.json, "clientContent"), "turns"):
        if turn.get("role", "user") not in ("user", "model"):
            yield f"a turn with the role {turn.get('role')!a}"


def control_characters(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """Text has no control characters."""
    spoken = [text for _, content in _contents(frame) for text in strings(content.get("parts"))]
    for text in (*spoken, *strings(member(frame.json, "realtimeInput").get("text"))):
        if any(character < " " and character not in LINE_BREAKS for character in text):
            yield f"a control character in {text[:40]!a}"


def bad_tools(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """Functions have names, each its own."""
    tools = [
        *items(member(frame.json, "setup"), "tools"),
        *items(member(frame.json, "contextUpdate", "tools"), "tools"),
    ]
    names = Counter(str(function.get("name")) for function in functions(tools))
    for name, count in names.items():
        if not FUNCTION_NAME.fullmatch(name):
            yield f"a function named {name!a}"
        elif count > 1:
            yield f"{count} functions named {name!r}"
