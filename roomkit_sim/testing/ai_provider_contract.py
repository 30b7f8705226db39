"""What every :class:`~roomkit_sim.providers.ai.base.AIProvider` must do, as tests to run against your own.

Subclass the contract in a test module and say how to make a provider whose model answers what a test wants; pytest
collects the inherited tests::

    from roomkit_sim.testing.ai_provider_contract import AIProviderContract

    class TestMyProvider(AIProviderContract):
        @asynccontextmanager
        async def provider(self, answers):
            async with a_service_that_answers(answers) as address:
                provider = MyProvider(address, api_key=self.secret)
                yield provider
                await provider.close()

The tests are coroutines: pytest-asyncio must run in auto mode, or the subclass be marked with ``pytest.mark.asyncio``.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from roomkit_sim.channels.tool_loop import run_tool_loop
from roomkit_sim.errors import ProviderError
from roomkit_sim.providers.ai.base import AIContext, AIMessage, AIProvider, AIResponse, AITool, AIToolCall

__all__ = ["AIProviderContract", "Scripted", "ServiceFailure"]


@dataclass(frozen=True)
class ServiceFailure:
    """The service refuses.

    Args:
        status: The HTTP status, or what is nearest to it.
        message: What it says.
    """

    status: int
    message: str


Scripted: TypeAlias = AIResponse | ServiceFailure
"""What a model answers; in a test's script, one after the other."""

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CONTEXT = AIContext(
    messages=[AIMessage(role="user", content="What is the weather?")],
    system_prompt="You are kind.",
    tools=[AITool(name="weather", description="Tells the weather.", parameters=CITY)],
)
WORDS = AIResponse(content="It is sunny, 21 °C.")
CALLS = AIResponse(
    content="Let me look.",
    tool_calls=[
        AIToolCall(id="call-a", name="weather", arguments={"city": "Rome"}),
        AIToolCall(id="call-b", name="weather", arguments={"city": "Oslo"}),
        AIToolCall(id="call-c", name="time"),
    ],
)


