"""Collects the events of one call, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from roomkit_sim.sim.trace.events import Json, Source, TraceEvent

__all__ = ["Recorder", "TraceSink"]


class TraceSink(Protocol):
    """Where a layer puts what it saw."""

    def emit(self, src: Source, kind: str, /, **data: Json) -> TraceEvent:
        """Record an event that happens now."""
        ...


class Recorder:
    """The trace of one call while it is made.

    Args:
        call: The call's id, stamped on every event.
        now_ns: Gives nanoseconds since the start of the run.
    """

    def __init__(self, call: str, now_ns: Callable[[], int]) -> None:
        self.call = call
        self.events: list[TraceEvent] = []
        self._now_ns = now_ns
        self._listeners: list[Callable[[TraceEvent], None]] = []
        self._closed = False

    def emit(self, src: Source, kind: str, /, **data: Json) -> TraceEvent:
        """Record an event that happens now, and tell the listeners."""
        kept = {key: _copied(value) for key, value in data.items()}
        return self._append(TraceEvent(self._now_ns(), len(self.events), self.call, src, kind, kept))

    def append_after_end(self, src: Source, kind: str, /, **data: Json) -> None:
        """Record what is found out when the run is over, although nothing more is recorded otherwise."""
        t_ns = self.events[-1].t_ns if self.events else 0
        self.events.append(TraceEvent(t_ns, len(self.events), self.call, src, kind, data))

    def close(self) -> None:
        """Record nothing more: what still happens is the run being taken down."""
        self._closed = True

    def listen(self, listener: Callable[[TraceEvent], None]) -> Callable[[], None]:
        """Call ``listener`` with every further event.

        Returns:
            A function that ends it.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _append(self, event: TraceEvent) -> TraceEvent:
        if self._closed:
            return event
        self.events.append(event)
        for listener in tuple(self._listeners):
            listener(event)
        return event


def _copied(value: Json) -> Json:
    """A copy that its owner cannot change any more: a trace tells what was, not what became of it."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
