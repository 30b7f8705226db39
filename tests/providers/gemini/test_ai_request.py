"""Contexts as Gemini is sent them."""

from __future__ import annotations

import base64
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
from roomkit_sim.providers.ai.tool_calls import LOCAL_ID
from roomkit_sim.providers.gemini.ai import GeminiAIProvider, GeminiConfig
from roomkit_sim.providers.gemini.ai_request import THOUGHT_SIGNATURE, gemini_request

CONFIG = GeminiConfig(api_key=SecretStr("k"), model="gemini-2.5-flash")


def contents(*messages: AIMessage, **settings: Any) -> list[dict[str, Any]]:
    made = gemini_request(AIContext(messages=list(messages), **settings), CONFIG).contents
    return [content.model_dump(exclude_none=True) for content in made]


def user(text: str) -> AIMessage:
    return AIMessage(role="user", content=text)


def call(call_id: str, name: str = "find", metadata: dict[str, Any] | None = None, **arguments: Any) -> AIToolCallPart:
    return AIToolCallPart(id=call_id, name=name, arguments=arguments, metadata=metadata or {})


def result(call_id: str, text: str, name: str = "find") -> AIMessage:
    return AIMessage(role="tool", content=[AIToolResultPart(tool_call_id=call_id, name=name, result=text)])


def test_the_assistants_role_is_model_and_words_stay() -> None:
    assert contents(user("hello"), AIMessage(role="assistant", content="hi"), user("bye")) == [
        {"role": "user", "parts": [{"text": "hello"}]},
        {"role": "model", "parts": [{"text": "hi"}]},
        {"role": "user", "parts": [{"text": "bye"}]},
    ]


def test_system_messages_join_the_prompt_in_their_order() -> None:
    later = AIMessage(role="system", content=[AITextPart(text="Be brief.")])
    context = AIContext(messages=[user("hello"), later], system_prompt="Be kind.")
    request = gemini_request(context, CONFIG)
    assert request.config.system_instruction == "Be kind.\n\nBe brief."
    assert len(request.contents) == 1


def test_no_prompt_is_no_instruction() -> None:
    assert (
        gemini_request(AIContext(messages=[user("hello")], system_prompt=""), CONFIG).config.system_instruction is None
    )


def test_messages_without_words_are_left_out() -> None:
    assert contents(user("hello"), AIMessage(role="assistant", content=""), user("there")) == [
        {"role": "user", "parts": [{"text": "hello"}]},
        {"role": "user", "parts": [{"text": "there"}]},
    ]


def test_parallel_calls_get_their_results_in_one_turn_and_in_order() -> None:
    calls = AIMessage(
        role="assistant", content=[AITextPart(text="Wait."), call("a", city="Rome"), call("b", city="Oslo")]
    )
    made = contents(user("weather?"), calls, result("b", '{"of": "Oslo"}'), result("a", "sunny"))
    assert made[1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "Wait."},
                {"function_call": {"id": "a", "name": "find", "args": {"city": "Rome"}}},
                {"function_call": {"id": "b", "name": "find", "args": {"city": "Oslo"}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"function_response": {"id": "a", "name": "find", "response": {"output": "sunny"}}},
                {"function_response": {"id": "b", "name": "find", "response": {"of": "Oslo"}}},
            ],
        },
    ]


def test_ids_that_the_api_never_saw_are_not_sent() -> None:
    local = {LOCAL_ID: True}
    calls = AIMessage(role="assistant", content=[call("ours", metadata=local), call("theirs")])
    made = contents(user("x"), calls, result("ours", "1"), result("theirs", "2"))
    assert [part["function_call"].get("id") for part in made[1]["parts"]] == [None, "theirs"]
    assert [part["function_response"].get("id") for part in made[2]["parts"]] == [None, "theirs"]
    assert [part["function_response"]["response"] for part in made[2]["parts"]] == [{"output": "1"}, {"output": "2"}]


