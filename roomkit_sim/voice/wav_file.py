"""WAV files of 16 bits, by the standard library."""

from __future__ import annotations

import io
import os
import wave
from pathlib import Path

from roomkit_sim.errors import ConfigurationError

__all__ = ["read_wav", "write_wav"]


def read_wav(path: Path) -> tuple[int, bytes]:
    """Rate in Hz and PCM16 samples of a file, mixed down to one channel.

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
    # A file that was cut off may end in the middle of a sample.
    pcm = pcm[: len(pcm) - len(pcm) % (2 * channels)]
    if channels == 1:
        return rate_hz, pcm
    import numpy as np

    mixed = np.frombuffer(pcm, "<i2").reshape(-1, channels).mean(axis=1)
    return rate_hz, mixed.round().astype("<i2").tobytes()


def write_wav(path: Path, rate_hz: int, pcm: bytes) -> None:
    """Write PCM16 mono. The file appears whole: a reader never sees half of it."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", "not compressed"))
        file.writeframes(pcm)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(buffer.getvalue())
    os.replace(unfinished, path)
