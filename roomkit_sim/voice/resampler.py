"""Change of sample rate for streams: small delay, the same samples whatever the chunks.

Whole-file resamplers hold back up to 115 ms when they are fed piece by piece, and a filter that forgets its state
between pieces ticks at every joint. This one is a polyphase FIR (Crochiere and Rabiner, *Multirate Digital Signal
Processing*, 1983, section 2.4) with a Kaiser-windowed sinc that remembers the last input samples.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

__all__ = ["StreamResampler"]

_ZERO_CROSSINGS = 12
_KAISER_BETA = 7.0
# The pass band ends a little below the lower Nyquist frequency, so that the filter's slope does not fold back.
_PASS_BAND = 0.9


class StreamResampler:
    """Resamples one stream of PCM16 mono.

    Feeding a signal in any pieces gives the same bytes as feeding it at once. Equal rates pass samples through.

    Args:
        from_hz: Sample rate of the input.
        to_hz: Sample rate of the output.

    Raises:
        ValueError: A rate is not positive.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise ValueError(f"sample rates must be positive, got {from_hz} and {to_hz} Hz")
        self.from_hz = from_hz
        self.to_hz = to_hz
        divisor = gcd(from_hz, to_hz)
        self._up, self._down = to_hz // divisor, from_hz // divisor
        self._phases = _phases(self._up, self._down)
        self.reset()

    @property
    def delay_s(self) -> float:
        """How much later a sound comes out than it went in, in seconds."""
        if self._up == self._down:
            return 0.0
        return (_filter_length(self._up, self._down) - 1) / 2 / self._up / self.from_hz

    def reset(self) -> None:
        """Forget the past: what follows is another signal."""
        self._history = np.zeros(self._phases.shape[1] - 1, np.float32)
        self._next = 0
        self._odd_byte = b""

    def feed(self, pcm: bytes) -> bytes:
        """The output that ``pcm``, PCM16 little-endian at ``from_hz``, brings about; PCM16 at ``to_hz``."""
        if self._up == self._down:
            return pcm
        pcm = self._odd_byte + pcm
        whole = len(pcm) & ~1
        self._odd_byte = pcm[whole:]
        samples = np.frombuffer(pcm[:whole], "<i2").astype(np.float32)
        if samples.size == 0:
            return b""
        output = np.rint(self._filter(samples))
        return np.clip(output, -32768, 32767).astype("<i2").tobytes()

    def _filter(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        taps = self._phases.shape[1]
        signal = np.concatenate((self._history, samples))
        starts, phases = _places(self._up, self._down, samples.size, self._next)
        self._next += starts.size * self._down - samples.size * self._up
        self._history = signal[signal.size - (taps - 1) :]
        # All windows of `taps` samples, as a view: the same as sliding_window_view at a fraction of its cost.
        windows: NDArray[np.float32] = np.ndarray((samples.size, taps), np.float32, signal, 0, (4, 4))
        # einsum sums each row in the same order whatever the number of rows; a matrix product need not.
        output: NDArray[np.float32] = np.einsum("ij,ij->i", windows[starts], phases)
        return output


@lru_cache(maxsize=64)
def _places(up: int, down: int, size: int, first: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each output that ``size`` samples bring about: where its window starts, and its row of the filter.

    Output m stands at position m * down of the input as if it were stored up times as densely; ``first`` is the
    position of the first one. Streams come in frames of one length, so few of these are ever needed.
    """
    positions = np.arange(first, size * up, down)
    return positions // up, _phases(up, down)[positions % up]


def _filter_length(up: int, down: int) -> int:
    return 2 * _ZERO_CROSSINGS * max(up, down) + 1


@lru_cache(maxsize=32)
def _phases(up: int, down: int) -> NDArray[np.float32]:
    """The low-pass filter, one row for each phase, newest sample last; shape ``(up, taps a phase)``."""
    length = _filter_length(up, down)
    time = np.arange(length) - (length - 1) / 2
    cutoff = _PASS_BAND / max(up, down)
    taps = cutoff * np.sinc(cutoff * time) * np.kaiser(length, _KAISER_BETA)
    taps *= up / taps.sum()
    a_phase = ceil(length / up)
    padded = np.pad(taps, (0, a_phase * up - length))
    phases = padded.reshape(a_phase, up).T[:, ::-1].astype(np.float32).copy()
    # Every phase passes a constant unchanged: otherwise a steady level would ripple at the output rate.
    phases /= phases.sum(axis=1, keepdims=True)
    phases.setflags(write=False)
    return phases
