"""What every :class:`~roomkit_sim.voice.tts.base.TTSProvider` must do, as tests to run against your own.

Subclass the contract in a test module and say how to make a synthesiser::

    from roomkit_sim.testing.tts_contract import TTSContract

    class TestMySynthesiser(TTSContract):
        def make_tts(self) -> TTSProvider:
            return MySynthesiser(...)

The tests are coroutines: pytest-asyncio must run in auto mode, or the subclass be marked with ``pytest.mark.asyncio``.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import pytest

from roomkit_sim.voice.base import AudioChunk
from roomkit_sim.voice.tts.base import TTSProvider

__all__ = ["TTSContract"]

_SHORT = "Hello there."
_LONG = "I can help you with that. Please tell me how much you would like to invest, and for how long."


class TTSContract(ABC):
    """The tests. Each gets a synthesiser of its own from :meth:`make_tts`."""

    @abstractmethod
    def make_tts(self) -> TTSProvider:
        """A synthesiser."""

    @pytest.fixture
    async def tts(self) -> AsyncIterator[TTSProvider]:
        """The synthesiser under test, closed afterwards."""
        tts = self.make_tts()
        yield tts
        await tts.close()

    async def test_it_has_a_name(self, tts: TTSProvider) -> None:
        """Reports call it by its name."""
        assert tts.name

    async def test_a_text_is_audible_speech(self, tts: TTSProvider) -> None:
        """Whole samples, a rate, and something to be heard."""
        chunk = await tts.synthesize(_SHORT)
        assert chunk.sample_rate >= 8000
        assert chunk.data
        assert len(chunk.data) % 2 == 0
        assert any(chunk.data)

    async def test_a_longer_text_is_longer_speech(self, tts: TTSProvider) -> None:
        """The whole text is spoken."""
        short, long = await tts.synthesize(_SHORT), await tts.synthesize(_LONG)
        assert len(long.data) > 2 * len(short.data)

    async def test_a_stream_has_one_rate_and_as_much_speech(self, tts: TTSProvider) -> None:
        """The chunks of a text put together are its speech."""
        whole = await tts.synthesize(_LONG)
        chunks = [chunk async for chunk in tts.synthesize_stream(_LONG)]
        assert {chunk.sample_rate for chunk in chunks} == {whole.sample_rate}
        assert sum(len(chunk.data) for chunk in chunks) == pytest.approx(len(whole.data), rel=0.2)

    async def test_it_streams_if_it_claims_to(self, tts: TTSProvider) -> None:
        """A long text comes in several pieces."""
        if not tts.supports_streaming:
            pytest.skip("it does not claim to stream")
        assert len([chunk async for chunk in tts.synthesize_stream(_LONG)]) > 1

    async def test_a_text_that_is_being_written_is_spoken_whole(self, tts: TTSProvider) -> None:
        """However the pieces fall."""
        whole = await tts.synthesize(_LONG)
        spoken = _length([chunk async for chunk in tts.synthesize_stream_input(_written(_LONG))])
        assert spoken == pytest.approx(len(whole.data), rel=0.5)

    async def test_white_space_is_no_speech(self, tts: TTSProvider) -> None:
        """And no error."""
        assert not (await tts.synthesize("  \n")).data
        assert _length([chunk async for chunk in tts.synthesize_stream("  \n")]) == 0

    async def test_it_serves_several_texts_at_once(self, tts: TTSProvider) -> None:
        """The sessions of a channel share it."""
        alone = await tts.synthesize(_SHORT)
        together = await asyncio.gather(*(tts.synthesize(_SHORT) for _ in range(3)))
        assert [chunk.sample_rate for chunk in together] == [alone.sample_rate] * 3
        assert all(len(chunk.data) == pytest.approx(len(alone.data), rel=0.2) for chunk in together)

    async def test_a_stream_can_be_left_early(self, tts: TTSProvider) -> None:
        """A caller interrupts: closing the iteration ends it, and the synthesiser goes on serving others."""
        stream = tts.synthesize_stream(_LONG)
        async for _ in stream:
            break
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
        assert (await tts.synthesize(_SHORT)).data

    async def test_closing_twice_does_nothing(self, tts: TTSProvider) -> None:
        """Channels and applications both close what they were given."""
        await tts.close()
        assert await tts.close() is None  # type: ignore[func-returns-value]


async def _written(text: str) -> AsyncIterator[str]:
    for at in range(0, len(text), 7):
        yield text[at : at + 7]


def _length(chunks: list[AudioChunk]) -> int:
    return sum(len(chunk.data) for chunk in chunks)
