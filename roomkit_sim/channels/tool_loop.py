"""Lets a model call tools until it answers in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from roomkit_sim.providers.ai.base import (
    AIContext,
    AIMessage,
    AIProvider,
    AIResponse,
    AITextPart,
    AIToolCall,
    AIToolCallPart,
    AIToolResultPart,
)

__all__ = ["ToolLoopOutcome", "run_tool_loop"]


@dataclass(frozen=True)
class ToolLoopOutcome:
    """How a tool loop ended.

    Args:
        response: The model's last answer; its usage is the sum of all rounds.
        rounds: How many rounds of tool calls there were.
        capped: Whether the model still wanted to call tools when it was stopped.
    """

    response: AIResponse
    rounds: int
    capped: bool


async def run_tool_loop(
    provider: AIProvider,
    context: AIContext,
    run_tool: Callable[[AIToolCall], Awaitable[Any]],
    *,
    max_rounds: int,
) -> ToolLoopOutcome:
    """Ask, run the tools that the model calls (those of one answer at once), tell it the results, and ask again.

    Args:
        provider: The model.
        context: What it is given first; it is not changed.
        run_tool: Runs one call. What it raises is told to the model as an error.
        max_rounds: After so many rounds the loop ends.
    """
    context = context.model_copy(update={"messages": list(context.messages)})
    usage: dict[str, int] = {}
    for rounds in range(max_rounds + 1):
        response = await provider.generate(context)
        usage = {key: usage.get(key, 0) + response.usage.get(key, 0) for key in [*usage, *response.usage]}
        if not response.tool_calls or rounds == max_rounds:
            break
        results = await asyncio.gather(*(_result_of(call, run_tool) for call in response.tool_calls))
        context.messages.append(_as_message(response))
        context.messages.append(AIMessage(role="tool", content=list(results)))
    return ToolLoopOutcome(response.model_copy(update={"usage": usage}), rounds, bool(response.tool_calls))


async def _result_of(call: AIToolCall, run_tool: Callable[[AIToolCall], Awaitable[Any]]) -> AIToolResultPart:
    try:
        value = await run_tool(call) if call.arguments_error is None else {"error": call.arguments_error}
    except Exception as error:
        value = {"error": f"{type(error).__name__}: {error}"}
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return AIToolResultPart(tool_call_id=call.id, name=call.name, result=text)


def _as_message(response: AIResponse) -> AIMessage:
    words = [AITextPart(text=response.content)] if response.content else []
    calls = [
        AIToolCallPart(id=call.id, name=call.name, arguments=call.arguments, metadata=call.metadata)
        for call in response.tool_calls
    ]
    return AIMessage(role="assistant", content=[*words, *calls])
