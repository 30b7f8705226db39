"""Checks that a call proves anything: what the scenario takes for granted must have happened."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.scenario.switches import SWITCHES
from roomkit_sim.sim.trace.events import Json, TraceEvent

__all__ = ["check_faults", "check_heard_at_all", "check_pace", "check_personas", "check_switches"]


NOBODY = "unknown"
MOST_LAG_MS = 250.0
"""More than the sound that a provider sends ahead (``Latency.lead_ms``): after that, speech has holes."""


def check_personas(subject: Subject) -> Iterator[Finding]:
    """Every session has somebody in charge, who can do what the rules say, with a voice of its own."""
    for event in subject.record.events:
        if event.name == "server.persona" and event.data.get("name") == NOBODY:
            begin = str(event.data.get("instructions", ""))
            message = f"no persona's 'when' is in the instructions of connection {event.data.get('conn')}: {begin!r}"
            yield _invalid(subject, "INVALID001", message, event.t_ns)
        elif event.name == "server.mind_refused":
            rule = f"rule {event.data.get('rule')} of persona {event.data.get('persona')}: "
            yield _invalid(subject, "INVALID003", f"{rule}{event.data.get('why')}", event.t_ns)
        elif event.name == "line.voice_conflict":
            yield _invalid(subject, "INVALID005", str(event.data.get("message")), event.t_ns)


def check_faults(subject: Subject) -> Iterator[Finding]:
    """Every fault of the scenario, or of the plan that it was played with, struck."""
    missed = subject.record.plan.get("missed_faults")
    for fault in missed if isinstance(missed, list) else ():
        if isinstance(fault, dict):
            message = f"{fault.get('what')} (at {fault.get('when')}) never struck: {fault.get('why')}"
            at_ns = fault.get("at_ns")
            where = str(fault.get("where") or subject.record.source)
            yield _invalid(subject, "INVALID002", message, at_ns if isinstance(at_ns, int) else None, where)


def check_pace(subject: Subject) -> Iterator[Finding]:
    """In real time, the machine kept up with it while the caller was on the line."""
    events = subject.record.events
    connected_ns = next((event.t_ns for event in events if event.name == "line.connected"), None)
    late = [(_number(event.data.get("late_ms")), event) for event in events if event.name == "world.lag"]
    during = [(ms, at_ns) for ms, event in late if connected_ns is not None and (at_ns := _at(event)) > connected_ns]
    worst_ms, at_ns = max(during, default=(0.0, 0))
    if worst_ms > MOST_LAG_MS:
        yield _invalid(subject, "INVALID009", f"this machine was {worst_ms:.0f} ms behind real time", at_ns)


def _at(event: TraceEvent) -> int:
    return round(_number(event.data.get("at_ns")))


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def check_switches(subject: Subject) -> Iterator[Finding]:
    """Every switch of the scenario made the service misbehave."""
    idle, scenario = subject.record.plan.get("idle_switches"), subject.record.plan.get("scenario")
    written = scenario.get("switches") if isinstance(scenario, dict) else None
    for name in idle if isinstance(idle, list) else ():
        message = f"the moment of {name} never came: it proves nothing. What it does: {SWITCHES[str(name)].does}"
        number = written.index(name) if isinstance(written, list) and name in written else 0
        yield _invalid(subject, "INVALID010", message, None, subject.locate("switches", number))


def check_heard_at_all(subject: Subject) -> Iterator[Finding]:
    """Of a caller who spoke, something was heard. A service of somebody else's need not tell."""
    if subject.record.plan.get("witness") == "wire":
        return
    names = {event.name for event in subject.record.events}
    if "caller.speech_end" in names and "server.turn_committed" not in names and "server.speech_started" not in names:
        yield _invalid(
            subject, "INVALID004", "the caller spoke, and the provider heard nothing at all", subject.record.end_ns
        )


def _invalid(subject: Subject, code: str, message: str, at_ns: int | None, where: str = "") -> Finding:
    return Finding(code, message, at_ns=at_ns, where=where or subject.record.source, severity=Severity.INVALID)
