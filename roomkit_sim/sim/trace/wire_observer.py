"""What a provider does, as far as the client's end of the wire tells: for providers that are not ours to ask.

Gives the ``server`` events that a protocol server of ours would have put into the trace itself, and no others: what was
understood of the caller, for one, is not on the wire. Field names: google-genai ``types.LiveServerMessage``, openai
``types.realtime``; Gemini's keys come in both spellings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from roomkit_sim.sim.trace.events import Json, TraceEvent

__all__ = ["BY_WIRE", "Observation", "WhoIs", "WireObserver"]

BY_WIRE = "wire"
"""In ``by`` of an event that was read from the wire."""

WhoIs: TypeAlias = Callable[[str], tuple[str, str | None]]
"""From the instructions of a session to the persona and the agent."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A ``server`` event in the making.

    Args:
        kind: Its kind.
        data: Its details.
    """

    kind: str
    data: Mapping[str, Json]


@dataclass(slots=True)
class _Connection:
    instructions: str = ""
    voice: str = ""
    handle: str | None = None
    names: dict[str, str] = field(default_factory=dict)


class WireObserver:
    """Follows the ``wire`` events of one call.

    Args:
        who_is: Tells who is in charge of a session.
    """

    def __init__(self, who_is: WhoIs) -> None:
        self._who_is = who_is
        self._connections: dict[int, _Connection] = {}

    def feed(self, event: TraceEvent) -> Iterator[Observation]:
        """What an event tells."""
        message, conn = event.data.get("json"), event.data.get("conn")
        if not isinstance(message, dict) or not isinstance(conn, int):
            return
        known = self._connections.setdefault(conn, _Connection())
        if event.name == "wire.sent":
            found = self._sent_openai(known, message) if "type" in message else self._sent_gemini(known, message)
        elif event.name == "wire.received":
            found = self._heard_openai(known, message) if "type" in message else self._heard_gemini(known, message)
        else:
            return
        for observation in found:
            yield Observation(observation.kind, {"conn": conn, "by": BY_WIRE, **observation.data})

    def _persona(self, known: _Connection) -> Observation:
        name, agent = self._who_is(known.instructions)
        unknown: dict[str, Json] = {"instructions": known.instructions[:160]} if agent is None else {}
        return Observation("persona", {"name": name, "agent": agent, "voice": known.voice, **unknown})

    # Gemini Live

    def _sent_gemini(self, known: _Connection, message: Mapping[str, Any]) -> Iterator[Observation]:
        body = _camel(message)
        if "setup" in body:
            setup = _mapping(body["setup"])
            speech = _mapping(_mapping(setup.get("generationConfig")).get("speechConfig"))
            voice = _mapping(_mapping(speech.get("voiceConfig")).get("prebuiltVoiceConfig")).get("voiceName")
            parts = _list(_mapping(setup.get("systemInstruction")).get("parts"))
            known.instructions = "".join(str(_mapping(part).get("text") or "") for part in parts)
            known.voice = str(voice or "")
            handle = _mapping(setup.get("sessionResumption")).get("handle")
            known.handle = handle if isinstance(handle, str) else None
        for answer in _list(_mapping(body.get("toolResponse")).get("functionResponses")):
            result = _mapping(answer)
            yield Observation("tool_result", {key: result.get(key) for key in ("id", "name")} | _result(result))

    def _heard_gemini(self, known: _Connection, message: Mapping[str, Any]) -> Iterator[Observation]:
        if "setupComplete" in message:
            if known.handle is not None:
                yield Observation("resumed", {"handle": known.handle})
            yield self._persona(known)
        for call in _list(_mapping(message.get("toolCall")).get("functionCalls")):
            called = _mapping(call)
            yield Observation("tool_call", {key: called.get(key) for key in ("id", "name", "args")})
        if _mapping(message.get("serverContent")).get("interrupted"):
            yield Observation("interrupted", {"calls": []})

    # OpenAI Realtime

    def _sent_openai(self, known: _Connection, message: Mapping[str, Any]) -> Iterator[Observation]:
        item = _mapping(message.get("item"))
        if message["type"] == "conversation.item.create" and item.get("type") == "function_call_output":
            call_id = str(item.get("call_id"))
            output = {"result": _parsed(item.get("output"))}
            yield Observation("tool_result", {"id": call_id, "name": known.names.get(call_id), **output})

    def _heard_openai(self, known: _Connection, message: Mapping[str, Any]) -> Iterator[Observation]:
        match message["type"]:
            case "session.updated":
                session = _mapping(message.get("session"))
                voice = str(_mapping(_mapping(session.get("audio")).get("output")).get("voice") or "")
                instructions = str(session.get("instructions") or "")
                if (instructions, voice) != (known.instructions, known.voice):
                    known.instructions, known.voice = instructions, voice
                    yield self._persona(known)
            case "input_audio_buffer.speech_started":
                yield Observation("speech_started", {})
            case "input_audio_buffer.committed":
                yield Observation("turn_committed", {})
            case "response.output_item.done":
                item = _mapping(message.get("item"))
                if item.get("type") == "function_call":
                    call_id, name = str(item.get("call_id")), str(item.get("name"))
                    known.names[call_id] = name
                    yield Observation("tool_call", {"id": call_id, "name": name, "args": _parsed(item["arguments"])})
            case "response.done" if _mapping(message.get("response")).get("status") == "cancelled":
                yield Observation("interrupted", {"calls": []})
            case _:
                return


def _result(answer: Mapping[str, Any]) -> dict[str, Json]:
    return {"result": answer.get("response")}


def _parsed(text: Any) -> Json:
    try:
        parsed: Json = json.loads(text)
    except (TypeError, ValueError):
        return text if isinstance(text, str) else None
    return parsed


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_OPAQUE = frozenset({"args", "response"})
"""Values whose keys are the application's own."""


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        named = {re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), key): item for key, item in value.items()}
        return {key: item if key in _OPAQUE else _camel(item) for key, item in named.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value
