"""Accounts for audio: which samples of a known track arrived, and where.

The reference is what a caller said on a line with a noise floor, so that every 20 ms of it are unlike any other,
silence included. A received stream is a concatenation of pieces of it, perhaps filtered by a resampler with a small
constant delay, perhaps with foreign audio in between. Continuity is tried first: as long as the stream goes on where it
was, one pass of correlations in short blocks follows it. Only where it breaks is the new place searched, near first,
then in the whole reference. The sample at which it breaks is the one that makes the error on both sides least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roomkit_sim.sim.audio.pcm import Samples
from roomkit_sim.sim.audio.spans import Span

__all__ = ["AlignedSpan", "Coverage", "align", "coverage"]

_BLOCK_MS = 10
_PROBE_MS = 40
_NEAR_MS = 1500
_BACK_MS = 400
_JITTER_MS = 2
_PAUSE_MS = 200  # between searches of the whole reference in foreign audio; what it skips is found backwards
_SAME = 0.6  # least correlation of a block with its own place; noise with other noise stays under 0.4
_FOUND = 0.75
_SILENT_RMS = 2.0
_TAPS = 4


@dataclass(frozen=True, slots=True)
class AlignedSpan:
    """A piece of the received stream and where in the reference it comes from."""

    received_start: int
    reference_start: int
    samples: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a stretch of the reference arrived never, and what more than once."""

    lost: tuple[Span, ...]
    doubled: tuple[Span, ...]

    @property
    def lost_samples(self) -> int:
        """How many samples arrived never."""
        return sum(map(len, self.lost))

    @property
    def doubled_samples(self) -> int:
        """How many samples arrived again; one that arrived three times counts once."""
        return sum(map(len, self.doubled))


def align(reference: Samples, received: Samples, rate_hz: int) -> list[AlignedSpan]:
    """Find where each part of a received stream comes from.

    Args:
        reference: The caller's track at ``rate_hz``; resample it first if the line has another rate.
        received: What arrived at ``rate_hz``, in the order of arrival.
        rate_hz: The rate of both.

    Returns:
        Spans in the order of arrival. What belongs to none is not from the reference.
    """
    return _Aligner(_band(reference), _band(received), rate_hz).run()


def coverage(spans: list[AlignedSpan], from_sample: int, to_sample: int, least_samples: int = 1) -> Coverage:
    """What of the reference between two positions is covered by ``spans`` not at all, or more than once.

    Args:
        spans: Of one stream, or of all streams that the reference was sent to.
        from_sample: First position of the reference that counts.
        to_sample: First position that does not.
        least_samples: Shorter stretches are left out; a resampler's delay makes 2 ms of them at the end of a call.
    """
    length = max(0, to_sample - from_sample)
    steps = np.zeros(length + 1, dtype=np.int32)
    for span in spans:
        first = min(max(span.reference_start - from_sample, 0), length)
        last = min(max(span.reference_start + span.samples - from_sample, 0), length)
        steps[first] += 1
        steps[last] -= 1
    times = np.cumsum(steps[:-1])
    return Coverage(
        _stretches(times == 0, from_sample, least_samples), _stretches(times > 1, from_sample, least_samples)
    )


def _stretches(mask: NDArray[np.bool_], offset: int, least: int) -> tuple[Span, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8))).reshape(-1, 2)
    return tuple(Span(int(first) + offset, int(last) + offset) for first, last in edges if last - first >= least)


def _band(samples: Samples) -> NDArray[np.float32]:
    """The middle of the band, ``x[n] + x[n-1] - x[n-2] - x[n-3]``.

    Without low frequencies neighbouring pitch periods are less alike; without the highest a shift by part of a sample,
    as a resampler makes it, does little.
    """
    signal = np.concatenate((np.zeros(3, dtype=np.float32), samples.astype(np.float32)))
    band: NDArray[np.float32] = signal[3:] + signal[2:-1] - signal[1:-2] - signal[:-3]
    return band


@dataclass(slots=True)
class _Piece:
    """``received[start:end]`` comes from ``lag`` samples later in the reference."""

    start: int
    end: int
    lag: int


