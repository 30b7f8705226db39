"""The handoffs of a call, each with its stages H0 .. H11 (metric set v2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.handoff_stages import Call, Window, stages_of
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["HANDOFF_TOOL", "Handoff", "handoffs"]

HANDOFF_TOOL = "handoff_conversation"


@dataclass(frozen=True, slots=True)
class Handoff:
    """One handoff that was asked for.

    Args:
        n: Counted from 1 in the call.
        from_agent: Who asked.
        to_agent: The target as the runtime resolved it; the one that was asked for where the runtime did not decide.
        target: What was asked for.
        accepted: The decision; nothing when there was none. False for one that was accepted and rolled back.
        reason: Of the decision, or of the rollback.
        rolled_back: Whether it was accepted, stored, and then undone because it could not take effect.
        from_phase: The phase before.
        to_phase: The phase that the decision leads to.
        t_ns: When it was first seen: the call on the wire, or the request at the runtime.
        seq: The event of that.
        until_seq: The first event of the next accepted handoff, or one past the last event.
        until_ns: The time of that, or the end of the call.
        stages: ``"H0"`` .. ``"H11"`` to nanoseconds since the start of the run; what did not happen is not in it.
        old_conn: The connection that asked.
        new_conn: The connection that the new agent was set up on; nothing when the old one was kept, or none was made.
    """

    n: int
    from_agent: str | None
    to_agent: str | None
    target: str | None
    accepted: bool | None
    reason: str
    rolled_back: bool
    from_phase: str | None
    to_phase: str | None
    t_ns: int
    seq: int
    until_seq: int
    until_ns: int
    stages: Mapping[str, int]
    old_conn: int | None
    new_conn: int | None

    @property
    def completed(self) -> bool:
        """Whether the caller heard the new agent."""
        return "H11" in self.stages

    @property
    def verdict(self) -> str:
        """What became of it, for people."""
        if self.rolled_back:
            return "rolled back"
        return {True: "accepted", False: "refused", None: "undecided"}[self.accepted]


def handoffs(record: CallRecord) -> tuple[Handoff, ...]:
    """Every handoff that was asked for, accepted or not, in order."""
    calls = _calls(record.events)
    return tuple(_handoff(record, n, call, _next_accepted(calls[n:])) for n, call in enumerate(calls, start=1))


def _next_accepted(calls: list[Call]) -> TraceEvent | None:
    """Where the next handoff begins that changes something."""
    for call in calls:
        if call.decided is not None and call.decided.data.get("accepted") is True:
            return call.first
    return None


def _calls(events: tuple[TraceEvent, ...]) -> list[Call]:
    """Pair tool calls, requests and decisions, each in the order in which they came."""
    calls: list[Call] = []
    for event in events:
        if event.name == "server.tool_call" and event.data.get("name") == HANDOFF_TOOL:
            calls.append(Call(tool_call=event))
        elif event.name == "runtime.handoff_requested":
            _open_call(calls, event).requested = event
        elif event.name == "runtime.handoff_decided":
            undecided = [call for call in calls if call.requested is not None and call.decided is None]
            if not undecided:
                undecided = [call for call in calls if call.decided is None]
            if not undecided:
                calls.append(Call())
                undecided = calls[-1:]
            undecided[0].decided = event
    return calls


def _open_call(calls: list[Call], request: TraceEvent) -> Call:
    """The tool call that a request answers; a new one when the request did not come from the wire."""
    waiting = [call for call in calls if call.requested is None and call.decided is None]
    target = request.data.get("target")
    for call in waiting:
        if call.target == target:
            return call
    if waiting:
        return waiting[0]
    calls.append(Call())
    return calls[-1]


def _handoff(record: CallRecord, n: int, call: Call, next_first: TraceEvent | None) -> Handoff:
    until_seq = next_first.seq if next_first is not None else record.events[-1].seq + 1
    until_ns = next_first.t_ns if next_first is not None else record.end_ns
    decided = call.decided.data if call.decided is not None else {}
    requested = call.requested.data if call.requested is not None else {}
    from_agent = _text(decided.get("from")) or _text(requested.get("from"))
    to_agent = _text(decided.get("to")) or call.target
    window = Window(call, from_agent, to_agent, until_seq, until_ns)
    found = stages_of(record, window)
    accepted = decided.get("accepted")
    undone = _rollback(record.events, call, until_seq) if accepted is True else None
    return Handoff(
        n=n,
        from_agent=from_agent,
        to_agent=to_agent,
        target=call.target,
        accepted=undone is None and accepted if isinstance(accepted, bool) else None,
        reason=_text((decided if undone is None else undone.data).get("reason")) or "",
        rolled_back=undone is not None,
        from_phase=_text(decided.get("from_phase")),
        to_phase=_text(decided.get("to_phase")),
        t_ns=call.first.t_ns,
        seq=call.first.seq,
        until_seq=until_seq,
        until_ns=until_ns,
        stages=found.stages,
        old_conn=found.old_conn,
        new_conn=found.new_conn,
    )


def _rollback(events: tuple[TraceEvent, ...], call: Call, until_seq: int) -> TraceEvent | None:
    assert call.decided is not None, "only what was decided can be undone"
    for event in events:
        is_undone = event.name == "runtime.state" and event.data.get("why") == "rolled_back"
        if is_undone and call.decided.seq < event.seq < until_seq:
            return event
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
