"""A synthesiser for tests: a hum whose length follows from the text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from roomkit_sim.voice.base import AudioChunk
from roomkit_sim.voice.tts.base import TTSProvider

__all__ = ["MockTTSProvider"]

_CHUNK_MS = 100
_HALF_WAVE = 40
_AMPLITUDE = 6000


class MockTTSProvider(TTSProvider):
    """Hums, and records what it was to say.

    Args:
        voice: The default voice.
        sample_rate: Of the hum, in Hz.
        ms_per_character: How long a character sounds.
        streaming: Whether it claims to give audio in pieces.
        streaming_input: Whether it claims to take text in pieces.
        fail: Asked before each text, with the text and the voice; an exception that it returns is raised.

    Attributes:
        calls: ``{"text": ..., "voice": ...}`` of every text, in order.
        closed: Whether it was closed.
    """

    __test__ = False

    def __init__(
        self,
        voice: str | None = "mock-voice",
        *,
        sample_rate: int = 24000,
        ms_per_character: float = 2.0,
        streaming: bool = True,
        streaming_input: bool = False,
        fail: Callable[[str, str | None], Exception | None] | None = None,
    ) -> None:
        self._voice = voice
        self._sample_rate = sample_rate
        self._ms_per_character = ms_per_character
        self._streaming = streaming
        self._streaming_input = streaming_input
        self._fail = fail
        self.calls: list[dict[str, str | None]] = []
        self.closed = False

    @property
    def name(self) -> str:
        """``"mock"``."""
        return "mock"

    @property
    def default_voice(self) -> str | None:
        """What it was told."""
        return self._voice

    @property
    def supports_streaming(self) -> bool:
        """What it was told to claim."""
        return self._streaming

    @property
    def supports_streaming_input(self) -> bool:
        """What it was told to claim."""
        return self._streaming_input

    async def synthesize(self, text: str, *, voice: str | None = None) -> AudioChunk:
        """The hum of a text."""
        self._record(text, voice)
        return AudioChunk(self._hum(text), self._sample_rate, is_final=True)

    async def synthesize_stream(self, text: str, *, voice: str | None = None) -> AsyncIterator[AudioChunk]:
        """The hum of a text, in pieces of 100 ms."""
        whole = (await self.synthesize(text, voice=voice)).data
        size = 2 * (self._sample_rate * _CHUNK_MS // 1000)
        for at in range(0, len(whole), size):
            yield AudioChunk(whole[at : at + size], self._sample_rate, is_final=at + size >= len(whole))

    async def close(self) -> None:
        """Note it."""
        self.closed = True

    def duration_ms(self, text: str) -> float:
        """How long the hum of a text lasts."""
        return 500.0 * len(self._hum(text)) / self._sample_rate

    def _hum(self, text: str) -> bytes:
        samples = round(len(text.strip()) * self._ms_per_character * self._sample_rate / 1000)
        wave = _AMPLITUDE.to_bytes(2, "little", signed=True) * _HALF_WAVE
        wave += (-_AMPLITUDE).to_bytes(2, "little", signed=True) * _HALF_WAVE
        return (wave * (samples // (2 * _HALF_WAVE) + 1))[: 2 * samples]

    def _record(self, text: str, voice: str | None) -> None:
        chosen = voice or self._voice
        self.calls.append({"text": text, "voice": chosen})
        failure = self._fail(text, chosen) if self._fail is not None else None
        if failure is not None:
            raise failure
