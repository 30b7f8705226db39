"""What a message of a realtime wire means, in the terms of a conversation. Pure.

The same acts are read from the messages of Gemini Live and of OpenAI Realtime; what a conversation has no word for is
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from roomkit_sim.sim.cassette.canonical import canonical
from roomkit_sim.sim.cassette.model import Way
from roomkit_sim.sim.trace.events import Json

__all__ = ["Act", "Answered", "Called", "Configured", "Done", "Failed", "GoingAway", "Told", "Words", "acts_of"]

Who: TypeAlias = Literal["caller", "agent"]


@dataclass(frozen=True, slots=True)
class Configured:
    """The client says who the model is to be.

    Args:
        instructions: The whole of them; nothing when they stay.
        voice: The voice's name.
        tools: The functions that may be called.
        resumes: Whether an earlier conversation goes on.
    """

    instructions: str | None
    voice: str | None
    tools: tuple[str, ...]
    resumes: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """The client says something in writing.

    Args:
        text: The words.
        to_be_answered: Whether the model is to speak now.
    """

    text: str
    to_be_answered: bool


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody says, written down by the service.

    Args:
        who: Who.
        text: A piece of it, or the whole.
        stream: Of which text it is a piece.
        is_whole: Whether it is the whole.
    """

    who: Who
    text: str
    stream: str
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Called:
    """The model calls a function."""

    id: str
    name: str
    arguments: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Answered:
    """The client says what came of a call."""

    id: str
    result: Json


@dataclass(frozen=True, slots=True)
class Done:
    """An answer of the model is over."""

    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The service will end the connection."""

    time_left: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The service reports an error."""

    message: str


Act: TypeAlias = Configured | Told | Words | Called | Answered | Done | GoingAway | Failed


def acts_of(way: Way, message: Json) -> Iterator[Act]:
    """What a message means, in order.

    Args:
        way: Who sent it.
        message: The message, audio left out.
    """
    plain: Any = canonical(message)
    if not isinstance(plain, dict):
        return
    if isinstance(plain.get("type"), str):
        yield from _openai_client(plain) if way == "sent" else _openai_server(plain)
    else:
        yield from _gemini_client(plain) if way == "sent" else _gemini_server(plain)


def _gemini_client(message: Mapping[str, Any]) -> Iterator[Act]:
    setup = message.get("setup")
    if isinstance(setup, dict):
        voice = _at(setup, "generationConfig", "speechConfig", "voiceConfig", "prebuiltVoiceConfig", "voiceName")
        tools = tuple(
            str(declared.get("name"))
            for tool in _list(setup.get("tools"))
            for declared in _list(_at(tool, "functionDeclarations"))
        )
        resumes = bool(_at(setup, "sessionResumption", "handle"))
        yield Configured(_text_of(setup.get("systemInstruction")), voice, tools, resumes)
    content = message.get("clientContent")
    if isinstance(content, dict):
        turns = [_text_of(turn) for turn in _list(content.get("turns"))]
        yield Told(" / ".join(text for text in turns if text), bool(content.get("turnComplete")))
    text = _at(message, "realtimeInput", "text")
    if isinstance(text, str):
        yield Told(text, to_be_answered=True)
    for answer in _list(_at(message, "toolResponse", "functionResponses")):
        yield Answered(str(_at(answer, "id")), _at(answer, "response"))


def _gemini_server(message: Mapping[str, Any]) -> Iterator[Act]:
    for call in _list(_at(message, "toolCall", "functionCalls")):
        yield Called(str(_at(call, "id")), str(_at(call, "name")), _at(call, "args") or {})
    content = message.get("serverContent")
    if isinstance(content, dict):
        for key, who in (("inputTranscription", "caller"), ("outputTranscription", "agent")):
            text = _at(content, key, "text")
            if isinstance(text, str) and text:
                yield Words("caller" if who == "caller" else "agent", text, who)
        for part in _list(_at(content, "modelTurn", "parts")):
            text = _at(part, "text")
            if isinstance(text, str) and text and not _at(part, "thought"):
                yield Words("agent", text, "agent")
        if content.get("interrupted") or content.get("turnComplete"):
            yield Done(bool(content.get("interrupted")))
    if "goAway" in message:
        yield GoingAway(str(_at(message, "goAway", "timeLeft")))


def _openai_client(message: Mapping[str, Any]) -> Iterator[Act]:
    match message["type"]:
        case "session.update":
            session = message.get("session") or {}
            tools = tuple(str(_at(tool, "name")) for tool in _list(session.get("tools")))
            voice = _at(session, "audio", "output", "voice") or session.get("voice")
            yield Configured(session.get("instructions"), voice, tools)
        case "conversation.item.create":
            item = message.get("item") or {}
            if item.get("type") == "function_call_output":
                yield Answered(str(item.get("callId")), item.get("output"))
            elif (text := _text_of({"parts": item.get("content")})) and item.get("role") != "assistant":
                yield Told(text, to_be_answered=False)
        case "response.create":
            yield Told(str(_at(message, "response", "instructions") or ""), to_be_answered=True)


def _openai_server(message: Mapping[str, Any]) -> Iterator[Act]:
    kind, item = message["type"], str(message.get("itemId"))
    match kind:
        case (
            "response.output_audio_transcript.delta" | "response.audio_transcript.delta" | "response.output_text.delta"
        ):
            yield Words("agent", str(message.get("delta")), item)
        case "response.output_audio_transcript.done" | "response.audio_transcript.done":
            yield Words("agent", str(message.get("transcript")), item, is_whole=True)
        case "response.output_text.done":
            yield Words("agent", str(message.get("text")), item, is_whole=True)
        case "conversation.item.input_audio_transcription.completed":
            yield Words("caller", str(message.get("transcript")), item, is_whole=True)
        case "response.output_item.done" if _at(message, "item", "type") == "function_call":
            call = message["item"]
            yield Called(str(call.get("callId")), str(call.get("name")), _arguments(call.get("arguments")))
        case "response.done":
            yield Done(_at(message, "response", "status") == "cancelled")
        case "error":
            yield Failed(str(_at(message, "error", "message")))


def _arguments(value: Any) -> Mapping[str, Json]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _text_of(turn: Any) -> str | None:
    parts = [_at(part, "text") for part in _list(_at(turn, "parts"))]
    texts = [text for text in parts if isinstance(text, str)]
    return "\n".join(texts) if texts else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _at(value: Any, *path: str) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
