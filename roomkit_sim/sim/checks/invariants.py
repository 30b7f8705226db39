"""What must be true of every call, whatever its scenario expects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.metrics.caller_audio import Stretch, account, hang_up_ns
from roomkit_sim.sim.trace.connections import ConnectionView, connections
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.handoffs import Handoff, handoffs
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.route import HUMAN
from roomkit_sim.sim.trace.speech import agent_speech

__all__ = [
    "check_caller_audio",
    "check_human_takeover",
    "check_one_voice",
    "check_refusals",
    "check_silence_of_the_old",
    "check_state_and_wire",
    "check_voices_of_agents",
]

REST_NS = 1_500_000_000
"""So long after a change of state, state and wire must agree."""

NOBODY_NS = 3_000_000_000
"""A lost connection may take so long to be replaced; after that the caller talks to nobody."""

CLOSING_NS = 3_000_000_000
"""So long a connection that the client leaves may take to close, beside the one that took its place."""

LEAST_OVERLAP_MS = 60.0
"""Shorter than this, two voices at once cannot be told from a change of voice or a drop-out."""

LOST_MS = 10.0
"""More than this in sum is a loss: the alignment of an 8 kHz line is good to a few milliseconds (docs/adr/0004)."""

_STATE = ("agent", "phase", "handoff_count")


def check_one_voice(subject: Subject) -> Iterator[Finding]:
    """One audible agent at a time."""
    record = subject.record
    for span in agent_speech(record):
        # A voice that no session has yet is a resemblance, as drop-outs make it, and no second agent.
        is_overlap = bool(span.mixed) and all(_is_configured(record, voice, span.start_ns) for voice in span.mixed)
        if is_overlap and span.ms >= LEAST_OVERLAP_MS:
            yield Finding(
                "INV001",
                f"{' and '.join(span.mixed)} were audible at once for {span.ms:.0f} ms",
                at_ns=span.start_ns,
                where=record.source,
                expected="one voice at a time",
                actual=", ".join(span.mixed),
            )


def _is_configured(record: CallRecord, voice: str, before_ns: int) -> bool:
    return any(
        event.name == "server.persona" and event.data.get("voice") == voice and event.t_ns <= before_ns
        for event in record.events
    )


def check_human_takeover(subject: Subject) -> Iterator[Finding]:
    """Nobody but the caller is heard, and no model is connected, once a person has taken over."""
    record = subject.record
    for handoff in handoffs(record):
        if not handoff.accepted or handoff.to_agent != HUMAN:
            continue
        settled_ns, until_ns = handoff.t_ns + REST_NS, min(handoff.until_ns, hang_up_ns(record))
        heard = [span for span in agent_speech(record) if settled_ns <= span.start_ns < until_ns]
        is_open = [view.conn for view in connections(record.events) if view.open_at(until_ns - 1)]
        if heard or (is_open and settled_ns < until_ns):
            at_ns = heard[0].start_ns if heard else until_ns - 1
            yield Finding(
                "INV007",
                f"{heard[0].agent or 'an agent'} was heard" if heard else f"connection {is_open[0]} was still open",
                at_ns=at_ns,
                where=record.source,
                expected="silence, and no connection to the provider",
                actual=f"{len(heard)} stretches of speech, {len(is_open)} open connections",
            )


def check_voices_of_agents(subject: Subject) -> Iterator[Finding]:
    """Every session has the voice of the agent that it runs, where the application says which that is."""
    voices = subject.record.plan.get("voices")
    for event in subject.record.events:
        if event.name != "server.persona" or not isinstance(voices, dict):
            continue
        wanted = voices.get(str(event.data.get("agent")))
        if wanted is not None and event.data.get("voice") != wanted:
            yield Finding(
                "INV008",
                f"connection {event.data.get('conn')} runs {event.data.get('agent')} with another agent's voice",
                at_ns=event.t_ns,
                where=subject.record.source,
                expected=str(wanted),
                actual=str(event.data.get("voice")),
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
    states = [event for event in record.events if event.name == "runtime.state" and event.t_ns <= end_ns]
    for index, state in enumerate(states):
        until_ns = states[index + 1].t_ns if index + 1 < len(states) else end_ns
        for at_ns, running in _disagreements(record, state, until_ns):
            yield Finding(
                "INV003",
                f"the state names {state.data.get('agent')}, the wire runs {' and '.join(running) or 'nobody'}",
                at_ns=at_ns,
                where=record.source,
                expected=str(state.data.get("agent")),
                actual=", ".join(running) or "no open session",
                evidence={"running": [*running]},
            )


def _disagreements(record: CallRecord, state: TraceEvent, until_ns: int) -> Iterator[tuple[int, list[str]]]:
    """The first moment of a state at which the wire runs nobody for long, and the first at which somebody else."""
    agent, views = state.data.get("agent"), connections(record.events)
    changes = {moment for view in views for moment in (view.ready_ns, view.closed_ns) if moment is not None}
    changes |= {spell.t_ns for view in views for spell in view.personas}
    start_ns, human_ns = state.t_ns + REST_NS, _human_takeover_ns(record)
    nobody_since: int | None = None
    nobody_told = False
    for at_ns in sorted({start_ns, until_ns - 1, *changes}):
        if not start_ns <= at_ns < until_ns or agent == HUMAN or at_ns >= human_ns:
            continue
        present = [view for view in views if view.open_at(at_ns) and not _is_being_left(view, views, at_ns)]
        running = [spell.agent for view in present if (spell := view.persona_at(at_ns))]
        if any(other != agent for other in running) and not _is_switching(record, at_ns):
            yield at_ns, [str(other) for other in running]
            return
        if running:
            nobody_since = None
        elif nobody_since is None:
            nobody_since = at_ns
        is_long = nobody_since is not None and _next(changes, nobody_since, until_ns) - nobody_since >= NOBODY_NS
        if nobody_since is not None and is_long and not nobody_told:
            nobody_told = True
            yield nobody_since, []


def _is_being_left(view: ConnectionView, views: Sequence[ConnectionView], at_ns: int) -> bool:
    """Whether the client is closing a connection beside the one that took its place (make-before-break)."""
    closing = view.closed_by == "client" and view.closed_ns is not None and view.closed_ns - at_ns <= CLOSING_NS
    return closing and any(other.conn > view.conn and other.open_at(at_ns) for other in views)


def _next(changes: set[int], after_ns: int, until_ns: int) -> int:
    return min((moment for moment in changes if after_ns < moment < until_ns), default=until_ns)


def _is_switching(record: CallRecord, at_ns: int) -> bool:
    steps = [
        event.data.get("step") for event in record.events if event.name == "runtime.reconfigure" and event.t_ns <= at_ns
    ]
    return bool(steps) and steps[-1] in ("started", "retry")


def _human_takeover_ns(record: CallRecord) -> float:
    taken = (handoff.t_ns for handoff in handoffs(record) if handoff.accepted and handoff.to_agent == HUMAN)
    return min(taken, default=math.inf)


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
    every = handoffs(subject.record)
    for handoff in every:
        if handoff.accepted is False:
            yield from _changes(subject.record, handoff, _in_flight(every, handoff))


def _in_flight(every: tuple[Handoff, ...], refused: Handoff) -> list[str | None]:
    """Where accepted handoffs that are under way lead: what they change is not the refused one's doing."""
    return [
        other.to_agent
        for other in every
        if other.accepted
        and other.t_ns <= refused.t_ns <= other.stages.get("H8", other.stages.get("H4", other.t_ns) + REST_NS)
    ]


def _changes(record: CallRecord, handoff: Handoff, in_flight: list[str | None]) -> Iterator[Finding]:
    before = [event for event in record.events if event.seq < handoff.seq]
    during = [event for event in record.events if handoff.seq <= event.seq < handoff.until_seq]
    if handoff.rolled_back:
        # It was stored and taken back: only what is left of it counts.
        during = [event for event in during if event.data.get("why") == "rolled_back"]
    for name, keys in (("runtime.state", _STATE), ("server.persona", ("agent",))):
        known = [event for event in before if event.name == name]
        for event in during:
            if event.name != name or not known or event.data.get("agent") in in_flight:
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
