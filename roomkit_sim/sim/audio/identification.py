"""Tells from samples which synthetic voice speaks.

Every short spectrum of a synthetic voice is a non-negative sum of its two vowel spectra. A frame of unknown origin is
taken apart into the vowels of all known voices (non-negative least squares by multiplicative updates, Lee and Seung
2001); the voice whose vowels carry it is the one that speaks. Two that carry it are talking at once; where nothing
carries it, it is none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.pcm import FULL_SCALE, Samples
from roomkit_sim.sim.audio.resampling import resample
from roomkit_sim.sim.audio.spans import Span, audible_spans
from roomkit_sim.sim.audio.synthetic_voice import vowel_wave

__all__ = ["VoiceIdentifier", "VoiceSpan"]

_RATE_HZ = 8000
_FRAME = 320  # 40 ms: two harmonics 120 Hz apart are resolved, and a change of voice is still located
_HOP = 80  # 10 ms
_FFT = 512
_BINS = slice(8, 230)  # 125 to 3580 Hz
_UPDATES = 40
_ALONE_SHARE = 0.8
_UNKNOWN_RESIDUAL = 0.45
_ALONE_RESIDUAL = 0.2
_TOO_ALIKE = 0.85
_SHORTEST_FRAMES = 5  # 50 ms: what a change of voice smears over a frame is shorter
_MIXED = -1
_UNKNOWN = -2


@dataclass(frozen=True, slots=True)
class VoiceSpan:
    """A stretch of audible sound and whose voice it is.

    Args:
        voice: The name, or nothing when it is no known voice or more than one.
        start_sample: First sample.
        end_sample: First sample that does not belong to it.
        mixed: The voices that talk at once, if more than one does.
    """

    voice: str | None
    start_sample: int
    end_sample: int
    mixed: tuple[str, ...] = ()


class VoiceIdentifier:
    """Knows the voices of some names, and tells them apart.

    Args:
        names: The voices that may be heard.

    Raises:
        AudioError: Two of the voices are too alike to be told apart.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: list[str] = []
        self._vowels = np.zeros((0, _BINS.stop - _BINS.start), dtype=np.float32)
        for name in names:
            self.add(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The voices that are known, in the order in which they became known."""
        return tuple(self._names)

    def add(self, name: str) -> None:
        """Know one more voice; a known one is not added twice.

        Raises:
            AudioError: It is too like one that is known.
        """
        if name in self._names:
            return
        vowels = _templates(name)
        for other, known in zip(self._names, self._vowels.reshape(-1, 2, self._vowels.shape[1]), strict=True):
            if _likeness(vowels, known) > _TOO_ALIKE:
                raise AudioError(
                    f"the synthetic voices {name!r} and {other!r} cannot be told apart: "
                    f"give one agent another voice name"
                )
        self._names.append(name)
        self._vowels = np.concatenate([self._vowels, vowels])

    def dominant(self, samples: Samples, rate_hz: int) -> str | None:
        """The voice that carries most of a short piece, or nothing if it is no known voice.

        Args:
            samples: 40 ms or more.
            rate_hz: 8000 or more.
        """
        frames = _frames(resample(samples, rate_hz, _RATE_HZ), _FRAME // 2)
        if not self._names or not len(frames):
            return None
        magnitudes = _magnitudes(frames)
        gains, residual = self._decompose(magnitudes)
        loudness = np.linalg.norm(magnitudes, axis=1)
        if not loudness.any() or float(np.average(residual, weights=loudness)) > _UNKNOWN_RESIDUAL:
            return None
        return self._names[int(gains.sum(axis=0).argmax())]

    def identify(self, samples: Samples, rate_hz: int) -> list[VoiceSpan]:
        """Who is audible when.

        Args:
            samples: PCM16 mono on which nothing but synthetic voices is expected, without noise.
            rate_hz: 8000 or more.

        Returns:
            The audible stretches in order. Silence between them is located to 5 ms, a change of voice without silence
            to about 10 ms.
        """
        narrow = resample(samples, rate_hz, _RATE_HZ)
        result: list[VoiceSpan] = []
        for span in audible_spans(samples, rate_hz):
            result.extend(self._identify_span(narrow, span, rate_hz))
        return result

    def _identify_span(self, narrow: Samples, span: Span, rate_hz: int) -> list[VoiceSpan]:
        first = span.start_sample * _RATE_HZ // rate_hz
        frames = _frames(narrow[first : -(-span.end_sample * _RATE_HZ // rate_hz)], _HOP)
        if not self._names or not len(frames):
            return [VoiceSpan(None, span.start_sample, span.end_sample)]
        magnitudes = _magnitudes(frames)
        gains, residual = self._decompose(magnitudes)
        labels = _settle(self._unmix(_labels(gains, residual), gains, magnitudes), gains)
        starts = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
        voices: list[VoiceSpan] = []
        for begin, end in pairwise(starts):
            left = span.start_sample if begin == 0 else _centre(first, begin, rate_hz)
            right = span.end_sample if end == len(labels) else _centre(first, end, rate_hz)
            voices.append(self._span(int(labels[begin]), gains[begin:end], left, right))
        return voices

    def _unmix(
        self, labels: NDArray[np.intp], gains: NDArray[np.float32], magnitudes: NDArray[np.float32]
    ) -> NDArray[np.intp]:
        """A frame that one voice explains alone is no mixture, even if like voices could share in it."""
        single = labels.copy()
        strongest = gains.argmax(axis=1)
        for voice in np.unique(strongest[labels == _MIXED]):
            chosen = np.flatnonzero((labels == _MIXED) & (strongest == voice))
            own = self._vowels[2 * voice : 2 * voice + 2]
            single[
                chosen[_unexplained(magnitudes[chosen], _non_negative(magnitudes[chosen], own), own) < _ALONE_RESIDUAL]
            ] = voice
        return single

    def _span(self, label: int, gains: NDArray[np.float32], start: int, end: int) -> VoiceSpan:
        if label == _MIXED:
            share = gains.sum(axis=0)
            loud = np.flatnonzero(share > (1 - _ALONE_SHARE) * share.sum())
            mixed = tuple(self._names[index] for index in loud)
            return VoiceSpan(None, start, end, mixed if len(mixed) > 1 else ())
        return VoiceSpan(self._names[label] if label >= 0 else None, start, end)

    def _decompose(self, magnitudes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Gain of each voice in each frame, shape (frames, voices), and what no voice explains, as a share."""
        weights = _non_negative(magnitudes, self._vowels)
        return weights.reshape(len(weights), -1, 2).sum(axis=2), _unexplained(magnitudes, weights, self._vowels)


def _frames(signal: Samples, hop: int) -> NDArray[np.float32]:
    """Overlapping 40 ms frames; a shorter piece is padded to one frame, one under 10 ms gives none."""
    if len(signal) < _FRAME // 4:
        return np.zeros((0, _FRAME), dtype=np.float32)
    padded = np.pad(signal, (0, max(0, _FRAME - len(signal)))).astype(np.float32) / np.float32(FULL_SCALE)
    return np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::hop]


