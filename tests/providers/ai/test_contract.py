"""The contract of AI providers, kept by all of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from roomkit_sim.models.channel import RetryPolicy
from roomkit_sim.providers.ai.base import AIProvider, AIResponse
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.sim.servers.http_models import HttpModelServer, ModelAnswer, ModelCall, ModelRefusal
from roomkit_sim.sim.servers.http_models.server import TASK_NAME
from roomkit_sim.testing.ai_provider_contract import AIProviderContract, Scripted, ServiceFailure
from tests.providers.conftest import make_provider, on_loopback, script


class TestMockAIProvider(AIProviderContract):
    can_fail = False

    def provider(self, answers: Sequence[Scripted]) -> AbstractAsyncContextManager[AIProvider]:
        return self._scripted([answer for answer in answers if isinstance(answer, AIResponse)])

    @asynccontextmanager
    async def _scripted(self, answers: Sequence[AIResponse]) -> AsyncIterator[AIProvider]:
        yield MockAIProvider(ai_responses=answers)


def as_served(answer: Scripted) -> ModelAnswer | ModelRefusal:
    if isinstance(answer, ServiceFailure):
        return ModelRefusal(answer.status, answer.message)
    half = len(answer.content) // 2
    words = tuple(piece for piece in (answer.content[:half], answer.content[half:]) if piece)
    calls = tuple(ModelCall(call.name, call.arguments, id=call.id or None) for call in answer.tool_calls)
    return ModelAnswer(words, calls)


class HttpContract(AIProviderContract):
    api: str

    def is_of_service(self, task: asyncio.Task[Any]) -> bool:
        return task.get_name() == TASK_NAME

    @asynccontextmanager
    async def provider(self, answers: Sequence[Scripted]) -> AsyncIterator[AIProvider]:
        server = HttpModelServer(script([as_served(answer) for answer in answers]))
        async with on_loopback(server) as url:
            settings = {"api_key": self.secret, "retry": RetryPolicy(max_retries=0)}
            provider = make_provider(self.api, url, **settings)
            yield provider
            await provider.close()
            await server.wait_idle()


class TestGeminiAIProvider(HttpContract):
    api = "gemini"


class TestOpenAIAIProvider(HttpContract):
    api = "openai"


del HttpContract
