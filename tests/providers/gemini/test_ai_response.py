"""Gemini's responses as answers."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import pytest
from google.genai import types

from roomkit_sim.errors import ProviderError, ProviderProtocolError
from roomkit_sim.providers.ai.base import AIResponse
from roomkit_sim.providers.gemini.ai_request import THOUGHT_SIGNATURE
from roomkit_sim.providers.gemini.ai_response import GeminiAnswer

SIGNATURE = base64.b64encode(b"signed").decode()


def response(*parts: dict[str, Any], finish: str | None = None, **rest: Any) -> types.GenerateContentResponse:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}}
    if finish is not None:
        candidate["finishReason"] = finish
    return types.GenerateContentResponse.model_validate({"candidates": [candidate], **rest})


def answer(*responses: types.GenerateContentResponse) -> AIResponse:
    numbers = itertools.count()
    collected = GeminiAnswer()
    for one in responses:
        collected.add(one)
    return collected.finish(lambda: f"made-{next(numbers)}")


def call(name: str, call_id: str | None = None, signature: str | None = None, **args: Any) -> dict[str, Any]:
    function_call = {"name": name, "args": args} | ({} if call_id is None else {"id": call_id})
    return {"functionCall": function_call} | ({} if signature is None else {"thoughtSignature": signature})


def asked(made: AIResponse) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.id, one.name, one.arguments) for one in made.tool_calls]


def test_thoughts_are_not_part_of_the_answer() -> None:
    made = answer(response({"text": "hmm", "thought": True}, {"text": "Yes."}, finish="STOP"))
    assert (made.content, made.finish_reason) == ("Yes.", "stop")


def test_calls_without_ids_get_their_own_and_equal_ones_in_one_response_are_two() -> None:
    made = answer(response(call("find", city="Rome"), call("find", city="Rome"), finish="STOP"))
    assert asked(made) == [("made-0", "find", {"city": "Rome"}), ("made-1", "find", {"city": "Rome"})]
    assert made.finish_reason == "tool_calls"


def test_ids_of_the_provider_stay() -> None:
    assert [one[0] for one in asked(answer(response(call("f", "x"), call("f", "y"), finish="STOP")))] == ["x", "y"]


@pytest.mark.parametrize("call_id", [None, "x"])
def test_a_call_that_a_stream_repeats_is_one_and_keeps_its_signature(call_id: str | None) -> None:
    made = answer(
        response(call("find", call_id, city="Rome")),
        response(call("find", call_id, SIGNATURE, city="Rome"), finish="STOP"),
    )
    assert [one[1:] for one in asked(made)] == [("find", {"city": "Rome"})]
    assert made.tool_calls[0].metadata[THOUGHT_SIGNATURE] == SIGNATURE


def test_two_equal_calls_that_a_stream_repeats_are_two() -> None:
    twice = [call("f", n=1), call("f", n=1)]
    assert len(answer(response(*twice), response(*twice, finish="STOP")).tool_calls) == 2


def test_another_call_in_a_later_response_is_another() -> None:
    made = answer(response(call("f", n=1)), response(call("f", n=2)), response(call("g", n=1), finish="STOP"))
    assert [one[1:] for one in asked(made)] == [("f", {"n": 1}), ("f", {"n": 2}), ("g", {"n": 1})]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("OTHER", "other")],
)
def test_finish_reasons_are_said_in_one_vocabulary(theirs: str, ours: str) -> None:
    made = answer(response({"text": "x"}, finish=theirs))
    assert (made.finish_reason, made.metadata["provider_finish_reason"]) == (ours, theirs)


def test_usage_counts_thinking_as_output() -> None:
    usage = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 17,
        "cachedContentTokenCount": 2,
    }
    made = answer(response({"text": "x"}, finish="STOP", usageMetadata=usage))
    assert made.usage == {
        "input_tokens": 10,
        "output_tokens": 7,
        "total_tokens": 17,
        "cached_tokens": 2,
        "reasoning_tokens": 3,
    }


def test_a_blocked_prompt_is_an_error_that_no_repetition_helps() -> None:
    blocked = types.GenerateContentResponse.model_validate({"promptFeedback": {"blockReason": "SAFETY"}})
    with pytest.raises(ProviderError, match=r"blocked \(SAFETY\)") as caught:
        answer(blocked)
    assert not caught.value.retryable


@pytest.mark.parametrize("finish", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"])
def test_an_answer_that_the_api_could_not_read_may_be_asked_for_again(finish: str) -> None:
    with pytest.raises(ProviderProtocolError, match=finish) as caught:
        answer(response(finish=finish))
    assert caught.value.retryable


def test_words_before_a_call_that_could_not_be_read_are_kept() -> None:
    made = answer(response({"text": "Wait."}, finish="MALFORMED_FUNCTION_CALL"))
    assert (made.content, made.finish_reason) == ("Wait.", "malformed_function_call")


def test_an_answer_that_breaks_off_is_not_one() -> None:
    with pytest.raises(ProviderProtocolError, match="without a finish reason"):
        answer(response({"text": "half"}))
