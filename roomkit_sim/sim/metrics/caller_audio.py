"""Which of the caller's audio reached the provider: lost and doubled milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit_sim.sim.audio.alignment import AlignedSpan, coverage
from roomkit_sim.sim.trace.connections import connections
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.route import HUMAN

__all__ = ["HEAD_MS", "LEAST_MS", "TAIL_MS", "CallerAudio", "Stretch", "account", "hang_up_ns"]

TAIL_MS = 300
"""The end of the call that is not accounted for: what was on its way when the caller hung up."""

HEAD_MS = 40
"""After the first setup: the frames that were captured before the session was there."""

LEAST_MS = 3
"""Shorter stretches are the error of the alignment (docs/adr/0004)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the caller's track. Nanoseconds since the start of the run."""

    start_ns: int
    end_ns: int

    @property
    def ms(self) -> float:
        """Its length in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6

    def within(self, start_ns: int, end_ns: int) -> Stretch | None:
        """The part of it between two moments."""
        start, end = max(self.start_ns, start_ns), min(self.end_ns, end_ns)
        return Stretch(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """What of the caller's track never arrived, and what arrived more than once.

    Args:
        accounted: The part of the track that was looked at.
        lost: What arrived on no connection.
        doubled: What arrived more than once, on one connection or on several.
    """

    accounted: Stretch
    lost: tuple[Stretch, ...]
    doubled: tuple[Stretch, ...]

    def lost_ms(self, start_ns: int | None = None, end_ns: int | None = None) -> float:
        """Milliseconds lost, of the whole call or between two moments."""
        return _total(self.lost, self.accounted, start_ns, end_ns)

    def doubled_ms(self, start_ns: int | None = None, end_ns: int | None = None) -> float:
        """Milliseconds doubled, of the whole call or between two moments."""
        return _total(self.doubled, self.accounted, start_ns, end_ns)


def _total(stretches: tuple[Stretch, ...], whole: Stretch, start_ns: int | None, end_ns: int | None) -> float:
    start = whole.start_ns if start_ns is None else start_ns
    end = whole.end_ns if end_ns is None else end_ns
    return sum(part.ms for stretch in stretches if (part := stretch.within(start, end)) is not None)


def account(record: CallRecord) -> CallerAudio | None:
    """Account for the caller's audio between the first setup and the end of the call.

    Returns:
        Nothing when the trace has no accounting, as in live calls, or no setup.
    """
    spans = [_span(event) for event in record.events if event.name == "server.audio_received"]
    window = _window(record)
    accounted = bool(spans) or any(event.name == "server.audio_accounted" for event in record.events)
    if not accounted or window is None:
        return None
    start, end = record.sample(window.start_ns), record.sample(window.end_ns)
    covered = coverage(spans, start, end, least_samples=max(1, LEAST_MS * record.rate_hz // 1000))
    muted = _muted(record)
    lost = [_stretch(record, span.start_sample, span.end_sample) for span in covered.lost]
    return CallerAudio(
        window,
        tuple(part for stretch in lost for part in _without(stretch, muted)),
        tuple(_stretch(record, span.start_sample, span.end_sample) for span in covered.doubled),
    )


def _span(event: TraceEvent) -> AlignedSpan:
    received, reference, samples = (event.data.get(key) for key in ("received_start", "reference_start", "samples"))
    return AlignedSpan(*(value if isinstance(value, int) else 0 for value in (received, reference, samples)))


def _stretch(record: CallRecord, start: int, end: int) -> Stretch:
    return Stretch(record.ns(start), record.ns(end))


def _window(record: CallRecord) -> Stretch | None:
    ready = [view.ready_ns for view in connections(record.events) if view.ready_ns is not None]
    if not ready:
        return None
    start = max(min(ready), _connected_ns(record)) + HEAD_MS * 1_000_000
    end = _end_of_service(record) - TAIL_MS * 1_000_000
    return Stretch(start, end) if start < end else None


def _connected_ns(record: CallRecord) -> int:
    return next((event.t_ns for event in record.events if event.name == "line.connected"), 0)


def hang_up_ns(record: CallRecord) -> int:
    """When the call was ended, by the caller or by the application; the end of the trace if by nobody."""
    ends = ("caller.hang_up", "caller.cut_off", "line.disconnected")
    return next((event.t_ns for event in record.events if event.name in ends), record.end_ns)


def _end_of_service(record: CallRecord) -> int:
    """Until when audio could arrive: the hang-up, or the start of a switch of connections that it cut short.

    Audio that waits for a session when the caller hangs up has nowhere to go; that is no loss. Nor is what a caller
    says to a person who has taken over.
    """
    end = hang_up_ns(record)
    switching: int | None = None
    for event in record.events:
        if event.t_ns > end:
            break
        step = event.data.get("step")
        if event.name in ("runtime.reconfigure", "runtime.connection") and step != "go_away":
            begun = step in ("started", "retry", "lost", "reconnecting")
            switching = (switching or event.t_ns) if begun else None
        elif event.name == "runtime.handoff_decided" and event.data.get("accepted") and event.data.get("to") == HUMAN:
            return event.t_ns
    views = [view for view in connections(record.events) if view.ready_ns is not None]
    if not any(view.open_at(end - 1) for view in views):
        closed = [view.closed_ns for view in views if view.closed_ns is not None and view.closed_ns <= end]
        end = max(closed, default=end)
    return end if switching is None else min(switching, end)


def _muted(record: CallRecord) -> list[Stretch]:
    """When the application muted the caller: what is said then is not meant to arrive."""
    stretches: list[Stretch] = []
    since: int | None = None
    for event in record.events:
        if event.name == "line.effect" and event.data.get("effect") == "input_muted":
            if event.data.get("muted") is True:
                since = event.t_ns if since is None else since
            elif since is not None:
                stretches.append(Stretch(since, event.t_ns))
                since = None
    return stretches if since is None else [*stretches, Stretch(since, record.end_ns)]


def _without(stretch: Stretch, others: list[Stretch]) -> list[Stretch]:
    parts = [stretch]
    for other in others:
        parts = [
            piece
            for part in parts
            for piece in (part.within(part.start_ns, other.start_ns), part.within(other.end_ns, part.end_ns))
            if piece is not None
        ]
    return parts
