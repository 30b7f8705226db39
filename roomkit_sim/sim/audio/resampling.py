"""Changes the sample rate of whole recordings.

For a stream that somebody waits for, use a stateful low-delay filter instead: the resampler used here holds back up to
115 ms when it is fed piece by piece.
"""

from __future__ import annotations

import numpy as np

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.pcm import Samples

__all__ = ["resample"]


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Resample a whole recording (soxr, quality HQ: aliases under -100 dB).

    Args:
        samples: PCM16 mono at ``from_hz``.
        from_hz: The rate that it has.
        to_hz: The rate that it gets.

    Raises:
        AudioError: A rate is not positive.
    """
    if from_hz <= 0 or to_hz <= 0:
        raise AudioError(f"cannot resample from {from_hz} Hz to {to_hz} Hz: both rates must be positive")
    if from_hz == to_hz or not len(samples):
        return samples
    import soxr

    result: Samples = np.asarray(soxr.resample(samples, from_hz, to_hz, quality="HQ"), dtype=np.int16)
    return result
