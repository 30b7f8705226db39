"""An offline voice: pyttsx3 on the espeak-ng library that comes with its Python packages."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

from roomkit_sim.errors import ConfigurationError, ProviderError
from roomkit_sim.voice.base import AudioChunk
from roomkit_sim.voice.resampler import StreamResampler
from roomkit_sim.voice.tts.base import TTSProvider

__all__ = ["Pyttsx3TTSProvider"]

_WORKER = Path(__file__).with_name("pyttsx3_worker.py")
_NAME = "pyttsx3"


class Pyttsx3TTSProvider(TTSProvider):
    """Speaks without network, key or server; about 50 ms a sentence. The same text gives the same bytes.

    Every text is spoken by a process of its own, because the library is neither repeatable nor safe in one that lives
    on (:mod:`roomkit_sim.voice.tts.pyttsx3_worker`).

    Args:
        voice: An espeak voice, such as ``en-us``, ``fr``, or ``en-us+f3`` (with a variant).
        rate_wpm: Words per minute.
        pitch: 0 to 99.
        volume: 0 to 1.
        sample_rate: Of the audio, in Hz; espeak's own 22 050 Hz are resampled.
        timeout_seconds: A process that takes longer is ended.
        inline: Wait for the process without yielding to the event loop. For event loops that cannot start processes,
            such as that of a simulation, in whose time the synthesis then takes none.

    Raises:
        ConfigurationError: The packages are not installed.
    """

    def __init__(
        self,
        voice: str = "en-us",
        *,
        rate_wpm: int = 175,
        pitch: int = 50,
        volume: float = 1.0,
        sample_rate: int = 24000,
        timeout_seconds: float = 60.0,
        inline: bool = False,
    ) -> None:
        missing = [name for name in ("pyttsx3", "espeakng_loader") if importlib.util.find_spec(name) is None]
        if missing:
            raise ConfigurationError(f"offline speech needs {' and '.join(missing)}: pip install 'roomkit-sim[tts]'")
        self._voice = voice
        self._settings = {"rate_wpm": rate_wpm, "pitch": pitch, "volume": volume}
        self._sample_rate = sample_rate
        self._timeout_s = timeout_seconds
        self._inline = inline

    @property
    def name(self) -> str:
        """``"pyttsx3"``."""
        return _NAME

    @property
    def default_voice(self) -> str:
        """The voice of the constructor."""
        return self._voice

    async def synthesize(self, text: str, *, voice: str | None = None) -> AudioChunk:
        """Speak a text.

        Raises:
            ProviderError: espeak knows no such voice, or its process failed or took too long.
        """
        if not text.strip():
            return AudioChunk(b"", self._sample_rate, is_final=True)
        try:
            return await self._spoken(text, voice or self._voice)
        except OSError as error:
            # The text itself is handed over with the command: what the system says of it does not quote it.
            reason = error.strerror or type(error).__name__
            raise ProviderError(f"speech synthesis failed: {reason}", provider=_NAME) from None

    async def _spoken(self, text: str, voice: str) -> AudioChunk:
        with tempfile.TemporaryDirectory(prefix="speech-") as folder:
            path = Path(folder) / "speech.wav"
            order = {**self._settings, "text": text, "voice": voice, "path": str(path)}
            command = [sys.executable, "-P", str(_WORKER), json.dumps(order)]
            status, complaint = self._run_inline(command) if self._inline else await self._run(command)
            if status:
                lines = complaint.decode(errors="replace").strip().splitlines() or [f"exit status {status}"]
                raise ProviderError(f"speech synthesis failed: {lines[-1]}", provider=_NAME)
            return AudioChunk(self._read(path), self._sample_rate, is_final=True)

    async def _run(self, command: Sequence[str]) -> tuple[int | None, bytes]:
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *command, stdin=quiet, stdout=quiet, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                _, complaint = await process.communicate()
        except TimeoutError:
            raise self._too_slow() from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode, complaint

    def _run_inline(self, command: Sequence[str]) -> tuple[int, bytes]:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=self._timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise self._too_slow() from None
        return done.returncode, done.stderr

    def _read(self, path: Path) -> bytes:
        try:
            with wave.open(str(path), "rb") as file:
                pcm, rate_hz = file.readframes(file.getnframes()), file.getframerate()
        except (OSError, EOFError, wave.Error) as error:
            raise ProviderError(f"espeak wrote no audio: {error}", provider=_NAME) from error
        return StreamResampler(rate_hz, self._sample_rate).feed(pcm)

    def _too_slow(self) -> ProviderError:
        return ProviderError(f"speech synthesis took longer than {self._timeout_s} s", retryable=True, provider=_NAME)
