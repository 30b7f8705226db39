"""What a speech synthesiser must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from roomkit_sim.voice.base import AudioChunk

__all__ = ["TTSProvider"]


class TTSProvider(ABC):
    """Turns text into speech. Audio is PCM16 little-endian mono; a chunk says its rate, the same for a whole text.

    One provider serves all sessions of a channel, several texts at once. Failures of any kind are raised as
    :class:`~roomkit_sim.errors.ProviderError`, without the text and without secrets.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for reports."""

    @property
    def default_voice(self) -> str | None:
        """The voice of texts for which none is named."""
        return None

    @property
    def supports_streaming(self) -> bool:
        """Whether :meth:`synthesize_stream` gives audio before the whole text is spoken."""
        return False

    @property
    def supports_streaming_input(self) -> bool:
        """Whether :meth:`synthesize_stream_input` takes text as it is being written, and speaks it as one."""
        return False

    @abstractmethod
    async def synthesize(self, text: str, *, voice: str | None = None) -> AudioChunk:
        """Speak a text.

        Args:
            text: The words; nothing but white space gives no audio.
            voice: By the provider's name; the default one when absent.

        Raises:
            ProviderError: The synthesiser failed, or knows no such voice.
        """

    async def synthesize_stream(self, text: str, *, voice: str | None = None) -> AsyncIterator[AudioChunk]:
        """Speak a text, in pieces; by default in one.

        Raises:
            ProviderError: As for :meth:`synthesize`.
        """
        yield await self.synthesize(text, voice=voice)

    async def synthesize_stream_input(
        self, text: AsyncIterator[str], *, voice: str | None = None
    ) -> AsyncIterator[AudioChunk]:
        """Speak a text that is being written; by default sentence by sentence.

        Raises:
            ProviderError: As for :meth:`synthesize`.
        """
        from roomkit_sim.voice.tts.sentences import split_stream

        async for sentence in split_stream(text):
            async for chunk in self.synthesize_stream(sentence, voice=voice):
                yield chunk

    async def close(self) -> None:
        """Release connections and processes. Closing again does nothing."""
        return None
