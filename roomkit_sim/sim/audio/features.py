"""Log-mel features for comparing utterances.

24 mel bands from 200 to 3600 Hz (what a telephone passes), 32 ms Hann window, 20 ms hop, floored 35 dB under the
loudest, so that they depend neither on gain nor on the noise of a quiet line.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from roomkit_sim.sim.audio.pcm import FULL_SCALE, Samples

__all__ = ["BANDS", "HOP_SAMPLES", "RATE_HZ", "Features", "log_mel"]

Features: TypeAlias = NDArray[np.float32]
"""Shape (frames, bands), in dB."""

RATE_HZ = 16000
BANDS = 24
HOP_SAMPLES = 320
_WINDOW_SAMPLES = 512
_LOW_HZ, _HIGH_HZ = 200.0, 3600.0
_RANGE_DB = 35.0


def log_mel(samples: Samples) -> Features:
    """Features of PCM16 mono at 16 kHz; a shorter piece than one window is padded."""
    signal = samples.astype(np.float32) / np.float32(FULL_SCALE)
    signal = np.pad(signal, (0, max(0, _WINDOW_SAMPLES - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(signal, _WINDOW_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW_SAMPLES).astype(np.float32), axis=1)) ** 2
    bands = 10 * np.log10(spectrum @ _filter_bank().T + 1e-10)
    floor = np.percentile(bands, 99) - _RANGE_DB
    features: Features = np.maximum(bands, floor).astype(np.float32)
    return features


@lru_cache(maxsize=1)
def _filter_bank() -> NDArray[np.float32]:
    """Triangular filters, evenly spaced on the mel scale 2595 log10(1 + f/700); shape (bands, bins)."""
    mel_edges = np.linspace(_mel(_LOW_HZ), _mel(_HIGH_HZ), BANDS + 2)
    edges = 700 * (10 ** (mel_edges / 2595) - 1)
    bins = np.arange(_WINDOW_SAMPLES // 2 + 1) * RATE_HZ / _WINDOW_SAMPLES
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    filters: NDArray[np.float32] = np.maximum(0, bank).astype(np.float32)
    return filters


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))
