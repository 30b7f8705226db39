"""What the caller hears: a playout buffer that knows only sample positions.

Positions count from the start of the run at the line's rate. Nothing ticks: what has been played follows from the
position of now. Audio that arrives while something plays is appended; audio that arrives in silence starts now.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from roomkit_sim.sim.audio.pcm import Samples
from roomkit_sim.sim.audio.spans import Span, audible_spans

__all__ = ["Playout"]


class Playout:
    """The downlink of one line.

    Args:
        rate_hz: The line's rate.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._pieces: list[tuple[int, Samples]] = []
        self._audible: list[Span] = []
        self._end = 0

    @property
    def end_sample(self) -> int:
        """The end of all that was sent and not dropped."""
        return self._end

    @property
    def audible(self) -> list[Span]:
        """What can be heard, played or yet to be played, in order."""
        return self._audible

    def append(self, samples: Samples, now: int) -> tuple[Span, list[Span]]:
        """Play ``samples`` after what is there, at the earliest ``now``.

        Returns:
            Where they will be played, and what of it is audible.
        """
        start = max(self._end, now)
        self._pieces.append((start, samples))
        self._end = start + len(samples)
        audible = [
            Span(start + span.start_sample, start + span.end_sample) for span in audible_spans(samples, self._rate_hz)
        ]
        for span in audible:
            self._extend_audible(span)
        return Span(start, self._end), audible

    def drop_unplayed(self, now: int) -> int:
        """Drop what is not played yet.

        Returns:
            How many samples.
        """
        dropped = max(0, self._end - now)
        if dropped:
            self._pieces = [(start, piece[: now - start]) for start, piece in self._pieces if start < now]
            self._audible = [
                Span(span.start_sample, min(span.end_sample, now)) for span in self._audible if span.start_sample < now
            ]
            self._end = now
        return dropped

    def track(self, length: int) -> Samples:
        """What was heard from position 0 to ``length``; silence where nothing was played."""
        track = np.zeros(length, dtype=np.int16)
        for start, piece in self._pieces:
            if start < length:
                track[start : start + len(piece)] = piece[: length - start]
        return track

    def next_audible(self, since: int) -> int | None:
        """The first audible position at or after ``since``, as far as is known."""
        index = bisect_right(self._audible, since, key=lambda span: span.end_sample)
        return max(since, self._audible[index].start_sample) if index < len(self._audible) else None

    def quiet_since(self, now: int, length: int) -> int | None:
        """The first position, from ``now`` on, before which ``length`` samples were quiet after something was heard.

        It follows from what was sent so far, and changes when more is sent. ``None`` if nothing was sent yet.
        """
        if not self._audible:
            return None
        spans = self._audible
        # The last span that has begun counts as heard, even if it begins now; only it and those after it matter.
        index = max(0, bisect_right(spans, now, key=lambda span: span.start_sample) - 1)
        quiet = spans[index].end_sample + length
        for span in spans[index + 1 :]:
            if span.start_sample >= quiet:
                break
            quiet = span.end_sample + length
        return max(quiet, now)

    def _extend_audible(self, span: Span) -> None:
        if self._audible and self._audible[-1].end_sample >= span.start_sample:
            span = Span(self._audible.pop().start_sample, span.end_sample)
        self._audible.append(span)
