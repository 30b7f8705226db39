"""Small conversions between PCM bytes, integer samples, levels and time."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FULL_SCALE",
    "Samples",
    "amplitude",
    "from_bytes",
    "nanoseconds",
    "sample_at",
    "to_bytes",
    "to_int16",
    "window_energy",
]

Samples: TypeAlias = NDArray[np.int16]
"""Mono PCM16."""

FULL_SCALE = 32768.0


def from_bytes(pcm: bytes) -> Samples:
    """Little-endian PCM16 bytes as samples; an odd last byte is dropped."""
    return np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2).astype(np.int16, copy=False)


def to_bytes(samples: Samples) -> bytes:
    """Samples as little-endian PCM16 bytes."""
    return samples.astype("<i2", copy=False).tobytes()


def to_int16(signal: NDArray[np.floating]) -> Samples:
    """Round a signal in int16 units (full scale 32768) and clip it."""
    samples: Samples = np.clip(np.rint(signal), -32768, 32767).astype(np.int16)
    return samples


def amplitude(level_dbfs: float) -> float:
    """The RMS amplitude, in int16 units, of a level in dB under full scale."""
    return float(FULL_SCALE * 10 ** (level_dbfs / 20))


def sample_at(t_ns: int, rate_hz: int) -> int:
    """The sample nearest to a time, counted from time 0."""
    return int((t_ns * rate_hz + 500_000_000) // 1_000_000_000)


def nanoseconds(sample: int, rate_hz: int) -> int:
    """The time at which a sample begins, rounded up, so that :func:`sample_at` gives the sample back."""
    return -(-sample * 1_000_000_000 // rate_hz)


def window_energy(samples: Samples, window: int) -> NDArray[np.float32]:
    """Mean square of each window of ``window`` samples; a shorter last window counts by its own length.

    Returns:
        Shape ``(ceil(len(samples) / window),)``, in squared int16 units.
    """
    whole = len(samples) // window
    body = samples[: whole * window].astype(np.float32).reshape(whole, window)
    energy = np.einsum("ij,ij->i", body, body) / np.float32(window)
    rest = samples[whole * window :].astype(np.float32)
    if len(rest):
        energy = np.append(energy, np.float32(rest @ rest / len(rest)))
    result: NDArray[np.float32] = energy.astype(np.float32, copy=False)
    return result
