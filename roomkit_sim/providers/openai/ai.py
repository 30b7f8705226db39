"""OpenAI as a text model, over the openai SDK's chat completions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

from roomkit_sim.core.clock import now
from roomkit_sim.core.ids import new_id
from roomkit_sim.providers.ai.base import AIContext, AIResponse
from roomkit_sim.providers.ai.pump import pumped
from roomkit_sim.providers.ai.remote import RemoteAIProvider
from roomkit_sim.providers.ai.retry import Failure
from roomkit_sim.providers.openai.ai_config import OpenAIConfig
from roomkit_sim.providers.openai.ai_failures import openai_failure
from roomkit_sim.providers.openai.ai_request import openai_request
from roomkit_sim.providers.openai.ai_response import OpenAIAnswer, answer_of
from roomkit_sim.providers.sdk import require_sdk

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionChunk

__all__ = ["OpenAIAIProvider", "OpenAIConfig"]


class OpenAIAIProvider(RemoteAIProvider[dict[str, Any]]):
    """Answers with a model of OpenAI, or of a service that speaks its API. Needs the extra ``roomkit-sim[openai]``.

    Args:
        config: How to reach it, and which model.
        client: An SDK client to use in place of an own one; whoever made it closes it, and its time-outs hold.
        jitter: Draws from 0 to 1, for the pauses between attempts.
    """

    def __init__(
        self,
        config: OpenAIConfig,
        *,
        client: openai.AsyncOpenAI | None = None,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(config.retry, jitter)
        self.config = config
        # The attempts are counted in one place: here, not in the SDK too.
        self._given_client = None if client is None else client.with_options(max_retries=0)
        self._own_client: openai.AsyncOpenAI | None = None

    @property
    def name(self) -> str:
        """Name for reports."""
        return "openai"

    @property
    def model_name(self) -> str:
        """Which model answers."""
        return self.config.model

    async def close(self) -> None:
        """Release the connections. A later request makes new ones."""
        client, self._own_client = self._own_client, None
        if client is not None:
            await client.close()

    def _request(self, context: AIContext) -> dict[str, Any]:
        require_sdk("openai", "openai", "openai", "OpenAIAIProvider")
        return openai_request(context, self.config)

    async def _complete(self, request: dict[str, Any]) -> AIResponse:
        create: Any = self._client().chat.completions.create
        return answer_of(await create(**request), new_id)

    async def _stream(self, request: dict[str, Any]) -> AsyncGenerator[str | AIResponse, None]:
        answer = OpenAIAnswer()
        create: Any = self._client().chat.completions.create
        options = {"stream_options": {"include_usage": True}} if self.config.include_stream_usage else {}
        chunks: AsyncGenerator[ChatCompletionChunk, None] = pumped(lambda: create(**request, **options, stream=True))
        try:
            async for chunk in chunks:
                words = answer.add(chunk)
                if words:
                    yield words
        finally:
            await chunks.aclose()
        yield answer.finish(new_id)

    def _failure(self, error: Exception) -> Failure:
        return openai_failure(error, self.config.api_key.get_secret_value(), now())

    def _client(self) -> openai.AsyncOpenAI:
        if self._given_client is not None:
            return self._given_client
        if self._own_client is None:
            import openai

            self._own_client = openai.AsyncOpenAI(
                api_key=self.config.api_key.get_secret_value(),
                base_url=self.config.base_url,
                timeout=self.config.timeout_seconds,
                max_retries=0,
            )
        return self._own_client
