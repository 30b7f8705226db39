"""Lets a model call tools until it answers in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from roomkit_sim.channels.tool_handlers import result_text
from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.models.stream import PAUSE
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

__all__ = ["StreamedToolLoop", "ToolLoopOutcome", "run_tool_loop"]

T = TypeVar("T")


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
        usage = _sum(usage, response.usage)
        if not response.tool_calls or rounds == max_rounds:
            break
        context.messages += await _round_of_tools(response, run_tool)
    return ToolLoopOutcome(response.model_copy(update={"usage": usage}), rounds, bool(response.tool_calls))


class StreamedToolLoop:
    """The same loop, whose words can be read while the model writes them.

    Args:
        provider: The model.
        context: What it is given first; it is not changed.
        run_tool: Runs one call. What it raises is told to the model as an error.
        max_rounds: After so many rounds the loop ends.
        deadline: Time of the running loop, in seconds, at which it fails.

    Attributes:
        usage: Sum of the rounds so far.
        rounds: How many rounds of tool calls there were.
        capped: Whether the model still wanted to call tools when it was stopped.
        finish_reason: Of the last round.
        has_spoken: Whether there were words.
    """

    def __init__(
        self,
        provider: AIProvider,
        context: AIContext,
        run_tool: Callable[[AIToolCall], Awaitable[Any]],
        *,
        max_rounds: int,
        deadline: float,
    ) -> None:
        self._provider = provider
        self._context = context.model_copy(update={"messages": list(context.messages)})
        self._run_tool = run_tool
        self._max_rounds = max_rounds
        self._deadline = deadline
        self._in_tools = False
        self._stopped = False
        self.usage: dict[str, int] = {}
        self.rounds = 0
        self.capped = False
        self.finish_reason: str | None = None
        self.has_spoken = False

    def stop(self) -> bool:
        """Ask the model no more. Returns whether tools are running, after which the words end by themselves."""
        self._stopped = True
        return self._in_tools

    async def words(self) -> AsyncGenerator[str, None]:
        """The words of all rounds, with a pause before tools run.

        Raises:
            ProviderError: The model failed, perhaps after some words.
            TimeoutError: The deadline has passed.
        """
        while True:
            response, said = AIResponse(), ""
            async with aclosing(self._provider.stream_response(self._context)) as pieces:
                while (piece := await self._in_time(anext(pieces, None))) is not None:
                    if isinstance(piece, AIResponse):
                        response = piece
                    elif piece:
                        yield piece
                        said = piece
                        self.has_spoken = self.has_spoken or not piece.isspace()
            self.usage = _sum(self.usage, response.usage)
            self.finish_reason = response.finish_reason
            self.capped = bool(response.tool_calls) and self.rounds == self._max_rounds
            if self.capped or not response.tool_calls:
                return
            if said:
                # The words of the next round are another sentence.
                if not said[-1].isspace():
                    yield " "
                yield PAUSE
            await self._tools(response)
            if self._stopped:
                return

    async def _tools(self, response: AIResponse) -> None:
        self._in_tools = True
        try:
            self._context.messages += await self._in_time(_round_of_tools(response, self._run_tool))
        finally:
            self._in_tools = False
        self.rounds += 1

    async def _in_time(self, work: Awaitable[T]) -> T:
        # Around each wait and not around all of them: between two, the task is the reader's.
        async with asyncio.timeout_at(self._deadline):
            return await work


async def _round_of_tools(
    response: AIResponse, run_tool: Callable[[AIToolCall], Awaitable[Any]]
) -> tuple[AIMessage, AIMessage]:
    """What the model said and called, and what came of it."""
    results = await asyncio.gather(*(_result_of(call, run_tool) for call in response.tool_calls))
    return _as_message(response), AIMessage(role="tool", content=list(results))


def _sum(usage: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    return {key: usage.get(key, 0) + more.get(key, 0) for key in [*usage, *more]}


async def _result_of(call: AIToolCall, run_tool: Callable[[AIToolCall], Awaitable[Any]]) -> AIToolResultPart:
    """Raises nothing of the tool's: an error here would leave the calls beside it running and unanswered."""
    try:
        with cancelled_only_from_outside(f"tool {call.name!r}"):
            value = await run_tool(call) if call.arguments_error is None else {"error": call.arguments_error}
        text = result_text(value)
    except Exception as error:
        text = result_text({"error": f"{type(error).__name__}: {error}"})
    return AIToolResultPart(tool_call_id=call.id, name=call.name, result=text)


def _as_message(response: AIResponse) -> AIMessage:
    words = [AITextPart(text=response.content)] if response.content else []
    calls = [
        AIToolCallPart(id=call.id, name=call.name, arguments=call.arguments, metadata=call.metadata)
        for call in response.tool_calls
    ]
    return AIMessage(role="assistant", content=[*words, *calls])
