"""What must be true of every call, whatever its scenario expects."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.metrics.caller_audio import Stretch, account, hang_up_ns
from roomkit_sim.sim.scenario.consistency import HUMAN
from roomkit_sim.sim.trace.connections import connections
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.handoffs import Handoff, handoffs
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.speech import agent_speech

__all__ = [
    "check_caller_audio",
    "check_one_voice",
    "check_refusals",
    "check_silence_of_the_old",
    "check_state_and_wire",
]

REST_NS = 1_500_000_000
"""So long after the last change of state, state and wire must agree."""

LOST_MS = 10.0
"""More than this in sum is a loss: the alignment of an 8 kHz line is good to a few milliseconds (docs/adr/0004)."""

_STATE = ("agent", "phase", "handoff_count")


def check_one_voice(subject: Subject) -> Iterator[Finding]:
    """One audible agent at a time."""
    for span in agent_speech(subject.record):
        if span.mixed:
            yield Finding(
                "INV001",
                f"{' and '.join(span.mixed)} were audible at once for {span.ms:.0f} ms",
                at_ns=span.start_ns,
                where=subject.record.source,
                expected="one voice at a time",
                actual=", ".join(span.mixed),
            )


def check_silence_of_the_old(subject: Subject) -> Iterator[Finding]:
    """No sample of the old agent after the new one began."""
    spans = agent_speech(subject.record)
    for handoff in handoffs(subject.record):
        began_ns = handoff.stages.get("H11")
        if began_ns is None or handoff.from_agent == handoff.to_agent:
            continue
        late = [
            span
            for span in spans
            if span.agent is not None and span.agent == handoff.from_agent and began_ns <= span.start_ns
            if span.start_ns < handoff.until_ns
        ]
        if late:
            yield Finding(
                "INV002",
                f"{handoff.from_agent} was heard again {(late[0].start_ns - began_ns) / 1e6:.0f} ms after "
                f"{handoff.to_agent} had begun",
                at_ns=late[0].start_ns,
                where=subject.record.source,
                expected=f"silence of {handoff.from_agent}",
                actual=f"{sum(span.ms for span in late):.0f} ms of its voice",
            )


def check_state_and_wire(subject: Subject) -> Iterator[Finding]:
    """The agent in the state and the agent on the wire are the same whenever nothing is changing."""
    record = subject.record
    end_ns = hang_up_ns(record)
    for state, until_ns in _resting(record, end_ns):
        agent = state.data.get("agent")
        if agent == HUMAN or _human_took_over(record, until_ns):
            continue
        running = [
            spell.agent
            for view in connections(record.events)
            if view.open_at(until_ns) and (spell := view.persona_at(until_ns)) is not None
        ]
        if any(other != agent for other in running) or not running:
            yield Finding(
                "INV003",
                f"the state names {agent}, the wire runs {' and '.join(map(str, running)) or 'nobody'}",
                at_ns=until_ns,
                where=record.source,
                expected=str(agent),
                actual=", ".join(map(str, running)) or "no open session",
            )


def _resting(record: CallRecord, end_ns: int) -> Iterator[tuple[TraceEvent, int]]:
    """Each state with the last moment before it changes, if by then it has stood for long enough."""
    states = [event for event in record.events if event.name == "runtime.state" and event.t_ns <= end_ns]
    for index, state in enumerate(states):
        until_ns = (states[index + 1].t_ns if index + 1 < len(states) else end_ns) - 1
        if until_ns - state.t_ns >= REST_NS and not _is_switching(record, until_ns):
            yield state, until_ns


def _is_switching(record: CallRecord, at_ns: int) -> bool:
    steps = [
        event.data.get("step") for event in record.events if event.name == "runtime.reconfigure" and event.t_ns <= at_ns
    ]
    return bool(steps) and steps[-1] in ("started", "retry")


def _human_took_over(record: CallRecord, at_ns: int) -> bool:
    return any(handoff.accepted and handoff.to_agent == HUMAN and handoff.t_ns <= at_ns for handoff in handoffs(record))


def check_caller_audio(subject: Subject) -> Iterator[Finding]:
    """Nothing that the caller said is lost, and nothing arrives twice."""
    audio = account(subject.record)
    if audio is None:
        return
    for code, what, stretches in (("INV004", "never arrived", audio.lost), ("INV005", "arrived twice", audio.doubled)):
        total = sum(stretch.ms for stretch in stretches)
        if total > LOST_MS:
            yield Finding(
                code,
                f"{total:.0f} ms of the caller's audio {what}",
                at_ns=stretches[0].start_ns,
                where=subject.record.source,
                expected="every sample once",
                actual=_shown(stretches),
            )


def _shown(stretches: tuple[Stretch, ...]) -> str:
    shown = [f"{stretch.start_ns / 1e9:.3f} s ({stretch.ms:.0f} ms)" for stretch in stretches[:5]]
    more = len(stretches) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def check_refusals(subject: Subject) -> Iterator[Finding]:
    """A refused handoff changes nothing: neither the state nor who runs on the wire."""
    for handoff in handoffs(subject.record):
        if handoff.accepted is False:
            yield from _changes(subject.record, handoff)


def _changes(record: CallRecord, handoff: Handoff) -> Iterator[Finding]:
    before = [event for event in record.events if event.seq < handoff.seq]
    during = [event for event in record.events if handoff.seq <= event.seq < handoff.until_seq]
    for name, keys in (("runtime.state", _STATE), ("server.persona", ("agent",))):
        known = [event for event in before if event.name == name]
        for event in during:
            if event.name != name or not known:
                continue
            old, new = ({key: other.data.get(key) for key in keys} for other in (known[-1], event))
            if old != new:
                yield Finding(
                    "INV006",
                    f"handoff {handoff.n} was refused, and yet {name} changed",
                    at_ns=event.t_ns,
                    where=record.source,
                    expected=str(old),
                    actual=str(new),
                )
                break
