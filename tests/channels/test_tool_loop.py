"""The loop in which a model calls tools until it answers in words."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from roomkit_sim.channels.tool_loop import run_tool_loop
from roomkit_sim.providers.ai.base import (
    AIContext,
    AIMessage,
    AIResponse,
    AITextPart,
    AIToolCall,
    AIToolCallPart,
    AIToolResultPart,
)
from roomkit_sim.providers.ai.mock import MockAIProvider


def calling(*names: str, content: str = "", **usage: int) -> AIResponse:
    calls = [AIToolCall(id=f"{name}-{place}", name=name, arguments={"n": place}) for place, name in enumerate(names)]
    return AIResponse(content=content, tool_calls=calls, usage=usage)


async def echo(call: AIToolCall) -> Any:
    return f"{call.name}({call.arguments['n']})"


CONTEXT = AIContext(messages=[AIMessage(role="user", content="hello")])


async def test_an_answer_in_words_ends_the_loop_at_once() -> None:
    outcome = await run_tool_loop(MockAIProvider(["hi"]), CONTEXT, echo, max_rounds=5)
    assert (outcome.response.content, outcome.rounds, outcome.capped) == ("hi", 0, False)


async def test_results_are_told_to_the_model_after_its_own_words_and_calls() -> None:
    provider = MockAIProvider(ai_responses=[calling("find", content="Let me look."), AIResponse(content="found")])
    outcome = await run_tool_loop(provider, CONTEXT, echo, max_rounds=5)
    said, told = provider.calls[1].messages[1:]
    assert said == AIMessage(
        role="assistant",
        content=[AITextPart(text="Let me look."), AIToolCallPart(id="find-0", name="find", arguments={"n": 0})],
    )
    assert told == AIMessage(
        role="tool", content=[AIToolResultPart(tool_call_id="find-0", name="find", result="find(0)")]
    )
    assert (outcome.response.content, outcome.rounds) == ("found", 1)


async def test_two_calls_of_one_function_get_their_own_results() -> None:
    provider = MockAIProvider(ai_responses=[calling("find", "find"), AIResponse(content="done")])
    await run_tool_loop(provider, CONTEXT, echo, max_rounds=5)
    results = provider.calls[1].messages[-1].content
    assert [(part.tool_call_id, part.result) for part in results if isinstance(part, AIToolResultPart)] == [
        ("find-0", "find(0)"),
        ("find-1", "find(1)"),
    ]


async def test_calls_of_one_answer_run_at_once_and_results_keep_their_order() -> None:
    both_began, ended = asyncio.Barrier(2), list[str]()
    first_may_end = asyncio.Event()

    async def run(call: AIToolCall) -> str:
        await both_began.wait()
        if call.name == "slow":
            await first_may_end.wait()
        ended.append(call.name)
        first_may_end.set()
        return call.name

    provider = MockAIProvider(ai_responses=[calling("slow", "quick"), AIResponse(content="done")])
    await run_tool_loop(provider, CONTEXT, run, max_rounds=5)
    results = provider.calls[1].messages[-1].content
    assert ended == ["quick", "slow"]
    assert [part.name for part in results if isinstance(part, AIToolResultPart)] == ["slow", "quick"]


async def test_a_tool_that_raises_is_an_error_for_the_model_and_others_go_on() -> None:
    async def run(call: AIToolCall) -> Any:
        if call.name == "broken":
            raise ValueError("no such city")
        return {"fine": True}

    provider = MockAIProvider(ai_responses=[calling("broken", "sound"), AIResponse(content="done")])
    await run_tool_loop(provider, CONTEXT, run, max_rounds=5)
    results = provider.calls[1].messages[-1].content
    assert [json.loads(part.result) for part in results if isinstance(part, AIToolResultPart)] == [
        {"error": "ValueError: no such city"},
        {"fine": True},
    ]


async def awaits_what_is_cancelled(call: AIToolCall) -> Any:
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()
    return await gone


async def answers_with_what_is_no_json(call: AIToolCall) -> Any:
    return {("a", "pair"): "as a key"}


@pytest.mark.parametrize(
    ("broken", "told"), [(awaits_what_is_cancelled, "WorkCancelledError"), (answers_with_what_is_no_json, "TypeError")]
)
async def test_a_broken_tool_leaves_no_call_without_a_result(broken: Any, told: str) -> None:
    async def run(call: AIToolCall) -> Any:
        return await broken(call) if call.name == "broken" else "fine"

    provider = MockAIProvider(ai_responses=[calling("broken", "sound"), AIResponse(content="done")])
    outcome = await run_tool_loop(provider, CONTEXT, run, max_rounds=5)
    first, second = (part.result for part in provider.calls[1].messages[-1].content if hasattr(part, "result"))
    assert (json.loads(first)["error"].partition(":")[0], second, outcome.response.content) == (told, "fine", "done")


async def test_a_loop_that_is_cancelled_ends_and_so_do_its_tools() -> None:
    ended: list[str] = []

    async def run(call: AIToolCall) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(call.name)

    provider = MockAIProvider(ai_responses=[calling("one", "two")])
    task = asyncio.create_task(run_tool_loop(provider, CONTEXT, run, max_rounds=5))
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (ended, len(provider.calls)) == (["one", "two"], 1)


async def test_a_result_that_contains_itself_is_an_error_for_the_model_and_others_go_on() -> None:
    cyclic: dict[str, Any] = {}
    cyclic["self"] = cyclic

    async def run(call: AIToolCall) -> Any:
        return cyclic if call.name == "broken" else {"fine": True}

    provider = MockAIProvider(ai_responses=[calling("broken", "sound"), AIResponse(content="done")])
    await run_tool_loop(provider, CONTEXT, run, max_rounds=5)
    results = provider.calls[1].messages[-1].content
    assert [json.loads(part.result) for part in results if isinstance(part, AIToolResultPart)] == [
        {"error": "ValueError: Circular reference detected"},
        {"fine": True},
    ]


async def test_a_model_that_always_calls_tools_is_stopped_and_that_is_said() -> None:
    provider = MockAIProvider(ai_responses=[calling("again")])
    outcome = await run_tool_loop(provider, CONTEXT, echo, max_rounds=3)
    assert (outcome.capped, outcome.rounds, len(provider.calls)) == (True, 3, 4)


async def test_usage_is_that_of_all_rounds() -> None:
    answers = [calling("find", input=5, output=2), AIResponse(content="done", usage={"input": 9, "cached": 1})]
    outcome = await run_tool_loop(MockAIProvider(ai_responses=answers), CONTEXT, echo, max_rounds=5)
    assert outcome.response.usage == {"input": 14, "output": 2, "cached": 1}


async def test_the_given_context_is_not_changed() -> None:
    before = CONTEXT.model_copy(deep=True)
    provider = MockAIProvider(ai_responses=[calling("find"), AIResponse(content="done")])
    await run_tool_loop(provider, CONTEXT, echo, max_rounds=5)
    assert before == CONTEXT


async def test_a_model_that_fails_ends_the_loop_with_its_error() -> None:
    class Broken(MockAIProvider):
        async def generate(self, context: AIContext) -> AIResponse:
            raise RuntimeError("no model")

    with pytest.raises(RuntimeError, match="no model"):
        await run_tool_loop(Broken(), CONTEXT, echo, max_rounds=5)
