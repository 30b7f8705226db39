"""What every :class:`~roomkit_sim.voice.stt.base.STTProvider` must do, as tests to run against your own.

Subclass the contract in a test module and say how to make a recogniser, and what it should understand::

    from roomkit_sim.testing.stt_contract import STTContract

    class TestMyRecogniser(STTContract):
        def make_stt(self) -> STTProvider:
            return MyRecogniser(...)

        def speech(self) -> tuple[AudioChunk, str]:
            return AudioChunk(recording, 16000), "i want to invest"

The tests are coroutines: pytest-asyncio must run in auto mode, or the subclass be marked with ``pytest.mark.asyncio``.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import pytest

from roomkit_sim.voice.base import AudioChunk, TranscriptionResult
from roomkit_sim.voice.stt.base import STTProvider

__all__ = ["STTContract"]

_PIECE_BYTES = 640


class STTContract(ABC):
    """The tests. Each gets a recogniser of its own from :meth:`make_stt`."""

    @abstractmethod
    def make_stt(self) -> STTProvider:
        """A recogniser."""

    @abstractmethod
    def speech(self) -> tuple[AudioChunk, str]:
        """An utterance, and words that must be in what the recogniser understands of it."""

    @pytest.fixture
    async def stt(self) -> AsyncIterator[STTProvider]:
        """The recogniser under test, closed afterwards."""
        stt = self.make_stt()
        yield stt
        await stt.close()

    async def test_it_has_a_name(self, stt: STTProvider) -> None:
        """Reports call it by its name."""
        assert stt.name

    async def test_it_understands_an_utterance(self, stt: STTProvider) -> None:
        """The result of a whole utterance is final and has the words."""
        audio, words = self.speech()
        result = await stt.transcribe(audio)
        assert result.is_final
        assert _plain(words) in _plain(result.text)

    async def test_it_understands_a_stream(self, stt: STTProvider) -> None:
        """The last result of a stream is final; the final ones together have the words; then the stream ends."""
        audio, words = self.speech()
        results = [result async for result in stt.transcribe_stream(_pieces(audio))]
        assert results[-1].is_final
        assert _plain(words) in _plain(_finals(results))

    async def test_partial_results_are_marked(self, stt: STTProvider) -> None:
        """A recogniser that claims to stream says something before the end, as a partial or a first final result."""
        if not stt.supports_streaming:
            pytest.skip("it does not claim to stream")
        audio, _ = self.speech()
        ended: list[bool] = []

        async def noting() -> AsyncIterator[AudioChunk]:
            async for piece in _pieces(audio):
                yield piece
                await asyncio.sleep(0)
            ended.append(True)

        before = [bool(ended) async for _ in stt.transcribe_stream(noting())]
        assert before[0] is False

    async def test_no_audio_is_no_words(self, stt: STTProvider) -> None:
        """A stream that ends before it begins gives no words and no error."""

        async def nothing() -> AsyncIterator[AudioChunk]:
            for chunk in list[AudioChunk]():
                yield chunk

        results = [result async for result in stt.transcribe_stream(nothing())]
        assert all(isinstance(result, TranscriptionResult) for result in results)

    async def test_it_serves_several_utterances_at_once(self, stt: STTProvider) -> None:
        """The sessions of a channel share it."""
        audio, words = self.speech()
        results = await asyncio.gather(*(stt.transcribe(audio) for _ in range(3)))
        assert all(_plain(words) in _plain(result.text) for result in results)

    async def test_a_stream_can_be_left_early(self, stt: STTProvider) -> None:
        """A caller hangs up: closing the iteration ends it, and the recogniser goes on serving others."""
        audio, words = self.speech()
        stream = stt.transcribe_stream(_pieces(audio))
        async for _ in stream:
            break
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
        assert _plain(words) in _plain((await stt.transcribe(audio)).text)

    async def test_closing_twice_does_nothing(self, stt: STTProvider) -> None:
        """Channels and applications both close what they were given."""
        await stt.close()
        assert await stt.close() is None  # type: ignore[func-returns-value]


async def _pieces(audio: AudioChunk) -> AsyncIterator[AudioChunk]:
    for at in range(0, len(audio.data), _PIECE_BYTES):
        yield AudioChunk(audio.data[at : at + _PIECE_BYTES], audio.sample_rate)


def _finals(results: list[TranscriptionResult]) -> str:
    return " ".join(result.text for result in results if result.is_final)


def _plain(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c.isalnum() or c.isspace()).split())
