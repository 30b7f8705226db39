"""A client may send anything: the linter judges it, and never breaks."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim.checks.protocol.check import lint
from roomkit_sim.sim.trace.events import TraceEvent

MESSAGES: list[dict[str, Any]] = [
    {"setup": {"model": "models/m", "systemInstruction": {"parts": [{"text": "x"}]},
               "sessionResumption": {"handle": "h"},
               "tools": [{"functionDeclarations": [{"name": "a"}]}],
               "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}},
    {"clientContent": {"turns": [{"parts": [{"text": "x"}], "role": "user"}], "turnComplete": True}},
    {"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": ""},
                       "mediaChunks": [{"mimeType": "x"}], "text": "x"}},
    {"toolResponse": {"functionResponses": [{"id": "c", "name": "a", "response": {}}]}},
    {"contextUpdate": {"systemInstruction": {"parts": []}, "tools": {"tools": [{"functionDeclarations": []}]}}},
    {"toolCall": {"functionCalls": [{"id": "c", "name": "a"}]}},
    {"toolCallCancellation": {"ids": ["c"]}},
    {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}},
    {"goAway": {"timeLeft": "1s"}},
    {"type": "session.update", "session": {"type": "realtime", "model": "m", "voice": "x", "tools": [
        {"type": "function", "name": "a"}], "audio": {
        "input": {"turn_detection": None, "format": {"type": "audio/pcm"}},
        "output": {"voice": "v", "format": {"type": "audio/pcm", "rate": 24000}}}}},
    {"type": "session.created", "session": {"model": "m", "audio": {"input": {"format": {"type": "audio/pcm"}}}}},
    {"type": "conversation.item.create", "item": {"type": "message", "id": "i", "role": "user", "content": [
        {"type": "input_text"}]}},
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": ""}},
    {"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": 1, "content_index": 0},
    {"type": "response.create", "response": {"conversation": "none", "audio": {"output": {"voice": "v"}}, "tools": []}},
    {"type": "response.created", "response": {"id": "r", "conversation_id": "x"}},
    {"type": "response.done", "response": {"id": "r"}},
    {"type": "response.content_part.added", "item_id": "i", "part": {"type": "audio"}},
    {"type": "response.output_audio.delta", "item_id": "i", "delta": ""},
    {"type": "response.function_call_arguments.done", "call_id": "c", "name": "a"},
    {"type": "response.cancel", "response_id": "r"},
    {"type": "error", "error": {"param": "session.x"}},
]  # fmt: skip
RESUMED = [("sent", message) for message in MESSAGES[:4]]
STRANGE: list[Any] = [None, True, -1, 1.5, "x", [], {}, [None], [[]], [{}], {"x": {}}]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: str(message.get("type", next(iter(message)))))
def test_no_value_is_too_strange_to_be_judged(message: dict[str, Any]) -> None:
    whole = [("sent", message), ("received", message)]
    for path in places(message):
        for value in STRANGE:
            odd = replaced(message, path, value)
            told = [("sent", odd), ("received", odd), *whole, ("sent", odd), *RESUMED]
            findings = lint(event(number, *each) for number, each in enumerate(told))
            assert all(finding.message.encode() for finding in findings)


def event(number: int, way: str, message: Any) -> TraceEvent:
    name = message["type"] if isinstance(message.get("type"), str) else "+".join(message)
    return TraceEvent(number, number, "call", "wire", way, {"conn": 1, "frame": name, "bytes": 1, "json": message})


def places(value: Any) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, item in inner for path in ((key,), *((key, *more) for more in places(item)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], by)
    return copy
