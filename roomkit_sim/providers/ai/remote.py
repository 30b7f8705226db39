"""What all providers behind a network have in common: attempts, pauses, and streams that end when they are left."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

from roomkit_sim.models.channel import RetryPolicy
from roomkit_sim.providers.ai.base import AIContext, AIProvider, AIResponse
from roomkit_sim.providers.ai.retry import Failure, jitter_from_ids, pause_seconds

__all__ = ["RemoteAIProvider"]

R = TypeVar("R")


class RemoteAIProvider(AIProvider, Generic[R]):
    """A provider whose requests may fail and be repeated.

    Only errors that say that they are retryable are, after a growing pause or the one that the service asks for. An
    answer that was partly told is not begun again. The errors carry no chain: those of the SDKs hold requests with
    their keys.

    Args:
        retry: How often, and with which pauses.
        jitter: Draws from 0 to 1, for the pauses.
    """

    supports_vision = True

    def __init__(self, retry: RetryPolicy, jitter: Callable[[], float] | None = None) -> None:
        self._retry = retry
        self._jitter = jitter or jitter_from_ids

    @property
    def supports_streaming(self) -> bool:
        """It does."""
        return True

    async def generate(self, context: AIContext) -> AIResponse:
        """Answer.

        Raises:
            ProviderError: The service failed, and the retries are used up or would not help.
            ConfigurationError: The context cannot be sent as it is.
        """
        request = self._request(context)
        attempt = 0
        while True:
            try:
                return await self._complete(request)
            except Exception as error:
                failure = self._failure(error)
            await self._pause(failure, attempt)
            attempt += 1

    async def stream_response(self, context: AIContext) -> AsyncGenerator[str | AIResponse, None]:
        """Answer in pieces of text as they come, and at last with the whole answer.

        Raises:
            ProviderError: The service failed, perhaps after some pieces.
            ConfigurationError: The context cannot be sent as it is.
        """
        request = self._request(context)
        attempt = 0
        while True:
            told = False
            try:
                async with aclosing(self._stream(request)) as pieces:
                    async for piece in pieces:
                        told = True
                        yield piece
                return
            except Exception as error:
                failure = self._failure(error)
            if told:
                raise failure.error
            await self._pause(failure, attempt)
            attempt += 1

    async def _pause(self, failure: Failure, attempt: int) -> None:
        """Wait until the request may be repeated, or raise."""
        pause = pause_seconds(self._retry, failure, attempt, self._jitter())
        if pause is None:
            raise failure.error
        await asyncio.sleep(pause)

    @abstractmethod
    def _request(self, context: AIContext) -> R:
        """What is sent. Pure."""

    @abstractmethod
    async def _complete(self, request: R) -> AIResponse:
        """Send a request once and read the whole answer."""

    @abstractmethod
    def _stream(self, request: R) -> AsyncGenerator[str | AIResponse, None]:
        """Send a request once and read the answer as it comes."""

    @abstractmethod
    def _failure(self, error: Exception) -> Failure:
        """What an exception of the SDK means. Pure."""
