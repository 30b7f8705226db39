"""A recogniser for tests: hears what it was told to hear."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from roomkit_sim.voice.base import AudioChunk, TranscriptionResult
from roomkit_sim.voice.stt.base import STTProvider

__all__ = ["MockSTTProvider"]


class MockSTTProvider(STTProvider):
    """Scripted transcripts, one an utterance, and from the beginning again.

    Args:
        transcripts: What is heard; a :class:`TranscriptionResult` where more than words matters.
        streaming: Whether it claims to stream. Then the words of a transcript come as growing partial results, one for
            every chunk of audio, and the final result when the audio has ended.
        fail: Asked before each utterance, with its number from 0; an exception that it returns is raised.

    Attributes:
        calls: The audio of every utterance, in order, complete.
        closed: Whether it was closed.
    """

    __test__ = False

    def __init__(
        self,
        transcripts: Sequence[str | TranscriptionResult] = ("Mock transcription",),
        *,
        streaming: bool = False,
        fail: Callable[[int], Exception | None] | None = None,
    ) -> None:
        self._transcripts = [
            TranscriptionResult(item, confidence=1.0) if isinstance(item, str) else item for item in transcripts
        ]
        self._streaming = streaming
        self._fail = fail
        self._asked = 0
        self.calls: list[AudioChunk] = []
        self.closed = False

    @property
    def name(self) -> str:
        """``"mock"``."""
        return "mock"

    @property
    def supports_streaming(self) -> bool:
        """What it was told to claim."""
        return self._streaming

    async def transcribe(self, audio: AudioChunk) -> TranscriptionResult:
        """The next transcript."""
        result = self._next()
        self.calls.append(audio)
        return result

    async def transcribe_stream(self, audio: AsyncIterator[AudioChunk]) -> AsyncIterator[TranscriptionResult]:
        """The next transcript, word by word."""
        result = self._next()
        words = result.text.split()
        chunks: list[AudioChunk] = []
        async for chunk in audio:
            chunks.append(chunk)
            if len(chunks) <= len(words):
                yield TranscriptionResult(" ".join(words[: len(chunks)]), is_final=False)
        rate = chunks[0].sample_rate if chunks else 16000
        self.calls.append(AudioChunk(b"".join(chunk.data for chunk in chunks), rate, is_final=True))
        yield result

    async def close(self) -> None:
        """Note it."""
        self.closed = True

    def _next(self) -> TranscriptionResult:
        number, self._asked = self._asked, self._asked + 1
        failure = self._fail(number) if self._fail is not None else None
        if failure is not None:
            raise failure
        return self._transcripts[number % len(self._transcripts)] if self._transcripts else TranscriptionResult("")
