"""Rough token counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.memory.token_estimator import (
    IMAGE_TOKENS,
    MESSAGE_OVERHEAD,
    estimate_context_tokens,
    estimate_message_tokens,
    estimate_tokens,
)
from roomkit_sim.providers.ai.base import (
    AIContext,
    AIImagePart,
    AIMessage,
    AITextPart,
    AITool,
    AIToolCallPart,
    AIToolResultPart,
)


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("x" * 400, 100)])
def test_four_characters_are_a_token_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(), st.text())
def test_a_longer_text_never_costs_less_and_parts_never_less_than_the_whole(one: str, two: str) -> None:
    assert estimate_tokens(one) <= estimate_tokens(one + two) <= estimate_tokens(one) + estimate_tokens(two)


def test_a_message_costs_its_words_and_its_frame() -> None:
    assert estimate_message_tokens(AIMessage(role="user", content="abcdefgh")) == MESSAGE_OVERHEAD + 2


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (AITextPart(text="abcdefgh"), 2),
        (AIImagePart(url="https://x/1.png"), IMAGE_TOKENS),
        (AIToolCallPart(id="1", name="abcd", arguments={"a": 1}), 1 + 2),
        (AIToolResultPart(tool_call_id="1", name="abcd", result="abcdefgh"), 2),
    ],
    ids=["text", "picture", "call", "result"],
)
def test_each_part_of_a_message_counts(
    part: AITextPart | AIImagePart | AIToolCallPart | AIToolResultPart, tokens: int
) -> None:
    assert estimate_message_tokens(AIMessage(role="user", content=[part])) == MESSAGE_OVERHEAD + tokens
    assert estimate_message_tokens(AIMessage(role="user", content=[part, part])) == MESSAGE_OVERHEAD + 2 * tokens


def test_a_context_costs_prompt_messages_and_tools() -> None:
    message, tool = AIMessage(role="user", content="abcd"), AITool(name="look_up", description="Looks things up.")
    assert estimate_context_tokens(AIContext()) == 0
    assert estimate_context_tokens(AIContext(system_prompt="abcd")) == 1
    whole = AIContext(system_prompt="abcd", messages=[message, message], tools=[tool])
    assert estimate_context_tokens(whole) == (
        1 + 2 * estimate_message_tokens(message) + estimate_tokens(tool.model_dump_json())
    )
