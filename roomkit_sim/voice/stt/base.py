"""What a recogniser must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from roomkit_sim.voice.base import AudioChunk, TranscriptionResult

__all__ = ["STTProvider"]


class STTProvider(ABC):
    """Turns speech into text. Audio is PCM16 little-endian mono; a chunk says its rate.

    One provider serves all sessions of a channel, several utterances at once. Failures of any kind are raised as
    :class:`~roomkit_sim.errors.ProviderError`, without what was said and without secrets.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for reports."""

    @property
    def supports_streaming(self) -> bool:
        """Whether :meth:`transcribe_stream` gives results before the audio has ended."""
        return False

    @abstractmethod
    async def transcribe(self, audio: AudioChunk) -> TranscriptionResult:
        """Recognise one utterance.

        Returns:
            A final result; its text is empty when no words were understood.

        Raises:
            ProviderError: The recogniser failed.
        """

    async def transcribe_stream(self, audio: AsyncIterator[AudioChunk]) -> AsyncIterator[TranscriptionResult]:
        """Recognise audio as it comes.

        Partial results (``is_final`` false) hold all words since the last final one. Where the audio ends, the last
        words come as a final result, and then the iteration ends. By default this is one utterance, recognised when it
        has ended.

        Raises:
            ProviderError: The recogniser failed.
        """
        chunks = [chunk async for chunk in audio]
        if chunks:
            whole = AudioChunk(b"".join(chunk.data for chunk in chunks), chunks[0].sample_rate, is_final=True)
            yield await self.transcribe(whole)

    async def close(self) -> None:
        """Release connections and processes. Closing again does nothing."""
        return None
