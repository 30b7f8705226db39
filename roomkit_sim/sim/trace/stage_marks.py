"""By what a stage of a handoff can be recognised while a call goes on.

Which event of a call is which stage is known when the call is over (``handoff_stages``). A mark says it of an earlier,
undisturbed playing of the same call, in a way that holds in the next one, whichever its clock: the stage is the n-th
event of a kind after the handoff was asked for, or so long after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from roomkit_sim.sim.trace.connections import is_setup_complete
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.handoffs import HANDOFF_TOOL, Handoff, handoffs
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["StageMark", "StageWatch", "stage_mark"]

Matches = Callable[[TraceEvent], bool]


def _named(*names: str) -> Matches:
    return lambda event: event.name in names


def _asks(event: TraceEvent) -> bool:
    return event.name == "server.tool_call" and event.data.get("name") == HANDOFF_TOOL


def _restores_context(event: TraceEvent) -> bool:
    return event.name in ("server.resumed", "wire.sent") or is_setup_complete(event)


_KINDS: Mapping[str, Matches] = {
    "H0": _named("caller.speech_end"),
    "H1": _named("server.turn_committed"),
    "H2": _asks,
    "H3": _named("runtime.handoff_decided"),
    "H4": _named("runtime.state"),
    "H6": _named("wire.close"),
    "H7": _named("wire.open"),
    "H8": is_setup_complete,
    "H9": _restores_context,
    "H10": _named("server.audio_started"),
}
"""The events that stages are read from. H5 and H11 are read from sound: they follow an event by some time."""

_BEFORE_IT_IS_ASKED_FOR = ("H0", "H1", "H2", "H5")


@dataclass(frozen=True, slots=True)
class StageMark:
    """How to recognise a stage.

    Args:
        begin: The name of the event after which is counted; none: from the start of the run.
        begins: After how many of them.
        stage: Whose kind of event is counted.
        nth: Which event of that kind it is.
        offset_ns: So much later the stage is.
    """

    begin: str | None
    begins: int
    stage: str
    nth: int
    offset_ns: int = 0


def stage_mark(record: CallRecord, number: int, stage: str) -> StageMark | None:
    """Make the mark of a stage from a call that was played.

    Args:
        record: The call.
        number: The handoff, counted from 1.
        stage: ``H0`` .. ``H11``.

    Returns:
        Nothing if the call has no such handoff, or the handoff not that stage.
    """
    every = handoffs(record)
    if number > len(every) or stage not in every[number - 1].stages:
        return None
    handoff, at_ns = every[number - 1], every[number - 1].stages[stage]
    begin: TraceEvent | None = record.events[handoff.seq]
    if stage in _BEFORE_IT_IS_ASKED_FOR:
        begin = record.events[every[number - 2].seq] if number > 1 else None
    kind, offset_ns = stage, 0
    if stage in _KINDS:
        found = _event(record, handoff, stage, at_ns, begin)
    else:
        kind = "H10"
        found = _last_sound(record, at_ns, begin)
        offset_ns = 0 if found is None else at_ns - found.t_ns
    if found is None:
        return None
    counted = [event for event in record.events if _since(begin, event) and _KINDS[kind](event)]
    nth = sum(event.seq <= found.seq for event in counted)
    if begin is None:
        return StageMark(None, 0, kind, nth, offset_ns)
    begins = sum(_is_begin(begin.name, event) for event in record.events[: begin.seq + 1])
    return StageMark(begin.name, begins, kind, nth, offset_ns)


def _event(record: CallRecord, handoff: Handoff, stage: str, at_ns: int, begin: TraceEvent | None) -> TraceEvent | None:
    """The event that a stage is read from."""
    conn = {"H6": handoff.old_conn, "H7": handoff.new_conn, "H8": handoff.new_conn, "H10": handoff.new_conn}.get(stage)
    for event in record.events:
        if event.t_ns < at_ns or not _since(begin, event) or not _KINDS[stage](event):
            continue
        if conn is None or event.data.get("conn") == conn:
            return event
    return None


def _last_sound(record: CallRecord, before_ns: int, begin: TraceEvent | None) -> TraceEvent | None:
    """Where the provider began to send what is heard at a moment."""
    before = [event for event in record.events if event.t_ns <= before_ns and _KINDS["H10"](event)]
    return before[-1] if before and _since(begin, before[-1]) else None


def _since(begin: TraceEvent | None, event: TraceEvent) -> bool:
    """Whether an event counts: H2 is the event at which counting begins for the stages after it."""
    return begin is None or event.seq > begin.seq


def _is_begin(name: str, event: TraceEvent) -> bool:
    return event.name == name and (name != "server.tool_call" or _asks(event))


class StageWatch:
    """Follows the events of a call and tells when a mark is reached.

    Args:
        mark: The mark.
    """

    def __init__(self, mark: StageMark) -> None:
        self._mark = mark
        self._begins = 0
        self._count = 0

    def feed(self, event: TraceEvent) -> bool:
        """Whether this is the event, after which the mark's ``offset_ns`` have to pass."""
        mark = self._mark
        counts = mark.begin is None or self._begins >= mark.begins
        if mark.begin is not None and _is_begin(mark.begin, event):
            self._begins += 1
        if not counts or not _KINDS[mark.stage](event):
            return False
        self._count += 1
        return self._count == mark.nth
