"""The conversations in ``tests/providers/cassettes``, and the way to record them anew::

    python -m tests.providers.recordings

They are recorded from the HTTP server of this project on the loopback interface, through the real SDKs, never from the
services.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import openai
from google import genai
from google.genai.types import HttpOptions

from roomkit_sim.channels.tool_loop import run_tool_loop
from roomkit_sim.models.channel import RetryPolicy
from roomkit_sim.providers.ai.base import AIContext, AIMessage, AIProvider, AIResponse, AITool, AIToolCall
from roomkit_sim.sim.servers.http_models import HttpModelServer, ModelAnswer, ModelCall, ModelRefusal
from roomkit_sim.testing.http_cassette import HttpCassette, http_cassette
from tests.providers.conftest import KEY, make_provider, on_loopback, script

CASSETTES = Path(__file__).parent / "cassettes"

NOTE = """Recorded from roomkit_sim's own HTTP server (roomkit_sim.sim.servers.http_models) on the loopback interface,
through the real SDK. NOT recorded from the service. Anew: python -m tests.providers.recordings"""

CONTEXT = AIContext(
    messages=[AIMessage(role="user", content="Wie wird das Wetter in Zürich?")],
    system_prompt="You are kind.",
    tools=[AITool(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})],
)
WORDS = ("Grüße! ", "Es wird ", "sonnig 🌞, ", "bei 21 °C.")
RETRY = RetryPolicy(max_retries=2, base_delay_seconds=0.01)


@dataclass(frozen=True)
class Recording:
    """A conversation: what the model answers, and what the application does."""

    answers: tuple[ModelAnswer | ModelRefusal, ...]
    play: Callable[[AIProvider], Awaitable[Any]]


async def whole(provider: AIProvider) -> AIResponse:
    return await provider.generate(CONTEXT)


async def timed_stream(provider: AIProvider) -> list[tuple[float, str]]:
    """The pieces of text, with the milliseconds at which they came."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    pieces = provider.stream_response(CONTEXT)
    return [((loop.time() - began_s) * 1000, piece) async for piece in pieces if isinstance(piece, str)]


async def tools(provider: AIProvider) -> tuple[list[AIToolCall], AIResponse]:
    run: list[AIToolCall] = []

    async def tool(call: AIToolCall) -> Any:
        run.append(call)
        return {"weather": f"sunny in {call.arguments['city']}"}

    outcome = await run_tool_loop(provider, CONTEXT, tool, max_rounds=3)
    return run, outcome.response


def weather(city: str, call_id: str | None, signature: str | None = None) -> ModelCall:
    return ModelCall("weather", {"city": city}, call_id, signature)


RECORDINGS = {
    "words": Recording((ModelAnswer(WORDS, first_ms=800),), whole),
    "stream": Recording((ModelAnswer(WORDS, first_ms=300, between_ms=120),), timed_stream),
    "tools": Recording(
        (
            ModelAnswer(calls=(weather("Rome", None, "c2lnbmVk"), weather("Oslo", None)), first_ms=250),
            ModelAnswer(WORDS, first_ms=150),
        ),
        tools,
    ),
    "busy": Recording(
        (ModelRefusal(429, "slow down", headers={"retry-after-ms": "60"}), ModelAnswer(WORDS, first_ms=100)), whole
    ),
}


def answers_for(api: str, recording: Recording) -> list[ModelAnswer | ModelRefusal]:
    """As the API can carry them: OpenAI gives ids."""
    if api == "gemini":
        return list(recording.answers)
    return [_with_ids(answer) if isinstance(answer, ModelAnswer) else answer for answer in recording.answers]


def _with_ids(answer: ModelAnswer) -> ModelAnswer:
    calls = tuple(replace(call, id=f"call_{place}", signature=None) for place, call in enumerate(answer.calls))
    return replace(answer, calls=calls)


async def with_provider(
    api: str, cassette: HttpCassette, play: Callable[[AIProvider], Awaitable[Any]], url: str | None = None
) -> Any:
    """Let an application talk through a cassette."""
    async with httpx2.AsyncClient(transport=cassette.transport()) as http:
        client: Any
        if api == "gemini":
            client = genai.Client(api_key=KEY, http_options=HttpOptions(httpx_async_client=http, base_url=url))
        else:
            client = openai.AsyncOpenAI(api_key=KEY, http_client=http, base_url=url and f"{url}/v1")
        provider = make_provider(api, client=client, retry=RETRY)
        try:
            return await play(provider)
        finally:
            await provider.close()
            if api == "gemini":
                client.close()


async def record(api: str, name: str, folder: Path, *, delays: bool = True) -> Any:
    """Record one conversation."""
    recording = RECORDINGS[name]
    answers = answers_for(api, recording)
    if not delays:
        answers = [replace(answer, first_ms=0.0) for answer in answers]
        answers = [replace(a, between_ms=0.0) if isinstance(a, ModelAnswer) else a for a in answers]
    server = HttpModelServer(script(answers))
    async with on_loopback(server) as url:
        with http_cassette(folder / f"{api}_{name}.yaml", mode="all", note=NOTE) as cassette:
            return await with_provider(api, cassette, recording.play, url)


async def main() -> None:
    for api in ("gemini", "openai"):
        for name in RECORDINGS:
            await record(api, name, CASSETTES)


if __name__ == "__main__":
    asyncio.run(main())
