"""Contexts as OpenAI is sent them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from roomkit_sim.providers.ai.base import (
    AIContext,
    AIImagePart,
    AIMessage,
    AITextPart,
    AITool,
    AIToolCallPart,
    AIToolResultPart,
)
from roomkit_sim.providers.openai.ai import OpenAIAIProvider, OpenAIConfig
from roomkit_sim.providers.openai.ai_request import RAW_ARGUMENTS, openai_request


def config(**settings: Any) -> OpenAIConfig:
    return OpenAIConfig(api_key=SecretStr("k"), **settings)


def messages(*given: AIMessage, prompt: str | None = None) -> Any:
    return openai_request(AIContext(messages=list(given), system_prompt=prompt), config())["messages"]


def user(text: str) -> AIMessage:
    return AIMessage(role="user", content=text)


def test_the_prompt_comes_first_and_system_messages_stay_in_their_place() -> None:
    later = AIMessage(role="system", content=[AITextPart(text="Be brief.")])
    assert messages(user("hello"), later, user("there"), prompt="Be kind.") == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hello"},
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "there"},
    ]


def test_each_call_is_followed_by_a_message_with_its_result_in_order() -> None:
    calls = [AIToolCallPart(id="a", name="find", arguments={"n": 1}), AIToolCallPart(id="b", name="find")]
    results = [
        AIToolResultPart(tool_call_id="b", name="find", result="two"),
        AIToolResultPart(tool_call_id="a", name="find", result="one"),
    ]
    talk = [AIMessage(role="assistant", content=list(calls)), AIMessage(role="tool", content=list(results))]
    assert messages(*talk) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"n": 1}'}},
                {"id": "b", "type": "function", "function": {"name": "find", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": "two"},
    ]


def test_arguments_that_could_not_be_read_go_back_as_they_were_written() -> None:
    call = AIToolCallPart(id="a", name="f", metadata={RAW_ARGUMENTS: '{"city": "Lon'})
    [sent, _] = messages(AIMessage(role="assistant", content=[call]))
    assert sent["tool_calls"][0]["function"]["arguments"] == '{"city": "Lon'


def test_words_beside_calls_and_words_alone() -> None:
    call = AIToolCallPart(id="a", name="f")
    assert messages(AIMessage(role="assistant", content=[AITextPart(text="Wait."), call]))[0]["content"] == "Wait."
    assert messages(AIMessage(role="assistant", content=[AITextPart(text="")])) == [
        {"role": "assistant", "content": ""}
    ]


def test_pictures_are_sent_by_their_address() -> None:
    parts = [AITextPart(text="Which?"), AIImagePart(url="https://x/cat.png")]
    assert messages(AIMessage(role="user", content=list(parts)))[0]["content"] == [
        {"type": "text", "text": "Which?"},
        {"type": "image_url", "image_url": {"url": "https://x/cat.png"}},
    ]


def test_tools_are_functions_whose_optional_parameters_stay_optional() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "day": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "required": ["city"],
    }
    tools = [AITool(name="f", description="d", parameters=schema), AITool(name="g")]
    empty = {"type": "object", "properties": {}}
    assert openai_request(AIContext(tools=tools), config())["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}},
        {"type": "function", "function": {"name": "g", "description": "", "parameters": empty}},
    ]
    assert "tools" not in openai_request(AIContext(), config())


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"model": "gpt-4o"}, True),
        ({"model": "gpt-5-mini"}, False),
        ({"model": "gpt-6-sol"}, False),
        ({"model": "o3"}, False),
        ({"model": "o3", "send_temperature": True}, True),
        ({"model": "gpt-4o", "send_temperature": False}, False),
    ],
)
def test_a_temperature_is_sent_to_models_that_take_one(settings: dict[str, Any], sent: bool) -> None:
    assert ("temperature" in openai_request(AIContext(), config(**settings))) is sent


def test_the_context_decides_on_temperature_and_length_and_the_config_where_it_says_nothing() -> None:
    own = config(temperature=0.1, max_tokens=11, reasoning_effort="low")
    silent = openai_request(AIContext(), own)
    spoken = openai_request(AIContext(temperature=0.9, max_tokens=99), own)
    assert (silent["temperature"], silent["max_completion_tokens"], silent["reasoning_effort"]) == (0.1, 11, "low")
    assert (spoken["temperature"], spoken["max_completion_tokens"]) == (0.9, 99)
    assert openai_request(AIContext(), config(max_tokens_parameter="max_tokens"))["max_tokens"] == 1024


def test_the_key_is_not_shown_and_settings_that_are_unknown_are_refused() -> None:
    secret = OpenAIConfig(api_key=SecretStr("very-secret"))
    assert "very-secret" not in f"{secret!r} {secret} {OpenAIAIProvider(secret)!r}"
    with pytest.raises(ValidationError, match="modle"):
        OpenAIConfig.model_validate({"api_key": "k", "modle": "x"})


def test_a_named_speaker_has_the_name_that_the_api_takes() -> None:
    picture = AIImagePart(url="https://example.org/cat.png")
    assert messages(
        AIMessage(role="user", name="triage", content="How can I help?"),
        AIMessage(role="user", name="front desk <1>", content=[picture]),
        AIMessage(role="user", name="x" * 100, content="Long."),
        AIMessage(role="assistant", name="advisor", content="Mine."),
    ) == [
        {"role": "user", "name": "triage", "content": "How can I help?"},
        {
            "role": "user",
            "name": "front_desk_1_",
            "content": [{"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}],
        },
        {"role": "user", "name": "x" * 64, "content": "Long."},
        {"role": "assistant", "content": "Mine."},
    ]


def test_a_service_that_takes_no_names_is_told_them_in_the_words() -> None:
    named = [
        AIMessage(role="user", name="triage", content="How can I help?"),
        AIMessage(role="user", name="triage", content=[AITextPart(text="See?")]),
    ]
    request = openai_request(AIContext(messages=named), config(send_names=False))
    assert request["messages"] == [
        {"role": "user", "content": "[triage]: How can I help?"},
        {"role": "user", "content": [{"type": "text", "text": "[triage]: See?"}]},
    ]
