"""Reports what is heard on a line as runs of sound: when one begins and whose voice it is, and when it is over."""

from __future__ import annotations

from asyncio import TimerHandle
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from roomkit_sim.sim.audio.pcm import Samples
from roomkit_sim.sim.audio.spans import Span
from roomkit_sim.sim.caller.voices import VoiceTracker
from roomkit_sim.sim.trace.recorder import TraceSink

__all__ = ["AudibleRuns", "Schedule"]

Schedule: TypeAlias = Callable[[int, Callable[[], None]], TimerHandle]
"""Calls a function when a position is reached."""

_GAP_MS = 300


@dataclass
class _Run:
    start: int
    end: int
    announced: bool = False
    starts: TimerHandle | None = None
    ends: TimerHandle | None = None

    def forget(self) -> None:
        for timer in (self.starts, self.ends):
            if timer is not None:
                timer.cancel()


class AudibleRuns:
    """Follows audible stretches; those with at most 300 ms between them are one run.

    Emits ``line.agent_audio`` {start_sample, samples, voice} when a run's first sample is played and its voice is known
    (which takes 100 ms of sound), with the samples known so far; and ``line.agent_silence`` {start_sample, samples}
    when 300 ms of silence have followed, with the sample at which the silence began and the length of the run.

    Args:
        rate_hz: Rate of the line.
        tracker: Names voices.
        schedule: Sets timers.
        position: Tells the sample that is heard now.
        sink: Where the events go.
    """

    def __init__(
        self, rate_hz: int, tracker: VoiceTracker, schedule: Schedule, position: Callable[[], int], sink: TraceSink
    ) -> None:
        self._gap = rate_hz * _GAP_MS // 1000
        self._tracker = tracker
        self._schedule = schedule
        self._position = position
        self._sink = sink
        self._runs: list[_Run] = []

    def hear(self, span: Span, samples: Samples) -> None:
        """Take an audible stretch that is or will be played, later than all before."""
        run = self._runs[-1] if self._runs else None
        continues = run is not None and span.start_sample - run.end <= self._gap
        if run is None or not continues:
            run = _Run(span.start_sample, span.end_sample)
            self._runs.append(run)
        run.end = span.end_sample
        self._tracker.feed(samples, span.start_sample, continues=continues)
        self._announce(run)
        if run.ends is None:
            self._expect_end(run)

    def cut(self, position: int) -> None:
        """What lies after ``position`` was dropped."""
        kept = [run for run in self._runs if run.start < position]
        for run in self._runs:
            if run.end > position:
                run.forget()
                run.end = position
                run.ends = None
        self._runs = kept
        for run in kept:
            if run.ends is None:
                self._expect_end(run)

    def close(self, position: int) -> None:
        """The call is over: report what was heard up to ``position``."""
        self.cut(position)
        for run in tuple(self._runs):
            self._finish(run)

    def _announce(self, run: _Run) -> None:
        if run.announced:
            return
        if self._position() < run.start:
            if run.starts is None:
                run.starts = self._schedule(run.start, lambda: self._announce(run))
            return
        part = next((part for part in self._tracker.parts if part.end_sample > run.start), None)
        if part is not None:
            self._report(run, part.voice)

    def _report(self, run: _Run, voice: str | None) -> None:
        run.announced = True
        self._sink.emit("line", "agent_audio", start_sample=run.start, samples=run.end - run.start, voice=voice)

    def _expect_end(self, run: _Run) -> None:
        run.ends = self._schedule(run.end + self._gap, lambda: self._maybe_finish(run))

    def _maybe_finish(self, run: _Run) -> None:
        if self._position() < run.end + self._gap:
            self._expect_end(run)
        else:
            self._finish(run)

    def _finish(self, run: _Run) -> None:
        run.forget()
        self._runs.remove(run)
        if not run.announced:
            self._report(run, None)
        self._sink.emit("line", "agent_silence", start_sample=run.end, samples=run.end - run.start)
