"""From google-genai's responses to an answer: one response, or the many of a stream. Pure but for the ids."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from roomkit_sim.errors import ProviderError, ProviderProtocolError
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall
from roomkit_sim.providers.ai.tool_calls import with_distinct_ids
from roomkit_sim.providers.gemini.ai_request import THOUGHT_SIGNATURE

if TYPE_CHECKING:
    from google.genai import types

__all__ = ["GeminiAnswer"]

PROVIDER = "gemini"

_FINISH_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"), "content_filter"),
}
_BROKEN = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"})
"""The model slipped; it may do better when asked again."""

_USAGE = {
    "input_tokens": "prompt_token_count",
    "total_tokens": "total_token_count",
    "cached_tokens": "cached_content_token_count",
    "reasoning_tokens": "thoughts_token_count",
}


class GeminiAnswer:
    """Collects what a model says. Thoughts are not part of the answer.

    A stream may repeat a call in a later response; it is taken once, with the signature of whichever bears one.
    """

    def __init__(self) -> None:
        self._words: list[str] = []
        self._calls: list[AIToolCall] = []
        self._usage: types.GenerateContentResponseUsageMetadata | None = None
        self._finish_reason: str | None = None
        self._finish_message: str | None = None
        self._blocked: str | None = None

    def add(self, response: types.GenerateContentResponse) -> str:
        """Take a response in; gives the words that it brought."""
        self._usage = response.usage_metadata or self._usage
        if response.prompt_feedback is not None and response.prompt_feedback.block_reason is not None:
            self._blocked = response.prompt_feedback.block_reason.value
        if not response.candidates:
            return ""
        candidate = response.candidates[0]
        if candidate.finish_reason is not None:
            self._finish_reason = candidate.finish_reason.value
            self._finish_message = candidate.finish_message
        parts = (candidate.content.parts if candidate.content is not None else None) or []
        self._add_calls(parts)
        words = "".join(part.text for part in parts if part.text and not part.thought)
        self._words.append(words)
        return words

    def finish(self, make_id: Callable[[], str]) -> AIResponse:
        """The whole answer.

        Args:
            make_id: Makes ids for the calls that came without.

        Raises:
            ProviderError: The prompt was blocked.
            ProviderProtocolError: The answer broke off, or is a call that the API could not read.
        """
        words = "".join(self._words)
        self._refuse_no_answer(bool(words or self._calls))
        reason = self._finish_reason or "stop"
        return AIResponse(
            content=words,
            tool_calls=with_distinct_ids(self._calls, make_id),
            finish_reason="tool_calls" if self._calls else _FINISH_REASONS.get(reason, reason.lower()),
            usage=_usage(self._usage),
            metadata={"provider_finish_reason": reason},
        )

    def _refuse_no_answer(self, anything: bool) -> None:
        if self._blocked is not None and not anything:
            raise ProviderError(f"gemini did not answer: the prompt was blocked ({self._blocked})", provider=PROVIDER)
        if self._finish_reason is None:
            raise ProviderProtocolError(
                "gemini broke off: the answer ended without a finish reason", retryable=True, provider=PROVIDER
            )
        if self._finish_reason in _BROKEN and not anything:
            detail = f": {self._finish_message}" if self._finish_message else ""
            raise ProviderProtocolError(
                f"gemini wrote an answer that cannot be read ({self._finish_reason}{detail})",
                retryable=True,
                provider=PROVIDER,
            )

    def _add_calls(self, parts: list[types.Part]) -> None:
        unmatched = list(self._calls)
        for part in parts:
            if part.function_call is None:
                continue
            call = _as_call(part.function_call, part.thought_signature)
            repeated = next((earlier for earlier in unmatched if _same(earlier, call)), None)
            if repeated is None:
                self._calls.append(call)
            else:
                unmatched.remove(repeated)
                repeated.metadata = {**call.metadata, **repeated.metadata}


def _as_call(call: types.FunctionCall, signature: bytes | None) -> AIToolCall:
    metadata = {} if signature is None else {THOUGHT_SIGNATURE: base64.b64encode(signature).decode()}
    return AIToolCall(id=call.id or "", name=call.name or "", arguments=call.args or {}, metadata=metadata)


def _same(one: AIToolCall, other: AIToolCall) -> bool:
    """Whether a call is an earlier one again: by its id, without ids by what it asks for."""
    if one.id or other.id:
        return one.id == other.id
    return one.name == other.name and _canonical(one.arguments) == _canonical(other.arguments)


def _canonical(arguments: dict[str, Any]) -> str:
    return json.dumps(arguments, sort_keys=True)


def _usage(usage: types.GenerateContentResponseUsageMetadata | None) -> dict[str, int]:
    if usage is None:
        return {}
    counted = {name: getattr(usage, field) for name, field in _USAGE.items()}
    if usage.candidates_token_count is not None:
        counted["output_tokens"] = usage.candidates_token_count + (usage.thoughts_token_count or 0)
    return {name: count for name, count in counted.items() if count is not None}
