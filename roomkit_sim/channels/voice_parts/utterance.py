"""What a caller says in one go, while it is being said and recognised."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from roomkit_sim.voice.base import AudioChunk

__all__ = ["Utterance"]


class Utterance:
    """Audio that grows until it ends.

    Args:
        rate_hz: Of the audio, PCM16 mono.
        streamed: Whether the recogniser takes it while it grows.
        endless: Whether it is all that the caller ever says; then what was recognised is not kept.
    """

    def __init__(self, rate_hz: int, *, streamed: bool, endless: bool = False) -> None:
        self.rate_hz = rate_hz
        self.streamed = streamed
        self.endless = endless
        self.ended = asyncio.Event()
        self.aborted = False
        self.on_end: Callable[[], None] | None = None
        self.understood: asyncio.Future[str] | None = None
        self._audio = bytearray()
        self._waiting: deque[bytes] = deque()
        self._grown = asyncio.Event()

    @property
    def audio(self) -> AudioChunk:
        """All of it."""
        return AudioChunk(bytes(self._audio), self.rate_hz, is_final=True)

    def append(self, pcm: bytes) -> None:
        """More of it."""
        if not pcm or self.ended.is_set():
            return
        if not self.endless:
            self._audio += pcm
        if self.streamed:
            self._waiting.append(pcm)
            self._grown.set()

    def end(self, audio: bytes | None = None) -> None:
        """It is complete; ``audio`` takes the place of what was appended."""
        if self.ended.is_set():
            return
        if audio is not None:
            self._audio = bytearray(audio)
        self.ended.set()
        self._grown.set()
        if self.on_end is not None:
            self.on_end()

    def abort(self) -> None:
        """Nobody wants to know any more."""
        self.aborted = True
        self._audio.clear()
        self._waiting.clear()
        self.end()
        if self.understood is not None and not self.understood.done():
            self.understood.set_result("")

    async def chunks(self) -> AsyncIterator[AudioChunk]:
        """The audio as it comes, until it ends. Can be taken once."""
        while True:
            while self._waiting:
                yield AudioChunk(self._waiting.popleft(), self.rate_hz)
            if self.ended.is_set():
                return
            self._grown.clear()
            await self._grown.wait()
