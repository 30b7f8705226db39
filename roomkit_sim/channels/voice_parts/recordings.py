"""Recordings as something to be said."""

from __future__ import annotations

import io
import wave
from pathlib import Path

from roomkit_sim.channels.voice_parts.speech import Source
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.voice.base import AudioChunk

__all__ = ["recording", "wav_chunk"]

_UNKNOWN_RATE_HZ = 24000


def recording(audio: AudioChunk | bytes | str | Path, line_rate_hz: int | None) -> Source:
    """A recording for the speaker.

    Raises:
        ConfigurationError: The file is no PCM16 WAV file.
    """
    if isinstance(audio, bytes):
        return _one(AudioChunk(audio, line_rate_hz or _UNKNOWN_RATE_HZ))
    return _one(audio if isinstance(audio, AudioChunk) else wav_chunk(Path(audio)))


def wav_chunk(path: Path) -> AudioChunk:
    """A WAV file, mixed down to one channel.

    Raises:
        ConfigurationError: It cannot be read, or is not PCM16.
    """
    try:
        with wave.open(io.BytesIO(path.read_bytes())) as file:
            width, channels, rate_hz = file.getsampwidth(), file.getnchannels(), file.getframerate()
            pcm = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise ConfigurationError(f"{path} is no WAV file that can be played: {error}") from error
    if width != 2:
        raise ConfigurationError(f"{path} has {8 * width} bits a sample: only PCM of 16 bits can be played")
    if channels > 1:
        import numpy as np

        mixed = np.frombuffer(pcm, "<i2").reshape(-1, channels).mean(axis=1)
        pcm = mixed.round().astype("<i2").tobytes()
    return AudioChunk(pcm, rate_hz, is_final=True)


async def _one(chunk: AudioChunk) -> Source:
    yield chunk
