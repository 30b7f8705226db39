"""Loudness of PCM audio."""

from __future__ import annotations

import numpy as np

__all__ = ["SILENCE_DBFS", "dbfs", "rms"]

SILENCE_DBFS = -120.0
_FULL_SCALE = 32768.0


def rms(pcm: bytes) -> float:
    """Root mean square of PCM16 little-endian audio, 0 to 1."""
    samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples**2))) / _FULL_SCALE if samples.size else 0.0


def dbfs(pcm: bytes) -> float:
    """The level in dB below full scale; :data:`SILENCE_DBFS` for digital silence."""
    return 20 * float(np.log10(max(rms(pcm), 1e-6)))
