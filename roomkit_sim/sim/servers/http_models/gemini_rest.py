"""Gemini's ``generateContent``: its requests as it checks them, its replies as it writes them. Pure.

Field names are those that google-genai 3.4 sends and parses. What is refused here was read in the API's documentation;
no reply of this module was seen coming from the service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from roomkit_sim.sim.servers.http_models.answers import ModelAnswer, ModelCall, ModelRefusal, ModelRequest

__all__ = ["refusal_body", "refuse", "stream", "whole"]


def refuse(request: ModelRequest) -> ModelRefusal | None:
    """What the service would not accept about a request; ``None`` when it would."""
    if not request.headers.get("x-goog-api-key"):
        return ModelRefusal(403, "Method doesn't allow unregistered callers.", "PERMISSION_DENIED")
    contents = request.body.get("contents") or []
    reason = _wrong_roles(contents) or _wrong_turns(contents) or _missing_signature(request.model, contents)
    return None if reason is None else ModelRefusal(400, reason, "INVALID_ARGUMENT")


def _wrong_roles(contents: Sequence[dict[str, Any]]) -> str | None:
    if not contents:
        return "contents are required"
    if any(content.get("role") not in ("user", "model") for content in contents):
        return "Please use a valid role: user, model."
    return "contents must have parts" if any(not content.get("parts") for content in contents) else None


def _wrong_turns(contents: Sequence[dict[str, Any]]) -> str | None:
    """A turn of calls is followed by one turn with its results: as many, of the same names, with the same ids."""
    results_before: list[Any] = []
    for content in reversed(contents):
        calls = [(c.get("name"), c.get("id")) for c in _parts(content, "functionCall")]
        if sorted(map(str, calls)) != sorted(map(str, results_before)):
            return (
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        results_before = [(r.get("name"), r.get("id")) for r in _parts(content, "functionResponse")]
    return (
        "Please ensure that function response turn comes immediately after a function call turn."
        if (results_before)
        else None
    )


def _missing_signature(model: str, contents: Sequence[dict[str, Any]]) -> str | None:
    """Gemini 3: the first call of a turn must come back with the signature that it was given."""
    if not model.startswith("gemini-3"):
        return None
    for content in contents:
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls and not calls[0].get("thoughtSignature"):
            return f"Function call `{calls[0]['functionCall']['name']}` is missing a `thought_signature`."
    return None


def _parts(content: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [part[kind] for part in content.get("parts", ()) if kind in part]


def whole(request: ModelRequest, answer: ModelAnswer) -> dict[str, Any]:
    """The reply in one piece."""
    if answer.block_reason is not None:
        return _blocked(request, answer)
    text = [{"text": "".join(answer.words)}] if answer.words else []
    return _response(request, answer, [*text, *map(_call, answer.calls)], last=True)


def stream(request: ModelRequest, answer: ModelAnswer) -> Iterator[dict[str, Any]]:
    """The reply in pieces: one for each piece of text, then the calls; the last bears finish reason and usage."""
    if answer.block_reason is not None:
        yield _blocked(request, answer)
        return
    calls = [_call(call) for call in answer.calls]
    pieces = [[{"text": word}] for word in answer.words]
    if calls:
        pieces += [calls, calls] if answer.repeat_calls else [calls]
    for place, parts in enumerate(pieces or [[]], start=1):
        yield _response(request, answer, parts, last=place >= len(pieces))


def _response(
    request: ModelRequest, answer: ModelAnswer, parts: Sequence[dict[str, Any]], *, last: bool
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    reason = "STOP" if answer.finish_reason is None else answer.finish_reason
    if last and reason:
        candidate["finishReason"] = reason
    reply: dict[str, Any] = {"candidates": [candidate], "modelVersion": request.model, "responseId": "simulated"}
    return {**reply, "usageMetadata": _usage(answer)} if last else reply


def _blocked(request: ModelRequest, answer: ModelAnswer) -> dict[str, Any]:
    return {"promptFeedback": {"blockReason": answer.block_reason}, "modelVersion": request.model}


def _call(call: ModelCall) -> dict[str, Any]:
    made: dict[str, Any] = {"name": call.name, "args": call.arguments}
    if call.id is not None:
        made["id"] = call.id
    part: dict[str, Any] = {"functionCall": made}
    return part if call.signature is None else {**part, "thoughtSignature": call.signature}


def _usage(answer: ModelAnswer) -> dict[str, int]:
    return {
        "promptTokenCount": answer.input_tokens,
        "candidatesTokenCount": answer.output_tokens,
        "totalTokenCount": answer.input_tokens + answer.output_tokens,
    }


def refusal_body(refusal: ModelRefusal) -> dict[str, Any]:
    """The body of an error."""
    error: dict[str, Any] = {"code": refusal.status, "message": refusal.message, "status": refusal.code}
    if refusal.retry_delay is not None:
        info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": refusal.retry_delay}
        error["details"] = [info]
    return {"error": error}