def test_a_thought_signature_goes_back_with_its_call_and_no_other() -> None:
    signed = {THOUGHT_SIGNATURE: base64.b64encode(b"\x00thought\xff").decode()}
    calls = AIMessage(role="assistant", content=[call("a", metadata=signed), call("b")])
    made = contents(user("x"), calls, result("a", "1"), result("b", "2"))
    assert [part.get("thought_signature") for part in made[1]["parts"]] == [b"\x00thought\xff", None]


@pytest.mark.parametrize(
    ("text", "response"),
    [("plain", {"output": "plain"}), ('{"a": 1}', {"a": 1}), ("[1]", {"output": "[1]"}), ("", {"output": ""})],
)
def test_a_result_is_an_object_for_the_api(text: str, response: dict[str, Any]) -> None:
    made = contents(user("x"), AIMessage(role="assistant", content=[call("a")]), result("a", text))
    assert made[2]["parts"][0]["function_response"]["response"] == response


def test_pictures_are_sent_inline_or_by_address() -> None:
    pictures = [
        AITextPart(text="Which?"),
        AIImagePart(url="data:image/png;base64,iVBOdw=="),
        AIImagePart(url="https://x/cat.webp"),
    ]
    assert contents(AIMessage(role="user", content=list(pictures)))[0]["parts"] == [
        {"text": "Which?"},
        {"inline_data": {"data": b"\x89PNw", "mime_type": "image/png"}},
        {"file_data": {"file_uri": "https://x/cat.webp", "mime_type": "image/webp"}},
    ]


def test_optional_parameters_stay_optional() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "day": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "required": ["city"],
    }
    config = gemini_request(AIContext(tools=[AITool(name="f", parameters=schema), AITool(name="g")]), CONFIG).config
    [tools] = config.model_dump(exclude_none=True)["tools"]
    assert tools["function_declarations"] == [
        {"name": "f", "description": "", "parameters_json_schema": schema},
        {"name": "g", "description": "", "parameters_json_schema": {"type": "object", "properties": {}}},
    ]


def test_the_context_decides_on_temperature_and_length_and_the_config_where_it_says_nothing() -> None:
    own = GeminiConfig(api_key=SecretStr("k"), temperature=0.1, max_tokens=11, thinking_budget=0)
    silent = gemini_request(AIContext(), own).config
    spoken = gemini_request(AIContext(temperature=0.9, max_tokens=99), own).config
    assert (silent.temperature, silent.max_output_tokens) == (0.1, 11)
    assert (spoken.temperature, spoken.max_output_tokens) == (0.9, 99)
    assert silent.thinking_config is not None
    assert silent.thinking_config.thinking_budget == 0


def test_the_key_is_not_shown_and_settings_that_are_unknown_are_refused() -> None:
    config = GeminiConfig(api_key=SecretStr("very-secret"))
    assert "very-secret" not in f"{config!r} {config} {GeminiAIProvider(config)!r}"
    with pytest.raises(ValidationError, match="modle"):
        GeminiConfig.model_validate({"api_key": "k", "modle": "x"})
    with pytest.raises(ValidationError, match="api_key"):
        GeminiConfig.model_validate({"api_key": ""})


def test_the_words_of_a_named_speaker_begin_with_the_name() -> None:
    picture = AIImagePart(url="https://example.org/cat.png")
    assert contents(
        AIMessage(role="user", name="triage", content="How can I help?"),
        AIMessage(role="user", name="triage", content=[AITextPart(text="A cat."), AITextPart(text="See?")]),
        AIMessage(role="user", name="triage", content=[picture]),
        AIMessage(role="assistant", name="advisor", content="Mine."),
    ) == [
        {"role": "user", "parts": [{"text": "[triage]: How can I help?"}]},
        {"role": "user", "parts": [{"text": "[triage]: A cat."}, {"text": "See?"}]},
        {
            "role": "user",
            "parts": [
                {"text": "[triage]:"},
                {"file_data": {"file_uri": "https://example.org/cat.png", "mime_type": "image/png"}},
            ],
        },
        {"role": "model", "parts": [{"text": "Mine."}]},
    ]


def test_a_named_speaker_who_says_nothing_is_no_turn() -> None:
    assert contents(user("hello"), AIMessage(role="user", name="triage", content="")) == contents(user("hello"))
