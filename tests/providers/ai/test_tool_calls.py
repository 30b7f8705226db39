"""Ids, arguments and results of tool calls, whatever a provider makes of them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.providers.ai.base import (
    AIMessage,
    AITextPart,
    AIToolCall,
    AIToolCallPart,
    AIToolResultPart,
)
from roomkit_sim.providers.ai.tool_calls import (
    LOCAL_ID,
    NO_RESULT,
    parse_arguments,
    with_distinct_ids,
    with_paired_results,
)


@pytest.mark.parametrize("text", [None, "", "  ", "{}", "{ \n }"])
def test_no_arguments_are_an_object_without_members(text: str | None) -> None:
    assert parse_arguments(text) == ({}, None)


def test_arguments_with_white_space_are_read() -> None:
    assert parse_arguments('{  \n  "city": "London" \n} \n') == ({"city": "London"}, None)


@pytest.mark.parametrize("text", ['{"city": "Lon', "city=London", "{'city': 1}", "[" * 100_000])
def test_broken_json_is_quoted_to_the_model(text: str) -> None:
    arguments, wrong = parse_arguments(text)
    assert arguments == {}
    assert wrong is not None
    assert "not valid JSON" in wrong
    assert text[:20] in wrong
    assert len(wrong) < 500


@pytest.mark.parametrize("text", ["[1, 2]", '"London"', "7", "null"])
def test_json_that_is_no_object_is_quoted_to_the_model(text: str) -> None:
    assert "not a JSON object" in str(parse_arguments(text)[1])


@given(st.text(max_size=60))
def test_any_text_is_either_arguments_or_a_complaint(text: str) -> None:
    arguments, wrong = parse_arguments(text)
    assert isinstance(arguments, dict)
    assert wrong is None or arguments == {}


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=8))
def test_ids_become_distinct_and_good_ones_stay(ids: list[str]) -> None:
    numbers = itertools.count()
    calls = [AIToolCall(id=one, name="f", arguments={"n": place}) for place, one in enumerate(ids)]
    made = with_distinct_ids(calls, lambda: f"made-{next(numbers)}")
    assert [call.arguments["n"] for call in made] == list(range(len(ids)))
    assert len({call.id for call in made}) == len(ids)
    for place, (call, given_id) in enumerate(zip(made, ids, strict=True)):
        own = given_id and given_id not in ids[:place]
        assert (call.id == given_id, call.metadata) == ((True, {}) if own else (False, {LOCAL_ID: True}))


def calling(*ids: str) -> AIMessage:
    return AIMessage(role="assistant", content=[AIToolCallPart(id=one, name=f"tool-{one}") for one in ids])


def results(*ids: str) -> AIMessage:
    parts: list[Any] = [AIToolResultPart(tool_call_id=one, name="t", result=f"of {one}") for one in ids]
    return AIMessage(role="tool", content=parts)


def paired(*messages: AIMessage) -> list[list[tuple[str, str]]]:
    return [
        [(part.tool_call_id, part.result) for part in message.content if isinstance(part, AIToolResultPart)]
        for message in with_paired_results(messages)
        if message.role == "tool"
    ]


def test_results_in_another_order_and_in_several_messages_come_in_the_order_of_the_calls() -> None:
    assert paired(calling("a", "b", "c"), results("c"), results("b", "a")) == [
        [("a", "of a"), ("b", "of b"), ("c", "of c")]
    ]


def test_a_call_without_a_result_is_told_to_have_none() -> None:
    assert paired(calling("a", "b"), results("b")) == [[("a", NO_RESULT), ("b", "of b")]]
    assert "no result" in json.loads(NO_RESULT)["error"]


def test_a_result_whose_call_was_cut_off_is_left_out() -> None:
    words = AIMessage(role="user", content="hello")
    assert with_paired_results([results("a"), words, results("a")]) == [words]


def test_one_id_in_two_rounds_belongs_to_its_round() -> None:
    again = AIMessage(role="tool", content=[AIToolResultPart(tool_call_id="a", name="t", result="the second")])
    assert paired(calling("a"), results("a"), calling("a"), again) == [[("a", "of a")], [("a", "the second")]]


def test_words_and_order_of_other_messages_stay() -> None:
    talk = [
        AIMessage(role="user", content="hello"),
        AIMessage(role="assistant", content=[AITextPart(text="hi")]),
        AIMessage(role="system", content="be kind"),
    ]
    assert with_paired_results(talk) == talk


@given(st.lists(st.one_of(st.lists(st.sampled_from("abc"), unique=True, max_size=3), st.text(max_size=3)), max_size=8))
def test_every_call_has_exactly_one_result_directly_behind_it(shape: list[Any]) -> None:
    messages = [
        calling(*item)
        if isinstance(item, list) and place % 2
        else results(*item)
        if isinstance(item, list)
        else AIMessage(role="user", content=item)
        for place, item in enumerate(shape)
    ]
    made = with_paired_results(messages)
    for place, message in enumerate(made):
        calls = [part.id for part in message.content if isinstance(part, AIToolCallPart)]
        behind = made[place + 1] if calls else None
        if behind is not None:
            assert [p.tool_call_id for p in behind.content if isinstance(p, AIToolResultPart)] == calls
    tools = [place for place, message in enumerate(made) if message.role == "tool"]
    assert all(any(isinstance(p, AIToolCallPart) for p in made[place - 1].content) for place in tools)
