"""Reads what a client sends, and refuses what the service refuses. Pure.

The SDK mixes camelCase and snake_case in one frame; keys are made camelCase on entry. Field names are those of
google-genai 3.4 (``types.LiveClientMessage`` and below).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from roomkit_sim.sim.servers.schema import malformed
from roomkit_sim.sim.trace.gemini_fields import CLIENT_FIELDS

__all__ = [
    "ActivityMark",
    "Audio",
    "ClientFrame",
    "ContextUpdate",
    "Setup",
    "TextTurn",
    "ToolResults",
    "Violation",
    "parse_client_frame",
]

_OPAQUE = frozenset({"args", "response", "parametersJsonSchema", "responseJsonSchema", "parameters"})
"""Keys whose values are the application's own: their keys are left as they are."""

_STANDARD_ALPHABET = str.maketrans("-_", "+/")


class Violation(Exception):
    """The client broke the protocol; the service closes the connection.

    Args:
        reason: As the service would put it into the close frame.
        code: The close code; 1007 is what the service uses for invalid messages.
    """

    def __init__(self, reason: str, code: int = 1007) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True)
class Setup:
    """The first frame.

    Args:
        model: With its ``models/`` prefix.
        instructions: Of the system.
        voice: Name of the prebuilt voice; empty is the default one.
        functions: Function name to the schema of its arguments.
        resumption: Whether the client wants resumption handles.
        handle: The conversation to go on with.
        silence_ms: After how much silence a turn ends, if the client says it.
        automatic_activity: Whether the server finds the turns.
        interruptible: Whether speech of the caller stops an answer.
        transcribe_input: Whether the client wants the caller's words.
        transcribe_output: Whether it wants the model's.
        compression: Whether the context is compressed when it grows long.
    """

    model: str
    instructions: str = ""
    voice: str = ""
    functions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resumption: bool = False
    handle: str | None = None
    silence_ms: int | None = None
    automatic_activity: bool = True
    interruptible: bool = True
    transcribe_input: bool = False
    transcribe_output: bool = False
    compression: bool = False


@dataclass(frozen=True)
class Audio:
    """A piece of the caller's audio."""

    pcm: bytes
    rate_hz: int


@dataclass(frozen=True)
class TextTurn:
    """Words of the client: history while ``complete`` is false, otherwise a request to answer."""

    turns: tuple[tuple[str, str], ...]
    complete: bool


@dataclass(frozen=True)
class ToolResults:
    """Answers to tool calls: (id, name, result) each."""

    results: tuple[tuple[str, str, Any], ...]


@dataclass(frozen=True)
class ActivityMark:
    """``start`` or ``end`` of speech where the client finds the turns, or ``stream_end``."""

    mark: str


@dataclass(frozen=True)
class ContextUpdate:
    """New instructions and functions inside a connection; nothing where they stay. The voice cannot be changed.

    Args:
        instructions: Of the system.
        functions: Function name to the schema of its arguments.
    """

    instructions: str | None = None
    functions: Mapping[str, Mapping[str, Any]] | None = None


ClientFrame: TypeAlias = Setup | Audio | TextTurn | ToolResults | ActivityMark | ContextUpdate


def parse_client_frame(raw: str | bytes) -> ClientFrame:
    """Read one frame.

    Raises:
        Violation: It is not what the protocol allows.
    """
    try:
        return _parse(raw)
    except RecursionError as error:
        raise Violation("Request is nested too deeply.") from error


def _parse(raw: str | bytes) -> ClientFrame:
    try:
        frame = json.loads(raw)
    except ValueError as error:
        raise Violation("Request is not valid JSON.") from error
    if not isinstance(frame, dict):
        raise Violation("Request must be a JSON object.")
    message = {_camel(key): value for key, value in frame.items()}
    kinds = [key for key in message if key in CLIENT_FIELDS]
    if len(kinds) != 1 or len(message) != 1:
        unknown = [key for key in message if key not in CLIENT_FIELDS]
        raise Violation(
            f'Invalid JSON payload received. Unknown name "{unknown[0]}".' if unknown else "One message a frame."
        )
    body = message[kinds[0]]
    if not isinstance(body, dict):
        raise Violation(f'"{kinds[0]}" must be an object.')
    if kinds[0] == "realtimeInput":
        return _realtime_input(body)
    normal = _normalise(body)
    match kinds[0]:
        case "setup":
            return _setup(normal)
        case "clientContent":
            return _client_content(normal)
        case "toolResponse":
            return _tool_response(normal)
        case _:
            return _context_update(normal)


@lru_cache(maxsize=512)
def _camel(key: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), key)


def _normalise(value: Any) -> Any:
    if isinstance(value, dict):
        camel = ((_camel(key), item) for key, item in value.items())
        return {key: item if key in _OPAQUE else _normalise(item) for key, item in camel}
    return [_normalise(item) for item in value] if isinstance(value, list) else value