class _Aligner:
    """Walks along the received stream."""

    def __init__(self, reference: NDArray[np.float32], received: NDArray[np.float32], rate_hz: int) -> None:
        self._reference = reference
        self._received = received
        self._block, self._probe, self._near, self._back, self._jitter, self._pause = (
            rate_hz * ms // 1000 for ms in (_BLOCK_MS, _PROBE_MS, _NEAR_MS, _BACK_MS, _JITTER_MS, _PAUSE_MS)
        )
        self._search_all_from = 0
        self._pieces: list[_Piece] = []

    def run(self) -> list[AlignedSpan]:
        at = 0
        while at + self._block <= len(self._received):
            lag = self._find(at)
            if lag is None:
                at += self._probe // 2
                continue
            end = self._follow(at, lag)
            self._add(_Piece(at, end, lag))
            at = max(end, at + self._block)
        return [AlignedSpan(piece.start, piece.start + piece.lag, piece.end - piece.start) for piece in self._pieces]

    def _find(self, at: int) -> int | None:
        """The lag of what arrived at ``at``; looked for first around where the piece before ended."""
        probe = self._received[at : at + self._probe]
        if float(np.sqrt(np.mean(probe**2))) < _SILENT_RMS:
            return None
        expected = at + self._pieces[-1].lag if self._pieces else at
        searches = [(expected - self._near, expected + self._near)]
        if at >= self._search_all_from:
            searches.append((0, len(self._reference)))
        for first, last in searches:
            place = self._best_place(probe, max(0, first), max(0, last))
            if place is not None and self._agrees(at, place - at):
                return place - at
        if len(searches) > 1:
            self._search_all_from = at + self._pause
        return None

    def _agrees(self, at: int, lag: int) -> bool:
        """Whether the probe lies at ``lag`` in nearly all its blocks; a loud one alone could make it seem so."""
        same = self._same(at, min(at + self._probe, len(self._received)), lag)
        return int(same.sum()) >= max(1, len(same) - 1)

    def _best_place(self, probe: NDArray[np.float32], first: int, last: int) -> int | None:
        """Where in ``reference[first:last]`` the probe fits best, if it fits."""
        stretch = self._reference[first:last]
        if len(stretch) < len(probe):
            return None
        size = _fast_size(len(stretch))
        spectrum = np.fft.rfft(stretch, size) * np.conj(np.fft.rfft(probe, size))
        products = np.fft.irfft(spectrum, size)[: len(stretch) - len(probe) + 1]
        sums = np.concatenate(([0.0], np.cumsum(stretch**2, dtype=np.float64)))
        energy = sums[len(probe) :] - sums[: -len(probe)]
        correlation = products / np.sqrt(np.maximum(energy, 1.0) * float(probe @ probe))
        best = int(correlation.argmax())
        return first + best if correlation[best] >= _FOUND else None

    def _follow(self, at: int, lag: int) -> int:
        """The end, in whole blocks, of the piece that lies at ``lag`` from ``at`` on."""
        limit = min(len(self._received), len(self._reference) - lag)
        # What was found in a probe is taken as it is: its first block may hold the end of the piece before.
        at = min(at + self._block, limit)
        reach = 64 * self._block
        while at < limit:
            same = self._same(at, min(limit, at + reach), lag)
            if not same.all():
                return at + int(np.argmin(same)) * self._block
            at = min(limit, at + len(same) * self._block)
            reach *= 4
        return limit

    def _same(self, start: int, end: int, lag: int) -> NDArray[np.bool_]:
        """For each block of ``received[start:end]``, the last of which may be shorter: does it lie at ``lag``?"""
        edges = np.arange(0, end - start, self._block)
        got = self._received[start:end]
        sent = self._reference[start + lag : end + lag]
        products, got_energy, sent_energy = (
            np.add.reduceat(values, edges) for values in (got * sent, got * got, sent * sent)
        )
        same: NDArray[np.bool_] = products >= _SAME * np.sqrt(got_energy * sent_energy)
        same &= (got_energy > 0) == (sent_energy > 0)
        return same

    def _add(self, piece: _Piece) -> None:
        """Append a piece and settle where it meets the one before."""
        before = self._pieces[-1] if self._pieces else None
        piece.start = self._earliest_fit(piece, max(before.end - self._block if before else 0, -piece.lag))
        piece.end = self._latest_fit(piece)
        if before is not None and piece.start - before.end <= self._jitter:
            if piece.lag == before.lag:
                before.end = piece.end
                return
            self._split(before, piece)
            if before.end - before.start < self._jitter:
                # It was a chance resemblance at the border: settle the border with the piece before it.
                self._pieces.pop()
                self._add(piece)
                return
        if piece.end > piece.start:
            self._pieces.append(piece)

    def _earliest_fit(self, piece: _Piece, low: int) -> int:
        """The start, not before ``low``, from which the piece fits up to its known start."""
        low = max(low, piece.start - self._back, 0)
        high = min(piece.start + self._block, piece.end)
        fit = self._fit(low, high, piece.lag)
        start = low + int(np.concatenate((np.cumsum(fit[::-1])[::-1], [0.0])).argmax())
        # The filter has no past at the very beginning, so its first values fit nowhere.
        return low if low == 0 and start < _TAPS else start

    def _latest_fit(self, piece: _Piece) -> int:
        """The end, at most a block after the known one, to which the piece fits."""
        low = max(piece.start, piece.end - self._block)
        high = min(piece.end + self._block, len(self._received), len(self._reference) - piece.lag)
        fit = self._fit(low, high, piece.lag)
        # Of equally good ends the last: what is zero on both sides belongs to the piece.
        return high - int(np.concatenate(([0.0], np.cumsum(fit)))[::-1].argmax())

    def _fit(self, start: int, end: int, lag: int) -> NDArray[np.float64]:
        """For each sample a number that is on average positive where the received is the reference at ``lag``."""
        got = self._received[start:end].astype(np.float64)
        sent = self._reference[start + lag : end + lag].astype(np.float64)
        fit: NDArray[np.float64] = 0.5 * (got**2 + sent**2) - (got - sent) ** 2
        return fit

    def _split(self, before: _Piece, piece: _Piece) -> None:
        """Put the border of two adjoining pieces where the error on both sides is least.

        Voiced speech resembles itself a pitch period later, so the piece before may have been followed too far.
        """
        low = max(before.start, before.end - self._back, piece.start - self._back, -piece.lag)
        high = min(piece.end, max(before.end, piece.start) + self._block, len(self._reference) - before.lag)
        if low >= high:
            return
        error = self._error(low, high, before.lag) - self._error(low, high, piece.lag)
        border = low + int(np.concatenate(([0.0], np.cumsum(error))).argmin())
        before.end = piece.start = border

    def _error(self, start: int, end: int, lag: int) -> NDArray[np.float64]:
        difference = self._received[start:end].astype(np.float64) - self._reference[start + lag : end + lag]
        return difference**2


def _fast_size(length: int) -> int:
    """A length that a fast Fourier transform likes, not under ``length``: 2^a, 3*2^a or 5*2^a."""
    power = 1 << max(length - 1, 1).bit_length()
    return min(size for size in (power, power * 3 // 4, power * 5 // 8) if size >= length)
