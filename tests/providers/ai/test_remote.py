"""Both providers over their SDKs in virtual time: attempts, pauses, broken streams, and what is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import openai
import pytest
from google import genai

from roomkit_sim.errors import ConfigurationError, ProviderConnectionError, ProviderError, ProviderProtocolError
from roomkit_sim.models.channel import RetryPolicy
from roomkit_sim.providers.ai.base import AIContext, AIImagePart, AIMessage, AIResponse
from roomkit_sim.sim.servers.http_models import ModelAnswer, ModelRefusal
from tests.providers.conftest import make_provider

Simulate = Callable[..., Any]

CONTEXT = AIContext(messages=[AIMessage(role="user", content="hello")])
FINE = ModelAnswer(("fine",))
BUSY = ModelRefusal(503, "overloaded")
POLICY = RetryPolicy(max_retries=3, base_delay_seconds=1.0, max_delay_seconds=20.0)


async def ask(here: Any) -> AIResponse:
    answer = await here.provider.generate(CONTEXT)
    assert isinstance(answer, AIResponse)
    return answer


async def listen(here: Any) -> list[tuple[float, str]]:
    """Pieces of text and the milliseconds at which they came."""
    async with aclosing(here.provider.stream_response(CONTEXT)) as pieces:
        return [(here.now_ms, piece) async for piece in pieces if isinstance(piece, str)]


@pytest.mark.parametrize("how", [ask, listen])
def test_an_overloaded_service_is_asked_again_after_growing_pauses(simulate: Simulate, how: Any) -> None:
    async def main(here: Any) -> tuple[float, int]:
        await how(here)
        return here.now_ms, len(here.server.requests)

    assert simulate([BUSY, BUSY, FINE], main, retry=POLICY) == (1000.0 + 2000.0, 3)


def test_jitter_shortens_the_pauses(simulate: Simulate) -> None:
    async def main(here: Any) -> float:
        await ask(here)
        return float(here.now_ms)

    assert simulate([BUSY, BUSY, FINE], main, retry=POLICY, jitter=lambda: 0.0) == 500.0 + 1000.0


@pytest.mark.parametrize("how", [ask, listen])
def test_retry_after_is_honoured(simulate: Simulate, how: Any) -> None:
    async def main(here: Any) -> float:
        await how(here)
        return float(here.now_ms)

    busy = ModelRefusal(429, "slow down", headers={"retry-after": "7"})
    assert simulate([busy, FINE], main, retry=POLICY) == 7000.0


def test_a_retry_after_date_is_honoured(simulate: Simulate) -> None:
    """The runtime's clock says what the date is; here it is the machine's, and the date long past."""

    async def main(here: Any) -> float:
        await ask(here)
        return float(here.now_ms)

    busy = ModelRefusal(429, "slow down", headers={"retry-after": "Tue, 01 Jan 2019 00:00:00 GMT"})
    assert simulate([busy, FINE], main, retry=POLICY) == 1000.0


def test_a_service_that_stays_down_is_reported_when_the_attempts_are_used_up(simulate: Simulate) -> None:
    async def main(here: Any) -> tuple[Any, int, float]:
        with pytest.raises(ProviderError) as caught:
            await ask(here)
        return caught.value.status_code, len(here.server.requests), here.now_ms

    assert simulate([BUSY], main, retry=POLICY) == (503, 4, 1000.0 + 2000.0 + 4000.0)


@pytest.mark.parametrize("how", [ask, listen])
def test_a_request_that_is_wrong_is_not_repeated(simulate: Simulate, how: Any) -> None:
    async def main(here: Any) -> tuple[int, float]:
        with pytest.raises(ProviderError, match="HTTP 400"):
            await how(here)
        return len(here.server.requests), here.now_ms

    assert simulate([ModelRefusal(400, "bad")], main, retry=POLICY) == (1, 0.0)


def test_an_error_page_of_a_proxy_is_an_error_like_any_other(simulate: Simulate) -> None:
    async def main(here: Any) -> Any:
        with pytest.raises(ProviderError) as caught:
            await ask(here)
        return caught.value.status_code, caught.value.retryable

    page = ModelRefusal(502, text="<html>Bad gateway</html>")
    assert simulate([page], main, retry=RetryPolicy(max_retries=0)) == (502, True)


def test_a_host_that_is_not_there_is_a_connection_error_that_may_pass(simulate: Simulate, no_retry: Any) -> None:
    async def main(here: Any) -> tuple[type[Exception], bool]:
        here.world.network._hosts.clear()
        with pytest.raises(ProviderConnectionError) as caught:
            await ask(here)
        return type(caught.value), caught.value.retryable

    assert simulate([FINE], main, retry=no_retry) == (ProviderConnectionError, True)


def test_a_service_that_does_not_answer_in_time_is_a_connection_error(simulate: Simulate, no_retry: Any) -> None:
    async def main(here: Any) -> float:
        with pytest.raises(ProviderConnectionError, match="no answer in time"):
            await ask(here)
        return float(here.now_ms)

    late = ModelAnswer(("late",), first_ms=30_000)
    assert simulate([late], main, retry=no_retry, timeout_seconds=5.0) == 5000.0


def test_pieces_of_a_stream_come_when_the_service_sends_them(simulate: Simulate, api: str) -> None:
    answer = ModelAnswer(("It ", "is ", "sunny."), first_ms=400, between_ms=150)
    # OpenAI's API begins with a piece that names the role.
    first = 400.0 if api == "gemini" else 550.0
    assert simulate([answer], listen) == [(first, "It "), (first + 150, "is "), (first + 300, "sunny.")]


@pytest.mark.parametrize("size", [1, 7, 50])
def test_bytes_that_break_off_anywhere_make_the_same_words(simulate: Simulate, size: int) -> None:
    words = ("Grüße ", "aus ", "Zürich 🌞\n\n", "data: x")

    async def main(here: Any) -> list[str]:
        return [piece async for piece in here.provider.generate_stream(CONTEXT)]

    assert tuple(simulate([ModelAnswer(words, slice_bytes=size)], main)) == words


def test_a_stream_that_is_cut_before_its_first_word_is_begun_again(simulate: Simulate) -> None:
    async def main(here: Any) -> Any:
        return [word for _, word in await listen(here)], len(here.server.requests)

    assert simulate([ModelAnswer(("lost",), cut_after=0), FINE], main, retry=POLICY) == (["fine"], 2)


def test_a_stream_that_is_cut_after_words_is_an_error_and_not_begun_again(simulate: Simulate) -> None:
    heard: list[str] = []

    async def hear(here: Any) -> None:
        async for piece in here.provider.generate_stream(CONTEXT):
            heard.append(piece)  # noqa: PERF401 - what came before the error counts

    async def main(here: Any) -> tuple[int, bool]:
        with pytest.raises(ProviderError) as caught:
            await hear(here)
        return len(here.server.requests), caught.value.retryable

    cut = ModelAnswer(("half ", "an ", "answer"), cut_after=2, between_ms=10)
    assert simulate([cut], main, retry=POLICY) == (1, True)
    assert heard[0] == "half "
    assert "answer" not in heard


def test_a_stream_that_ends_without_a_reason_is_not_taken_for_an_answer(simulate: Simulate, no_retry: Any) -> None:
    async def main(here: Any) -> None:
        with pytest.raises(ProviderProtocolError, match="without a finish reason"):
            await listen(here)

    simulate([ModelAnswer(("half",), finish_reason="")], main, retry=no_retry)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_request_that_is_cancelled_is_hung_up_at_once(simulate: Simulate, streaming: bool) -> None:
    async def main(here: Any) -> tuple[float, int]:
        asking = asyncio.create_task(listen(here) if streaming else ask(here))
        await asyncio.sleep(1.0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await here.server.wait_idle()
        return here.now_ms, here.server.connections

    thinking = ModelAnswer(("never",), first_ms=60_000)
    assert simulate([thinking], main) == (1000.0, 1)


def test_a_stream_that_is_left_early_is_hung_up_at_once(simulate: Simulate) -> None:
    async def main(here: Any) -> float:
        async with aclosing(here.provider.stream_response(CONTEXT)) as pieces:
            await anext(pieces)
        left_ms = here.now_ms
        await here.server.wait_idle()
        return float(here.now_ms - left_ms)

    assert simulate([ModelAnswer(("a ",) * 50, between_ms=1000)], main) == 0.0


def test_a_pause_that_is_cancelled_ends(simulate: Simulate) -> None:
    async def main(here: Any) -> tuple[float, int]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3.5):
                await ask(here)
        return here.now_ms, len(here.server.requests)

    busy = ModelRefusal(429, "later", headers={"retry-after": "10"})
    assert simulate([busy], main, retry=POLICY) == (3500.0, 1)


def test_one_connection_serves_many_requests(simulate: Simulate) -> None:
    async def main(here: Any) -> int:
        for _ in range(3):
            await ask(here)
            await listen(here)
        return int(here.server.connections)

    assert simulate([FINE], main) == 1


def test_closing_hangs_up_and_a_later_request_dials_again(simulate: Simulate) -> None:
    async def main(here: Any) -> int:
        await ask(here)
        kept_alive = here.provider._client()
        await here.provider.close()
        assert here.provider._own_client is None
        assert kept_alive is not None
        await here.server.wait_idle()
        await ask(here)
        return int(here.server.connections)

    assert simulate([FINE], main) == 2


def test_what_cannot_be_sent_is_said_before_anything_is(simulate: Simulate) -> None:
    broken = AIMessage(role="user", content=[AIImagePart(url="data:image/png;base64,%%%")])

    async def main(here: Any) -> int:
        with pytest.raises(ConfigurationError, match="base64"):
            await here.provider.generate(AIContext(messages=[broken]))
        return len(here.server.requests)

    assert simulate([FINE], main) == 0


def test_runs_of_one_seed_make_the_same_requests_at_the_same_times(simulate: Simulate) -> None:
    async def main(here: Any) -> Any:
        await ask(here)
        await listen(here)
        return here.now_ms, [request.body for request in here.server.requests]

    def run() -> Any:
        return simulate([BUSY, ModelAnswer(("a", "b"), first_ms=3, between_ms=4)], main, jitter=None)

    assert run() == run()


def test_a_client_that_was_given_is_used_without_retries_of_its_own_and_left_open(simulate: Simulate, api: str) -> None:
    def given_client() -> Any:
        if api == "gemini":
            return genai.Client(api_key="given-key")
        return openai.AsyncOpenAI(api_key="given-key")

    async def main(here: Any) -> tuple[int, str]:
        client = given_client()
        provider = make_provider(api, client=client, retry=RetryPolicy(max_retries=0))
        with pytest.raises(ProviderError, match="HTTP 503"):
            await provider.generate(CONTEXT)
        await provider.close()
        assert (await provider.generate(CONTEXT)).content == "fine"
        await (client.aio.aclose() if api == "gemini" else client.close())
        keys = [" ".join(map(str, request.headers.values())) for request in here.server.requests]
        assert all("given-key" in key for key in keys)
        return len(keys), provider.model_name

    assert simulate([BUSY, FINE], main)[0] == 2
