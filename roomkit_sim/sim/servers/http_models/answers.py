"""What a scripted text model is asked and what it answers, whichever API carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ["Api", "Mind", "ModelAnswer", "ModelCall", "ModelRefusal", "ModelRequest"]

Api: TypeAlias = Literal["gemini", "openai"]


@dataclass(frozen=True)
class ModelRequest:
    """A request.

    Args:
        api: Over which API it came.
        model: The model that is asked.
        stream: Whether the answer is wanted in pieces.
        body: The request as it came.
        headers: Names in lower case.
    """

    api: Api
    model: str
    stream: bool
    body: dict[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class ModelCall:
    """A call of a tool.

    Args:
        name: The tool.
        arguments: As an object; or as text, which only OpenAI's API carries and which need not be JSON.
        id: The call's id; ``None`` gives none, as Gemini may.
        signature: Gemini's thought signature, in base64.
    """

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    id: str | None = None
    signature: str | None = None


@dataclass(frozen=True)
class ModelAnswer:
    """An answer.

    Args:
        words: Its text, in the pieces in which it is streamed.
        calls: The calls that it makes, after its words.
        finish_reason: In the API's own word; what fits the answer when ``None``, none at all when ``""``.
        input_tokens: Of the request.
        output_tokens: Of the answer.
        first_ms: Until the first byte.
        between_ms: Between the pieces of a stream.
        cut_after: After so many pieces of a stream the connection is cut; ``None`` is never.
        slice_bytes: The bytes of a stream come in slices of this size, which end anywhere; ``None`` is piece by piece.
        repeat_calls: Gemini: the calls come in each of the last two pieces of a stream.
        block_reason: Gemini: the prompt is blocked for this reason and there is no answer.
    """

    words: tuple[str, ...] = ()
    calls: tuple[ModelCall, ...] = ()
    finish_reason: str | None = None
    input_tokens: int = 7
    output_tokens: int = 5
    first_ms: float = 0.0
    between_ms: float = 0.0
    cut_after: int | None = None
    slice_bytes: int | None = None
    repeat_calls: bool = False
    block_reason: str | None = None


@dataclass(frozen=True)
class ModelRefusal:
    """An error in place of an answer.

    Args:
        status: The HTTP status.
        message: What the service says.
        code: Its word for it, such as ``"insufficient_quota"`` (OpenAI) or ``"RESOURCE_EXHAUSTED"`` (Gemini).
        headers: Such as ``{"retry-after": "2"}``.
        retry_delay: Gemini: the delay of a ``google.rpc.RetryInfo``, such as ``"2s"``.
        text: In place of the JSON body, as a proxy would send.
        first_ms: Until the first byte.
    """

    status: int
    message: str = "refused"
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_delay: str | None = None
    text: str | None = None
    first_ms: float = 0.0


Mind: TypeAlias = Callable[[ModelRequest], ModelAnswer | ModelRefusal]
"""Decides what is answered."""
