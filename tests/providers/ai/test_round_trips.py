"""Any round of tool calls, through either API: ids stay distinct, order and arguments stay, each result finds its call.

The service of ours refuses conversations as the real ones do, so a second request that it answers is well formed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st
from openai._models import construct_type
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import SecretStr

from roomkit_sim.channels.tool_loop import run_tool_loop
from roomkit_sim.core.ids import new_id
from roomkit_sim.providers.ai.base import AIContext, AIMessage, AIProvider, AIResponse, AIToolCall
from roomkit_sim.providers.gemini.ai_config import GeminiConfig
from roomkit_sim.providers.gemini.ai_request import gemini_request
from roomkit_sim.providers.gemini.ai_response import GeminiAnswer
from roomkit_sim.providers.openai.ai_config import OpenAIConfig
from roomkit_sim.providers.openai.ai_request import openai_request
from roomkit_sim.providers.openai.ai_response import OpenAIAnswer, answer_of
from roomkit_sim.sim.servers.http_models import ModelAnswer, ModelCall, ModelRequest, gemini_rest, openai_rest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
CALL = st.builds(
    ModelCall,
    name=st.sampled_from(["find", "book"]),
    arguments=st.dictionaries(st.text(min_size=1, max_size=5), JSON, max_size=3),
    id=st.sampled_from([None, "a", "b", "call-1"]),
    signature=st.sampled_from([None, "c2lnbmVk"]),
)
ROUNDS = st.lists(st.lists(CALL, min_size=1, max_size=5).map(tuple), min_size=1, max_size=3)
CONTEXT = AIContext(messages=[AIMessage(role="user", content="go")])


class Wired(AIProvider):
    """Requests and responses of an API, without the network between them."""

    def __init__(self, answers: list[ModelAnswer], streaming: bool) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._answers = answers
        self._streaming = streaming

    @property
    def model_name(self) -> str:
        return "wired"

    async def generate(self, context: AIContext) -> AIResponse:
        request = self.request(context)
        self.bodies.append(request.body)
        return self.answer(request, self._answers[len(self.bodies) - 1])

    def request(self, context: AIContext) -> ModelRequest:
        raise NotImplementedError

    def answer(self, request: ModelRequest, answer: ModelAnswer) -> AIResponse:
        raise NotImplementedError

    def results(self, number: int) -> list[Any]:
        raise NotImplementedError


class WiredGemini(Wired):
    def request(self, context: AIContext) -> ModelRequest:
        made = gemini_request(context, GeminiConfig(api_key=SecretStr("k")))
        contents = [content.model_dump(mode="json", by_alias=True, exclude_none=True) for content in made.contents]
        request = ModelRequest("gemini", "gemini-2.5", self._streaming, {"contents": contents}, {"x-goog-api-key": "k"})
        assert gemini_rest.refuse(request) is None
        return request

    def answer(self, request: ModelRequest, answer: ModelAnswer) -> AIResponse:
        collected = GeminiAnswer()
        bodies = gemini_rest.stream(request, answer) if request.stream else [gemini_rest.whole(request, answer)]
        for body in bodies:
            collected.add(types.GenerateContentResponse.model_validate(json.loads(json.dumps(body))))
        return collected.finish(new_id)

    def results(self, number: int) -> list[Any]:
        parts = self.bodies[number]["contents"][-1]["parts"]
        return [part["functionResponse"]["response"] for part in parts]

    def calls(self, number: int) -> list[Any]:
        return [
            (p["functionCall"]["name"], p["functionCall"]["args"], p.get("thoughtSignature"))
            for p in self.bodies[number]["contents"][-2]["parts"]
        ]


class WiredOpenAI(Wired):
    def request(self, context: AIContext) -> ModelRequest:
        body = openai_request(context, OpenAIConfig(api_key=SecretStr("k")))
        request = ModelRequest("openai", "m", self._streaming, body, {"authorization": "Bearer k"})
        assert openai_rest.refuse(request) is None
        return request

    def answer(self, request: ModelRequest, answer: ModelAnswer) -> AIResponse:
        if not request.stream:
            completion: Any = construct_type(type_=ChatCompletion, value=openai_rest.whole(request, answer))
            return answer_of(completion, new_id)
        collected = OpenAIAnswer()
        for body in openai_rest.stream(request, answer):
            chunk: Any = construct_type(type_=ChatCompletionChunk, value=body)
            collected.add(chunk)
        return collected.finish(new_id)

    def results(self, number: int) -> list[Any]:
        messages = self.bodies[number]["messages"]
        last = max(place for place, message in enumerate(messages) if message["role"] == "assistant")
        return [json.loads(message["content"]) for message in messages[last + 1 :]]


async def played(provider: Wired) -> tuple[list[list[AIToolCall]], list[list[Any]]]:
    """The calls of each round as the tools saw them, and the results as the model was told them."""
    rounds: list[list[AIToolCall]] = []

    async def run(call: AIToolCall) -> Any:
        if len(rounds) < len(provider.bodies):
            rounds.append([])
        rounds[-1].append(call)
        return {"echo": [call.name, call.arguments]}

    outcome = await run_tool_loop(provider, CONTEXT, run, max_rounds=10)
    assert outcome.response.content == "done"
    return rounds, [provider.results(number) for number in range(1, len(provider.bodies))]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("kind", [WiredGemini, WiredOpenAI])
@settings(max_examples=40, deadline=None)
@given(script=ROUNDS)
async def test_every_round_keeps_ids_apart_order_arguments_and_results(
    kind: type[Wired], streaming: bool, script: list[tuple[ModelCall, ...]]
) -> None:
    answers = [*(ModelAnswer(calls=calls) for calls in script), ModelAnswer(("done",))]
    provider = kind(answers, streaming)
    rounds, results = await played(provider)
    for asked, made, told in zip(script, rounds, results, strict=True):
        assert [(call.name, call.arguments) for call in made] == [(call.name, call.arguments) for call in asked]
        assert len({call.id for call in made}) == len(made)
        assert told == [{"echo": [call.name, call.arguments]} for call in asked]


@settings(max_examples=40, deadline=None)
@given(calls=st.lists(CALL, min_size=1, max_size=4))
async def test_thought_signatures_go_back_with_the_calls_that_they_came_with(calls: list[ModelCall]) -> None:
    provider = WiredGemini([ModelAnswer(calls=tuple(calls)), ModelAnswer(("done",))], streaming=True)
    await played(provider)
    assert provider.calls(1) == [(call.name, call.arguments, call.signature) for call in calls]


async def test_broken_arguments_are_told_to_the_model_and_the_tool_is_not_run() -> None:
    broken, whole = ModelCall("find", '{"city": "Lon', id="a"), ModelCall("find", {"city": "Rome"}, id="b")
    provider = WiredOpenAI([ModelAnswer(calls=(broken, whole)), ModelAnswer(("done",))], streaming=True)
    rounds, [told] = await played(provider)
    assert [call.id for call in rounds[0]] == ["b"]
    assert "not valid JSON" in told[0]["error"]
    assert told[1] == {"echo": ["find", {"city": "Rome"}]}
    assert provider.bodies[1]["messages"][-3]["tool_calls"][0]["function"]["arguments"] == '{"city": "Lon'
