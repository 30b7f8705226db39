"""Recordings as something to be said."""

from __future__ import annotations

from pathlib import Path

from roomkit_sim.channels.voice_parts.speech import Source
from roomkit_sim.voice.base import AudioChunk
from roomkit_sim.voice.wav_file import read_wav

__all__ = ["recording"]

_UNKNOWN_RATE_HZ = 24000


def recording(audio: AudioChunk | bytes | str | Path, line_rate_hz: int | None) -> Source:
    """A recording for the speaker.

    Raises:
        ConfigurationError: The file is no PCM16 WAV file.
    """
    if isinstance(audio, bytes):
        return _one(AudioChunk(audio, line_rate_hz or _UNKNOWN_RATE_HZ))
    if isinstance(audio, AudioChunk):
        return _one(audio)
    rate_hz, pcm = read_wav(Path(audio))
    return _one(AudioChunk(pcm, rate_hz, is_final=True))


async def _one(chunk: AudioChunk) -> Source:
    yield chunk
