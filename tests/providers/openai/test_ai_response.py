"""OpenAI's completions and chunks as answers, also those of services that speak its API less exactly."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from openai._models import construct_type
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from roomkit_sim.errors import ProviderProtocolError
from roomkit_sim.providers.ai.base import AIResponse
from roomkit_sim.providers.openai.ai_request import RAW_ARGUMENTS
from roomkit_sim.providers.openai.ai_response import OpenAIAnswer, answer_of


def ids() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"made-{next(numbers)}"


def whole(message: dict[str, Any], finish: str | None = "stop", **rest: Any) -> AIResponse:
    body = {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]}
    completion: Any = construct_type(type_=ChatCompletion, value={**body, **rest})
    return answer_of(completion, ids())


def streamed(*deltas: dict[str, Any], finish: str | None = "stop") -> AIResponse:
    answer = OpenAIAnswer()
    for delta in [*deltas, None]:
        choice = {"index": 0, "delta": delta or {}, "finish_reason": finish if delta is None else None}
        chunk: Any = construct_type(type_=ChatCompletionChunk, value={"id": "c", "choices": [choice]})
        answer.add(chunk)
    return answer.finish(ids())


def call(name: str, arguments: str, **rest: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **rest}


def pieces(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": list(calls)}


def asked(made: AIResponse) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.id, one.name, one.arguments) for one in made.tool_calls]


def test_words_finish_reason_and_usage() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    made = whole({"content": "Yes."}, "length", usage=usage)
    assert (made.content, made.finish_reason) == ("Yes.", "length")
    assert made.usage == {
        "input_tokens": 10,
        "output_tokens": 7,
        "total_tokens": 17,
        "cached_tokens": 2,
        "reasoning_tokens": 3,
    }


def test_a_refusal_is_what_the_model_says() -> None:
    assert whole({"content": None, "refusal": "I cannot."}).content == "I cannot."
    made = streamed({"refusal": "I "}, {"refusal": "cannot."})
    assert (made.content, made.metadata["refused"]) == ("I cannot.", True)


def test_calls_without_ids_or_with_the_same_are_kept_apart() -> None:
    calls = [call("f", '{"n": 1}', id=""), call("f", '{"n": 2}'), call("f", "{}", id="x"), call("f", "{}", id="x")]
    assert asked(whole({"content": None, "tool_calls": calls}, "tool_calls")) == [
        ("made-0", "f", {"n": 1}),
        ("made-1", "f", {"n": 2}),
        ("x", "f", {}),
        ("made-2", "f", {}),
    ]


def test_a_call_without_its_type_is_a_call() -> None:
    bare = {"id": "a", "function": {"name": "f", "arguments": "{}"}}
    assert asked(whole({"content": None, "tool_calls": [bare]})) == [("a", "f", {})]


@pytest.mark.parametrize("streaming", [False, True])
def test_broken_arguments_are_kept_and_complained_of(streaming: bool) -> None:
    broken = call("f", '{"city": "Lon', id="a")
    made = streamed(pieces({"index": 0, **broken})) if streaming else whole({"tool_calls": [broken]})
    [one] = made.tool_calls
    assert (one.arguments, one.metadata) == ({}, {RAW_ARGUMENTS: '{"city": "Lon'})
    assert "not valid JSON" in str(one.arguments_error)


def test_pieces_of_parallel_calls_are_put_together_by_index_in_any_order() -> None:
    made = streamed(
        pieces({"index": 0, **call("f", "", id="a")}),
        pieces({"index": 1, **call("g", "", id="b")}),
        pieces({"index": 1, "function": {"arguments": '{"n":'}}),
        pieces({"index": 0, "function": {"arguments": '{"m": 1}'}}, {"index": 1, "function": {"arguments": " 2}"}}),
        finish="tool_calls",
    )
    assert asked(made) == [("a", "f", {"m": 1}), ("b", "g", {"n": 2})]


def test_whole_calls_under_one_index_are_told_apart_by_their_ids() -> None:
    made = streamed(
        pieces({"index": 0, **call("f", '{"n": 1}', id="a")}, {"index": 0, **call("f", '{"n": 2}', id="b")}),
    )
    assert asked(made) == [("a", "f", {"n": 1}), ("b", "f", {"n": 2})]


@pytest.mark.parametrize("index", [{"index": 0}, {}])
def test_whole_calls_without_ids_under_one_index_or_none_are_told_apart_by_their_names(index: dict[str, int]) -> None:
    made = streamed(
        pieces({**index, **call("f", '{"n": 1}')}),
        pieces({**index, **call("f", '{"n": 2}')}),
    )
    assert asked(made) == [("made-0", "f", {"n": 1}), ("made-1", "f", {"n": 2})]


def test_an_id_that_every_piece_repeats_is_one_call() -> None:
    made = streamed(
        pieces({"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"n"'}}),
        pieces({"index": 0, "id": "a", "function": {"name": "f", "arguments": ": 1}"}}),
    )
    assert asked(made) == [("a", "f", {"n": 1})]


def test_a_stream_without_an_end_is_not_an_answer() -> None:
    with pytest.raises(ProviderProtocolError, match="without a finish reason"):
        streamed({"content": "half"}, finish=None)


def test_a_completion_without_choices_is_not_an_answer() -> None:
    empty: Any = construct_type(type_=ChatCompletion, value={"id": "c", "choices": []})
    with pytest.raises(ProviderProtocolError, match="no choice"):
        answer_of(empty, ids())


@pytest.mark.parametrize("content", [5, ["Yes."], {"text": "Yes."}])
def test_words_that_are_no_text_are_not_told_to_anybody(content: Any) -> None:
    with pytest.raises(ProviderProtocolError, match=f"text was expected, {type(content).__name__} came"):
        streamed({"content": content})
