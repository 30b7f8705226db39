"""Gemini as a text model, over google-genai's ``client.aio.models``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

from roomkit_sim.core.clock import now
from roomkit_sim.core.ids import new_id
from roomkit_sim.providers.ai.base import AIContext, AIResponse
from roomkit_sim.providers.ai.pump import pumped
from roomkit_sim.providers.ai.remote import RemoteAIProvider
from roomkit_sim.providers.ai.retry import Failure
from roomkit_sim.providers.gemini.ai_config import GeminiConfig
from roomkit_sim.providers.gemini.ai_failures import gemini_failure
from roomkit_sim.providers.gemini.ai_request import GeminiRequest, gemini_request
from roomkit_sim.providers.gemini.ai_response import GeminiAnswer
from roomkit_sim.providers.sdk import require_sdk

if TYPE_CHECKING:
    from google import genai

__all__ = ["GeminiAIProvider", "GeminiConfig"]


class GeminiAIProvider(RemoteAIProvider[GeminiRequest]):
    """Answers with a Gemini model. Needs the extra ``roomkit-sim[gemini]``.

    Args:
        config: How to reach it, and which model.
        client: An SDK client to use in place of an own one; whoever made it closes it, and its time-outs hold.
        jitter: Draws from 0 to 1, for the pauses between attempts.
    """

    def __init__(
        self, config: GeminiConfig, *, client: genai.Client | None = None, jitter: Callable[[], float] | None = None
    ) -> None:
        super().__init__(config.retry, jitter)
        self.config = config
        self._given_client = client
        self._own_client: genai.Client | None = None

    @property
    def name(self) -> str:
        """Name for reports."""
        return "gemini"

    @property
    def model_name(self) -> str:
        """Which model answers."""
        return self.config.model

    async def close(self) -> None:
        """Release the connections. A later request makes new ones."""
        client, self._own_client = self._own_client, None
        if client is not None:
            await client.aio.aclose()
            client.close()

    def _request(self, context: AIContext) -> GeminiRequest:
        require_sdk("google.genai", "google-genai", "gemini", "GeminiAIProvider")
        return gemini_request(context, self.config)

    async def _complete(self, request: GeminiRequest) -> AIResponse:
        answer = GeminiAnswer()
        models = self._client().aio.models
        answer.add(
            await models.generate_content(model=request.model, contents=list(request.contents), config=request.config)
        )
        return answer.finish(new_id)

    async def _stream(self, request: GeminiRequest) -> AsyncGenerator[str | AIResponse, None]:
        answer = GeminiAnswer()
        models = self._client().aio.models
        responses = pumped(
            lambda: models.generate_content_stream(
                model=request.model, contents=list(request.contents), config=request.config
            )
        )
        try:
            async for response in responses:
                words = answer.add(response)
                if words:
                    yield words
        finally:
            await responses.aclose()
        yield answer.finish(new_id)

    def _failure(self, error: Exception) -> Failure:
        return gemini_failure(error, self.config.api_key.get_secret_value(), now())

    def _client(self) -> genai.Client:
        if self._given_client is not None:
            return self._given_client
        if self._own_client is None:
            from google import genai
            from google.genai import types

            options = types.HttpOptions(
                base_url=self.config.base_url,
                timeout=round(self.config.timeout_seconds * 1000),
                # The attempts are counted in one place: here, not in the SDK too.
                retry_options=types.HttpRetryOptions(attempts=1),
            )
            self._own_client = genai.Client(api_key=self.config.api_key.get_secret_value(), http_options=options)
        return self._own_client
