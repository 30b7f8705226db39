"""Changes the sample rate of a stream, piece by piece, and keeps every sound at its time.

A windowed sinc over the stream with zeros put in between (Oppenheim and Schafer, *Discrete-Time Signal Processing*,
section 4.6). It needs a look ahead of under 2 ms, which comes out with the next piece.
"""

from __future__ import annotations

from functools import cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.pcm import to_bytes, to_int16

__all__ = ["StreamedRate"]

_ZERO_CROSSINGS = 10
_PASS_BAND = 0.92
_KAISER_BETA = 6.0


class StreamedRate:
    """One stream on its way from one rate to another.

    Args:
        from_hz: Rate of what is fed.
        to_hz: Rate of what comes out.

    Raises:
        AudioError: A rate is not positive.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise AudioError(f"cannot resample from {from_hz} Hz to {to_hz} Hz: both rates must be positive")
        divisor = gcd(from_hz, to_hz)
        self._up, self._down = to_hz // divisor, from_hz // divisor
        self._phases = _phases(self._up, self._down)
        self._past = np.zeros(self._phases.shape[1] - 1)
        # The filter answers half its length late; leaving that out puts every sound where it was.
        self._next = _ZERO_CROSSINGS * max(self._up, self._down)

    def feed(self, pcm: bytes) -> bytes:
        """The next piece, PCM16 little-endian with an even number of bytes; what it brings about, the same way."""
        if self._up == self._down or not pcm:
            return pcm
        samples = np.frombuffer(pcm, "<i2")
        signal = np.concatenate((self._past, samples))
        # Positions are counted at `up` times the input's rate, from the first new sample.
        positions = range(self._next, len(samples) * self._up, self._down)
        output = np.empty(len(positions))
        for index in range(min(self._up, len(positions))):
            # Every `up`-th output takes the same phase of the filter, and steps on by `down` input samples.
            at, phase = divmod(positions[index], self._up)
            window = (-(-(len(positions) - index) // self._up), self._phases.shape[1])
            windows: NDArray[np.float64] = np.ndarray(window, np.float64, signal, 8 * at, (8 * self._down, 8))
            output[index :: self._up] = windows @ self._phases[phase]
        self._next += len(positions) * self._down - len(samples) * self._up
        self._past = signal[len(signal) - len(self._past) :]
        return to_bytes(to_int16(output))


@cache
def _phases(up: int, down: int) -> NDArray[np.float64]:
    """The low-pass filter, one row for each place between two input samples, newest sample last; ``(up, taps)``."""
    widest = max(up, down)
    time = np.arange(-_ZERO_CROSSINGS * widest, _ZERO_CROSSINGS * widest + 1)
    taps: NDArray[np.float64] = np.sinc(_PASS_BAND * time / widest) * np.kaiser(len(time), _KAISER_BETA)
    taps *= up / taps.sum()
    rows = np.pad(taps, (0, -len(taps) % up)).reshape(-1, up).T[:, ::-1].copy()
    rows.setflags(write=False)
    return rows
