"""How long a synthesiser is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from roomkit_sim.channels.voice_parts.iteration import closing
from roomkit_sim.errors import ProviderError
from roomkit_sim.voice.base import AudioChunk

__all__ = ["Patience"]

T = TypeVar("T")


class Patience:
    """Waits for the audio of one text.

    Args:
        provider: Whose audio; for the error.
        seconds: A synthesiser that has text and gives no audio for so long has failed; ``None`` waits for ever.
    """

    def __init__(self, provider: str, seconds: float | None) -> None:
        self._provider = provider
        self._seconds = seconds
        self._limit: asyncio.Timeout | None = None
        self._is_without_text = False

    async def chunks(self, source: AsyncIterator[AudioChunk]) -> AsyncIterator[AudioChunk]:
        """The audio as it comes. The time that its receiver takes does not count.

        Raises:
            ProviderError: The synthesiser gave none for too long.
        """
        async with closing(source) as chunks:
            while (chunk := await self.wait_for(_next(chunks))) is not None:
                yield chunk

    async def wait_for(self, audio: Awaitable[T]) -> T:
        """The next audio.

        Raises:
            ProviderError: The synthesiser did not give it in time.
        """
        limit = asyncio.timeout_at(self._deadline())
        try:
            async with limit:
                self._limit = limit
                return await audio
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ProviderError(
                f"the synthesiser {self._provider} has given no audio for {self._seconds:g} s: see whether it answers "
                f"at all; if it needs longer, raise tts_timeout_seconds of the voice channel",
                retryable=True,
                provider=self._provider,
            ) from error
        finally:
            self._limit = None

    @contextmanager
    def without_text(self) -> Iterator[None]:
        """While the synthesiser waits for what its author has yet to write, it owes nothing."""
        self._is_without_text = True
        self._reckon()
        try:
            yield
        finally:
            self._is_without_text = False
            self._reckon()

    def _deadline(self) -> float | None:
        if self._seconds is None or self._is_without_text:
            return None
        return asyncio.get_running_loop().time() + self._seconds

    def _reckon(self) -> None:
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(self._deadline())


async def _next(chunks: AsyncIterator[AudioChunk]) -> AudioChunk | None:
    try:
        return await anext(chunks)
    except StopAsyncIteration:
        return None
