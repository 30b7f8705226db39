"""An offline recogniser: pocketsphinx with the English model that comes with it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roomkit_sim.errors import ConfigurationError, ProviderError
from roomkit_sim.voice.base import AudioChunk, TranscriptionResult
from roomkit_sim.voice.resampler import StreamResampler
from roomkit_sim.voice.stt.base import STTProvider
from roomkit_sim.voice.stt.pocketsphinx_worker import Recogniser

__all__ = ["PocketSphinxSTTProvider"]

_WORKER = Path(__file__).with_name("pocketsphinx_worker.py")
_NAME = "pocketsphinx"
_RATE_HZ = 16000


class PocketSphinxSTTProvider(STTProvider):
    """Recognises English without network, key or server.

    With ``phrases`` it is reliable on clean lines, and takes about 2 % of the audio's duration; but it finds the most
    similar phrase in whatever it hears. Without, it understands about one sentence in two and takes about 30 %.

    The decoder runs in a process of its own, one utterance after the other, so that the event loop is not held up.

    Args:
        phrases: The only sentences that there are, such as ``["I want to invest", "goodbye"]``.
        inline: Recognise in this process, and hold the event loop up meanwhile. For tests, and for simulations, in
            whose time recognition then takes none.

    Raises:
        ConfigurationError: The package is not installed.
    """

    def __init__(self, *, phrases: Sequence[str] | None = None, inline: bool = False) -> None:
        if importlib.util.find_spec("pocketsphinx") is None:
            raise ConfigurationError("offline recognition needs pocketsphinx: pip install 'roomkit-sim[stt]'")
        self._settings: dict[str, Any] = {"sample_rate": _RATE_HZ, "phrases": list(phrases) if phrases else None}
        self._inline = inline
        self._recogniser: Recogniser | None = None
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        """``"pocketsphinx"``."""
        return _NAME

    async def transcribe(self, audio: AudioChunk) -> TranscriptionResult:
        """Recognise one utterance.

        Raises:
            ProviderError: A phrase has a word that the dictionary lacks, or the process failed.
        """
        pcm = StreamResampler(audio.sample_rate, _RATE_HZ).feed(audio.data)
        if not pcm:
            return TranscriptionResult("", language="en")
        text = self._recognise_inline(pcm) if self._inline else await self._recognise(pcm)
        return TranscriptionResult(text, language="en")

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    def _recognise_inline(self, pcm: bytes) -> str:
        try:
            if self._recogniser is None:
                self._recogniser = Recogniser(**self._settings)
            return self._recogniser.recognise(pcm)
        except Exception as error:
            raise _failure(str(error)) from error

    async def _recognise(self, pcm: bytes) -> str:
        async with self._turn:
            process = self._process
            if process is None or process.returncode is not None:
                process = await self._start()
            try:
                answer = await _asked(process, pcm)
            except BaseException:
                # Whoever asks next must not get this answer.
                await self.close()
                raise
        if "error" in answer:
            raise _failure(str(answer["error"]))
        return str(answer["text"])

    async def _start(self) -> Process:
        settings = json.dumps(self._settings)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", str(_WORKER), settings, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
            )
        except OSError as error:
            raise _failure(f"its process cannot be started ({error})", retryable=True) from error
        return self._process


async def _asked(process: Process, pcm: bytes) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(b"%d\n" % len(pcm) + pcm)
        await process.stdin.drain()
        line = await process.stdout.readline()
    except OSError as error:
        raise _failure(f"its process has ended ({error})", retryable=True) from error
    if not line:
        raise _failure("its process has ended", retryable=True)
    answer: dict[str, Any] = json.loads(line)
    return answer


def _failure(why: str, *, retryable: bool = False) -> ProviderError:
    return ProviderError(f"recognition by pocketsphinx failed: {why}", retryable=retryable, provider=_NAME)
