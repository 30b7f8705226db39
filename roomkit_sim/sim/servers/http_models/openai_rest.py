"""OpenAI's chat completions: their requests as the service checks them, their replies as it writes them. Pure.

Field names are those that openai 3.52 sends and parses. What is refused here was read in the API's documentation; no
reply of this module was seen coming from the service.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from roomkit_sim.sim.servers.http_models.answers import ModelAnswer, ModelCall, ModelRefusal, ModelRequest

__all__ = ["refusal_body", "refuse", "stream", "whole"]

CREATED_S = 1_893_456_000
"""The date of every completion, in seconds since 1970: that at which simulations begin."""

ARGUMENT_PIECE_CHARS = 6
"""Arguments are streamed in pieces of this size, which end anywhere."""


def refuse(request: ModelRequest) -> ModelRefusal | None:
    """What the service would not accept about a request; ``None`` when it would."""
    if not request.headers.get("authorization", "").startswith("Bearer "):
        return ModelRefusal(401, "You didn't provide an API key.", "invalid_api_key")
    body = request.body
    reason = _wrong_tools(body.get("tools") or ()) or _wrong_turns(body.get("messages") or ())
    return None if reason is None else ModelRefusal(400, reason, "invalid_request_error")


def _wrong_tools(tools: Sequence[dict[str, Any]]) -> str | None:
    for place, tool in enumerate(tools):
        if tool.get("type") != "function" or set(tool) != {"type", "function"}:
            return f"Missing or unknown parameter: 'tools[{place}].type'."
    return None


def _wrong_turns(messages: Sequence[dict[str, Any]]) -> str | None:
    """Behind a message with calls come the results of all of them, and results come nowhere else."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            waiting.remove(message["tool_call_id"])
        elif waiting:
            return f"An assistant message with 'tool_calls' must be followed by tool messages: {', '.join(waiting)}."
        else:
            waiting = [call["id"] for call in message.get("tool_calls") or ()]
    return f"tool_call_ids did not have response messages: {', '.join(waiting)}." if waiting else None


def whole(request: ModelRequest, answer: ModelAnswer) -> dict[str, Any]:
    """The reply in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(answer.words) or None, "refusal": None}
    if answer.calls:
        message["tool_calls"] = [_call(call) for call in answer.calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(answer)}
    return {**_envelope(request, "chat.completion"), "choices": [choice], "usage": _usage(answer)}


def stream(request: ModelRequest, answer: ModelAnswer) -> Iterator[dict[str, Any]]:
    """The reply in pieces: the role, each piece of text, the calls bit by bit, the finish reason, and the usage."""
    yield _chunk(request, {"role": "assistant", "content": ""})
    for word in answer.words:
        yield _chunk(request, {"content": word})
    for index, call in enumerate(answer.calls):
        for piece in _call_pieces(index, call):
            yield _chunk(request, {"tool_calls": [piece]})
    reason = _finish_reason(answer)
    if reason:
        yield _chunk(request, {}, reason)
    if (request.body.get("stream_options") or {}).get("include_usage"):
        yield {**_envelope(request, "chat.completion.chunk"), "choices": [], "usage": _usage(answer)}


def _call_pieces(index: int, call: ModelCall) -> Iterator[dict[str, Any]]:
    made = _call(call)
    arguments = made["function"]["arguments"]
    yield {"index": index, **made, "function": {"name": call.name, "arguments": ""}}
    for start in range(0, len(arguments), ARGUMENT_PIECE_CHARS):
        yield {"index": index, "function": {"arguments": arguments[start : start + ARGUMENT_PIECE_CHARS]}}


def _chunk(request: ModelRequest, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {**_envelope(request, "chat.completion.chunk"), "choices": [choice]}


def _envelope(request: ModelRequest, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-simulated", "object": kind, "created": CREATED_S, "model": request.model}


def _finish_reason(answer: ModelAnswer) -> str:
    if answer.finish_reason is not None:
        return answer.finish_reason
    return "tool_calls" if answer.calls else "stop"


def _call(call: ModelCall) -> dict[str, Any]:
    arguments = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
    made = {"type": "function", "function": {"name": call.name, "arguments": arguments}}
    return made if call.id is None else {"id": call.id, **made}


def _usage(answer: ModelAnswer) -> dict[str, int]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def refusal_body(refusal: ModelRefusal) -> dict[str, Any]:
    """The body of an error."""
    error = {"message": refusal.message, "type": "invalid_request_error", "param": None, "code": refusal.code or None}
    return {"error": error}