class AIProviderContract(ABC):
    """The tests. Each says what its model answers, and gets a provider from :meth:`provider`."""

    secret: str = "contract-secret-key-0123456789"
    """The key that the provider is given, which must not be shown."""

    can_fail: bool = True
    """Whether its service can refuse."""

    @abstractmethod
    def provider(self, answers: Sequence[Scripted]) -> AbstractAsyncContextManager[AIProvider]:
        """A provider whose model gives ``answers`` in their order, and does not repeat failed requests."""

    def is_of_service(self, task: asyncio.Task[Any]) -> bool:
        """Whether a task belongs to a service in the same loop, and so is not the provider's."""
        return False

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return [task for task in asyncio.all_tasks() if not self.is_of_service(task)]

    async def test_an_answer_in_words_is_told_as_it_is(self) -> None:
        """Words come unchanged, without calls."""
        async with self.provider([WORDS]) as provider:
            answer = await provider.generate(CONTEXT)
        assert (answer.content, answer.tool_calls) == (WORDS.content, [])

    async def test_a_provider_names_itself_and_its_model(self) -> None:
        """Reports need both."""
        async with self.provider([WORDS]) as provider:
            assert provider.name
            assert provider.model_name

    async def test_calls_of_one_answer_keep_their_order_names_and_arguments(self) -> None:
        """Several calls, two of one function."""
        async with self.provider([CALLS]) as provider:
            answer = await provider.generate(CONTEXT)
        assert _asked(answer) == _asked(CALLS)
        assert answer.content == CALLS.content

    async def test_calls_have_ids_of_their_own(self) -> None:
        """Also where the service gives none, or one to several."""
        nameless = CALLS.model_copy(
            update={"tool_calls": [call.model_copy(update={"id": ""}) for call in CALLS.tool_calls]}
        )
        async with self.provider([CALLS, nameless]) as provider:
            given, made = await provider.generate(CONTEXT), await provider.generate(CONTEXT)
        assert [call.id for call in given.tool_calls] == ["call-a", "call-b", "call-c"]
        if any(call.id for call in made.tool_calls):
            assert len({call.id for call in made.tool_calls}) == 3

    async def test_results_go_back_and_the_conversation_goes_on(self) -> None:
        """A round of tools, as an agent runs it."""

        async def run(call: AIToolCall) -> Any:
            return {"of": call.arguments.get("city", "the time")}

        async with self.provider([CALLS, CALLS, WORDS]) as provider:
            outcome = await run_tool_loop(provider, CONTEXT, run, max_rounds=5)
        assert (outcome.response.content, outcome.rounds, outcome.capped) == (WORDS.content, 2, False)

    async def test_the_given_context_is_not_changed(self) -> None:
        """The caller's objects are the caller's."""
        before = CONTEXT.model_copy(deep=True)
        async with self.provider([CALLS]) as provider:
            await provider.generate(CONTEXT)
        assert before == CONTEXT

    async def test_token_counts_are_not_negative(self) -> None:
        """Where a provider counts at all."""
        async with self.provider([WORDS]) as provider:
            answer = await provider.generate(CONTEXT)
        assert all(count >= 0 for count in answer.usage.values())

    async def test_a_stream_gives_words_and_then_the_whole_answer_once(self) -> None:
        """The pieces make up the answer."""
        async with self.provider([WORDS]) as provider:
            *pieces, last = [piece async for piece in provider.stream_response(CONTEXT)]
        assert isinstance(last, AIResponse)
        assert all(isinstance(piece, str) for piece in pieces)
        assert "".join(map(str, pieces)) == last.content == WORDS.content

    async def test_a_stream_gives_the_same_calls_as_an_answer_in_one_piece(self) -> None:
        """Calls are in the last piece."""
        async with self.provider([CALLS, CALLS]) as provider:
            whole = await provider.generate(CONTEXT)
            *_, last = [piece async for piece in provider.stream_response(CONTEXT)]
        assert isinstance(last, AIResponse)
        assert _asked(last) == _asked(whole)
        assert [call.id for call in last.tool_calls] == [call.id for call in whole.tool_calls]

    async def test_a_stream_of_text_is_text_only(self) -> None:
        """The simpler of the two streams."""
        async with self.provider([WORDS]) as provider:
            pieces = [piece async for piece in provider.generate_stream(CONTEXT)]
        assert "".join(pieces).strip() == WORDS.content

    async def test_a_stream_that_is_left_early_leaves_no_task_and_the_provider_usable(self) -> None:
        """As happens at every barge-in."""
        async with self.provider([WORDS, WORDS]) as provider:
            before = self._tasks()
            async with aclosing(provider.stream_response(CONTEXT)) as pieces:
                async for _ in pieces:
                    break
            assert self._tasks() == before
            assert (await provider.generate(CONTEXT)).content == WORDS.content

    async def test_a_request_that_is_cancelled_leaves_the_provider_usable(self) -> None:
        """As happens when a call ends while a model thinks."""
        async with self.provider([WORDS, WORDS, WORDS]) as provider:
            asking = asyncio.create_task(provider.generate(CONTEXT))
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert (await provider.generate(CONTEXT)).content == WORDS.content

    async def test_requests_at_the_same_time_do_not_disturb_each_other(self) -> None:
        """One provider may serve several agents and rooms."""
        async with self.provider([WORDS] * 3) as provider:
            answers = await asyncio.gather(*(provider.generate(CONTEXT) for _ in range(3)))
        assert [answer.content for answer in answers] == [WORDS.content] * 3

    async def test_closing_twice_is_harmless(self) -> None:
        """Whoever closes need not know who else did."""
        async with self.provider([WORDS]) as provider:
            await provider.generate(CONTEXT)
            await provider.close()
            await provider.close()

    @pytest.mark.parametrize(("status", "retryable"), [(400, False), (401, False), (429, True), (503, True)])
    @pytest.mark.parametrize("streaming", [False, True])
    async def test_a_failure_is_a_provider_error_that_says_what_helps_and_shows_no_key(
        self, status: int, retryable: bool, streaming: bool
    ) -> None:
        """Errors of the SDK do not leak, nor does the key that a service quotes."""
        if not self.can_fail:
            pytest.skip("its service cannot refuse")
        async with self.provider([ServiceFailure(status, f"key {self.secret} is not welcome")]) as provider:
            with pytest.raises(ProviderError) as caught:
                await _ask(provider, streaming)
        error = caught.value
        assert (error.status_code, error.retryable, error.provider) == (status, retryable, provider.name)
        assert str(status) in str(error)
        assert self.secret not in "".join(_texts_of(error))


async def _ask(provider: AIProvider, streaming: bool) -> None:
    if streaming:
        async for _ in provider.stream_response(CONTEXT):
            pass
    else:
        await provider.generate(CONTEXT)


def _asked(answer: AIResponse) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, call.arguments) for call in answer.tool_calls]


def _texts_of(error: BaseException | None) -> list[str]:
    texts = []
    while error is not None:
        texts += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return texts