_WINDOW = np.hanning(_FRAME + 2)[1:-1].astype(np.float32)


def _magnitudes(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.abs(np.fft.rfft(frames * _WINDOW, _FFT, axis=1)[:, _BINS]).astype(np.float32)


def _templates(name: str) -> NDArray[np.float32]:
    """The spectra of a voice's two vowels, shape (2, bins), each of norm 1."""
    vowels = np.concatenate([_magnitudes(vowel_wave(name, vowel, _RATE_HZ)[None, :_FRAME]) for vowel in (0, 1)])
    unit: NDArray[np.float32] = vowels / np.linalg.norm(vowels, axis=1, keepdims=True)
    return unit


def _likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """How well one voice can pass for the other: the share of its worse-covered vowel that the other's explain."""
    worst = 1.0
    for left, right in ((one, other), (other, one)):
        explained = _non_negative(left, right) @ right
        worst = min(worst, float((np.linalg.norm(explained, axis=1)).min()))
    return worst


def _non_negative(targets: NDArray[np.float32], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights >= 0 with ``weights @ basis`` near ``targets`` in the least-squares sense."""
    wanted = targets @ basis.T
    gram = basis @ basis.T
    weights: NDArray[np.float32] = wanted / np.maximum(gram.sum(axis=1), 1e-9)
    for _ in range(_UPDATES):
        weights *= wanted / np.maximum(weights @ gram, 1e-12)
    return weights


def _unexplained(
    magnitudes: NDArray[np.float32], weights: NDArray[np.float32], basis: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What ``weights @ basis`` leaves of each frame, as a share of its norm."""
    rest: NDArray[np.float32] = np.linalg.norm(magnitudes - weights @ basis, axis=1)
    rest /= np.maximum(np.linalg.norm(magnitudes, axis=1), 1e-9)
    return rest


def _labels(gains: NDArray[np.float32], residual: NDArray[np.float32]) -> NDArray[np.intp]:
    share = gains.max(axis=1) / np.maximum(gains.sum(axis=1), 1e-9)
    labels = np.where(share >= _ALONE_SHARE, gains.argmax(axis=1), _MIXED)
    return np.where(residual > _UNKNOWN_RESIDUAL, _UNKNOWN, labels)


def _settle(labels: NDArray[np.intp], gains: NDArray[np.float32]) -> NDArray[np.intp]:
    """Remove what is too short to be real, such as the mixture that a frame across a change of voice shows."""
    settled = labels.copy()
    starts = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    lasting = [(a, b) for a, b in pairwise(starts) if b - a >= _SHORTEST_FRAMES]
    if not lasting:
        voices = labels[labels >= 0]
        settled[:] = np.bincount(voices).argmax() if len(voices) else labels[0]
        return settled
    settled[: lasting[0][0]] = labels[lasting[0][0]]
    settled[lasting[-1][1] :] = labels[lasting[-1][0]]
    for (left, end), (start, _) in pairwise(lasting):
        change = _change(gains[end:start], int(labels[left]), int(labels[start]))
        settled[end : end + change] = labels[left]
        settled[end + change : start] = labels[start]
    return settled


def _change(gains: NDArray[np.float32], left: int, right: int) -> int:
    """The frame at which ``right`` outweighs ``left``."""
    if left < 0 or right < 0:
        return len(gains) // 2
    later = np.flatnonzero(gains[:, right] > gains[:, left])
    return int(later[0]) if len(later) else len(gains)


def _centre(first: int, frame: int, rate_hz: int) -> int:
    """The sample, at ``rate_hz``, between the centres of a frame and of the one before it."""
    return round((first + frame * _HOP + (_FRAME - _HOP) / 2) * rate_hz / _RATE_HZ)