def _object(container: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = container.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Violation(f'"{key}" must be an object.')
    return value


def _list(container: Mapping[str, Any], key: str) -> list[Any]:
    value = container.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Violation(f'"{key}" must be a list of objects.')
    return value


def _setup(setup: dict[str, Any]) -> Setup:
    for key in setup:
        if key not in CLIENT_FIELDS["setup"]:
            raise Violation(f"Invalid JSON payload received. Unknown name \"{key}\" at 'setup': Cannot find field.")
    model = setup.get("model")
    if not isinstance(model, str) or not model.startswith("models/"):
        raise Violation("setup.model must be 'models/<name>'.")
    generation = _object(setup, "generationConfig")
    if generation.get("responseModalities") != ["AUDIO"]:
        raise Violation("This server speaks only: responseModalities must be ['AUDIO'].")
    voice = _object(_object(_object(generation, "speechConfig"), "voiceConfig"), "prebuiltVoiceConfig")
    realtime = _object(setup, "realtimeInputConfig")
    detection = _object(realtime, "automaticActivityDetection")
    resumption = _object(setup, "sessionResumption")
    handle, silence_ms = resumption.get("handle"), detection.get("silenceDurationMs")
    if not isinstance(handle, str | None):
        raise Violation('"handle" must be a string.')
    if silence_ms is not None and (type(silence_ms) is not int or silence_ms < 0):
        raise Violation('"silenceDurationMs" must be a whole number of milliseconds.')
    return Setup(
        model=model,
        instructions=_text_of(_object(setup, "systemInstruction")),
        voice=str(voice.get("voiceName") or ""),
        functions=_functions(_list(setup, "tools")),
        resumption=setup.get("sessionResumption") is not None,
        handle=handle,
        silence_ms=silence_ms,
        automatic_activity=not detection.get("disabled", False),
        interruptible=realtime.get("activityHandling") != "NO_INTERRUPTION",
        transcribe_input="inputAudioTranscription" in setup,
        transcribe_output="outputAudioTranscription" in setup,
        compression="contextWindowCompression" in setup,
    )


def _context_update(update: dict[str, Any]) -> ContextUpdate:
    tools = _object(update, "tools")
    return ContextUpdate(
        instructions=_text_of(_object(update, "systemInstruction")) if "systemInstruction" in update else None,
        functions=_functions(_list(tools, "tools")) if "tools" in update else None,
    )


def _functions(tools: list[Any]) -> dict[str, Mapping[str, Any]]:
    declared: dict[str, Mapping[str, Any]] = {}
    for tool in tools:
        for function in _list(tool, "functionDeclarations"):
            name = function.get("name")
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][\w.:-]{0,127}", name):
                raise Violation(f"Invalid function name {name!r}.")
            if name in declared:
                raise Violation(f"Duplicate function declaration found: {name}")
            declared[name] = function.get("parametersJsonSchema") or function.get("parameters") or {}
            wrong = malformed(declared[name])
            if wrong:
                raise Violation(f"Invalid schema of function {name}: {wrong}.")
    return declared


def _text_of(content: Mapping[str, Any]) -> str:
    return "".join(str(part.get("text") or "") for part in _list(content, "parts"))


def _client_content(content: dict[str, Any]) -> TextTurn:
    turns = tuple((str(turn.get("role") or "user"), _text_of(turn)) for turn in _list(content, "turns"))
    for role, text in turns:
        if role not in ("user", "model"):
            raise Violation("Please use a valid role: user, model.")
        _check_text(text)
    return TextTurn(turns, bool(content.get("turnComplete", True)))


def _check_text(text: str) -> None:
    if any(ord(character) < 32 and character not in "\n\r\t" for character in text):
        raise Violation("Request contains an invalid argument: control characters in text.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Violation("Request contains an invalid argument: a lone surrogate in text.")


def _tool_response(response: dict[str, Any]) -> ToolResults:
    answers = _list(response, "functionResponses")
    if not answers:
        raise Violation("toolResponse without functionResponses.")
    return ToolResults(
        tuple((str(item.get("id") or ""), str(item.get("name") or ""), _object(item, "response")) for item in answers)
    )


def _realtime_input(body: Mapping[str, Any]) -> ClientFrame:
    for key, value in body.items():
        match _camel(key):
            case "audio":
                return _audio(value)
            case "mediaChunks":
                return _audio(value[0] if isinstance(value, list) and value else None)
            case "text":
                return _typed(value)
            case "activityStart":
                return ActivityMark("start")
            case "activityEnd":
                return ActivityMark("end")
            case "audioStreamEnd":
                return ActivityMark("stream_end")
            case unknown:
                raise Violation(f"Invalid JSON payload received. Unknown name \"{unknown}\" at 'realtime_input'.")
    raise Violation("realtimeInput is empty.")


def _typed(text: Any) -> TextTurn:
    if not isinstance(text, str):
        raise Violation('"text" must be a string.')
    _check_text(text)
    return TextTurn((("user", text),), complete=True)


def _audio(blob: Any) -> Audio:
    if not isinstance(blob, dict):
        raise Violation("realtimeInput.audio must be a blob.")
    mime = blob.get("mime_type") or blob.get("mimeType") or ""
    rate = re.fullmatch(r"audio/pcm;\s*rate=([0-9]{1,6})", str(mime))
    if rate is None:
        raise Violation(f"Unsupported audio {str(mime)[:40]!r}: use audio/pcm;rate=16000.")
    data = blob.get("data") or ""
    try:
        # The SDK writes the URL-safe alphabet; JSON encoders of others write the standard one. Both are allowed.
        pcm = base64.b64decode(data.translate(_STANDARD_ALPHABET), validate=True)
    except (binascii.Error, ValueError, AttributeError) as error:
        raise Violation("realtimeInput.audio.data is not base64.") from error
    if len(pcm) % 2:
        raise Violation("PCM16 audio must have an even number of bytes.")
    return Audio(pcm, int(rate.group(1)))
