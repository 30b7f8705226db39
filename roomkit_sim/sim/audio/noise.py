"""The noise floor of a phone line.

It is far below speech and below what a voice activity detector notices, but it makes every 20 ms of the caller's track
unlike any other, so that received audio can be accounted for, silence included.
"""

from __future__ import annotations

import numpy as np

from roomkit_sim.sim.audio.pcm import Samples, amplitude, to_int16

__all__ = ["LINE_NOISE_DBFS", "line_noise"]

LINE_NOISE_DBFS = -66.0


def line_noise(generator: np.random.Generator, samples: int, level_dbfs: float = LINE_NOISE_DBFS) -> Samples:
    """White Gaussian noise.

    Args:
        generator: Where it is drawn from; the same seed gives the same samples, however they are cut into calls.
        samples: How many.
        level_dbfs: RMS level in dB under full scale.
    """
    return to_int16(generator.standard_normal(samples) * amplitude(level_dbfs))
