"""From openai's chat completions to an answer: one completion, or the chunks of a stream. Pure but for the ids.

Written for OpenAI and for services that speak its API less exactly: calls without ids, several calls under one index,
arguments that are no JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roomkit_sim.errors import ProviderProtocolError
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall
from roomkit_sim.providers.ai.tool_calls import parse_arguments, with_distinct_ids
from roomkit_sim.providers.openai.ai_request import RAW_ARGUMENTS

if TYPE_CHECKING:
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

__all__ = ["OpenAIAnswer", "answer_of"]

PROVIDER = "openai"


@dataclass
class _Call:
    """A call as its pieces come in."""

    index: int
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def finished(self) -> AIToolCall:
        text = "".join(self.arguments)
        arguments, wrong = parse_arguments(text)
        metadata = {RAW_ARGUMENTS: text} if wrong else {}
        return AIToolCall(id=self.id, name=self.name, arguments=arguments, metadata=metadata, arguments_error=wrong)


def answer_of(completion: ChatCompletion, make_id: Callable[[], str]) -> AIResponse:
    """The answer in a completion.

    Raises:
        ProviderProtocolError: There is none in it.
    """
    if not completion.choices:
        raise ProviderProtocolError(
            "openai answered with no choice at all, one was expected", retryable=True, provider=PROVIDER
        )
    [choice, *_] = completion.choices
    message = choice.message
    # Told by the function, not by `type`, which some services leave out.
    functions = [(call.id, getattr(call, "function", None)) for call in message.tool_calls or ()]
    calls = [
        _Call(place, call_id or "", function.name or "", [function.arguments or ""])
        for place, (call_id, function) in enumerate(functions)
        if function is not None
    ]
    words = message.content or message.refusal or ""
    return _response(words, calls, choice.finish_reason, completion.usage, make_id, refused=bool(message.refusal))


class OpenAIAnswer:
    """Collects the chunks of a stream."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._calls: list[_Call] = []
        self._usage: CompletionUsage | None = None
        self._finish_reason: str | None = None
        self._refused = False

    def add(self, chunk: ChatCompletionChunk) -> str:
        """Take a chunk in; gives the words that it brought.

        Raises:
            ProviderProtocolError: They are no text.
        """
        self._usage = chunk.usage or self._usage
        if not chunk.choices:
            return ""
        [choice, *_] = chunk.choices
        self._finish_reason = choice.finish_reason or self._finish_reason
        delta = choice.delta
        for piece in delta.tool_calls or ():
            self._add_piece(piece)
        self._refused = self._refused or bool(delta.refusal)
        words: object = delta.content or delta.refusal or ""
        if not isinstance(words, str):
            # The SDK passes on whatever comes.
            raise ProviderProtocolError(
                f"openai sent words of another kind: text was expected, {type(words).__name__} came", provider=PROVIDER
            )
        self._words.append(words)
        return words

    def finish(self, make_id: Callable[[], str]) -> AIResponse:
        """The whole answer.

        Raises:
            ProviderProtocolError: The stream ended before the answer did.
        """
        if self._finish_reason is None:
            raise ProviderProtocolError(
                "openai broke off: the stream ended without a finish reason", retryable=True, provider=PROVIDER
            )
        words = "".join(self._words)
        return _response(words, self._calls, self._finish_reason, self._usage, make_id, refused=self._refused)

    def _add_piece(self, piece: ChoiceDeltaToolCall) -> None:
        call = self._call_of(piece)
        call.id = call.id or piece.id or ""
        if piece.function is not None:
            call.name = call.name or piece.function.name or ""
            call.arguments.append(piece.function.arguments or "")

    def _call_of(self, piece: ChoiceDeltaToolCall) -> _Call:
        """The latest call of the index, unless the piece bears another id or, after a whole call, a name again."""
        name = piece.function.name if piece.function is not None else None
        latest = next((call for call in reversed(self._calls) if call.index == piece.index), None)
        if latest is not None and not _begins_another(latest, piece.id, name):
            return latest
        self._calls.append(_Call(piece.index))
        return self._calls[-1]


def _begins_another(latest: _Call, piece_id: str | None, name: str | None) -> bool:
    if piece_id:
        return bool(latest.id) and piece_id != latest.id
    # A service that gives neither ids nor indices sends whole calls; a name comes at the beginning of a call only.
    return bool(name) and bool(latest.name) and not latest.id


def _response(
    words: str,
    calls: Sequence[_Call],
    reason: str | None,
    usage: CompletionUsage | None,
    make_id: Callable[[], str],
    *,
    refused: bool,
) -> AIResponse:
    metadata: dict[str, Any] = {"provider_finish_reason": reason}
    return AIResponse(
        content=words,
        tool_calls=with_distinct_ids([call.finished() for call in calls], make_id),
        finish_reason="tool_calls" if calls else reason or "stop",
        usage=_usage(usage),
        metadata={**metadata, "refused": True} if refused else metadata,
    )


def _usage(usage: CompletionUsage | None) -> dict[str, int]:
    if usage is None:
        return {}
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    counted = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cached_tokens": prompt.cached_tokens if prompt is not None else None,
        "reasoning_tokens": completion.reasoning_tokens if completion is not None else None,
    }
    return {name: count for name, count in counted.items() if count is not None}
