"""Checks how the call was conducted: by the caller, the provider and the application."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.speech import VoiceSpan, agent_speech, utterances
from roomkit_sim.sim.trace.text_turns import text_turns

__all__ = ["check_application", "check_caller", "check_hearing", "check_prompts", "check_voices", "check_yielding"]

CHANGES_NOTHING = frozenset({"response_cancel_not_active"})
"""What services refuse because it has happened already: WIRE056 tells who could have known."""
UNKNOWN = "unknown"
LEAST_UNKNOWN_MS = 200.0
PAUSE_NS = 400_000_000
"""A pause within a turn of speech."""


def check_caller(subject: Subject) -> Iterator[Finding]:
    """The caller's waits came to something, and nobody hung up on the caller."""
    for event in subject.record.events:
        if event.name == "caller.wait_timeout":
            yield _in_vain(subject, event)
        elif event.name == "caller.cut_off":
            yield _at(subject, event, "CALLER002", f"hung up on the caller at step {event.data.get('step')}")


def _in_vain(subject: Subject, event: TraceEvent) -> Finding:
    data = event.data
    step, awaited = data.get("step"), str(data.get("for"))
    whom = f" of persona {data['persona']}" if data.get("persona") else ""
    is_moment = "." in awaited
    return Finding(
        "INVALID007" if is_moment else "CALLER001",
        f"step {step}: waited {data.get('within_ms')} ms for {awaited}{whom}",
        at_ns=event.t_ns,
        where=subject.step_at(step) if isinstance(step, int) else subject.record.source,
        severity=Severity.INVALID if is_moment else Severity.ERROR,
    )


def check_hearing(subject: Subject) -> Iterator[Finding]:
    """What the provider understood is what is expected. A service of somebody else's does not tell."""
    if subject.expect.heard is None or subject.record.plan.get("witness") == "wire":
        return
    heard = [event for event in subject.record.events if event.name == "server.heard"]
    names = [str(event.data.get("utterance") or UNKNOWN) for event in heard]
    if names != list(subject.expect.heard):
        yield Finding(
            "AUDIO001",
            "the provider understood other utterances than expected",
            at_ns=heard[-1].t_ns if heard else None,
            where=subject.expected_at("heard"),
            expected=", ".join(subject.expect.heard) or "(nothing)",
            actual=", ".join(names) or "(nothing)",
            evidence={"scores": [event.data.get("score") for event in heard]},
        )


def check_yielding(subject: Subject) -> Iterator[Finding]:
    """An agent whom the caller speaks over falls silent in time."""
    limit_ms = subject.expect.yields_within_ms
    if limit_ms is None:
        return
    where = subject.expected_at("yields_within_ms")
    overlaps = [
        (said, run)
        for said in utterances(subject.record)
        for run in _runs(agent_speech(subject.record))
        if run[0] < said.start_ns < run[1]
    ]
    if not overlaps:
        message = "the caller never spoke over an agent: nothing is proved about yielding"
        yield Finding("INVALID008", message, where=where, severity=Severity.INVALID)
    for said, (_, end_ns) in overlaps:
        took_ms = (end_ns - said.start_ns) / 1e6
        if took_ms > limit_ms:
            yield Finding(
                "AUDIO003",
                f"the agent spoke on for {took_ms:.0f} ms after the caller began {said.id!r}",
                at_ns=said.start_ns,
                where=where,
                expected=f"silence within {limit_ms} ms",
                actual=f"{took_ms:.0f} ms",
            )


def _runs(spans: Sequence[VoiceSpan]) -> list[tuple[int, int]]:
    """Speech with its short pauses, from its first sample to its last."""
    runs: list[tuple[int, int]] = []
    for span in spans:
        if runs and span.start_ns - runs[-1][1] <= PAUSE_NS:
            runs[-1] = (runs[-1][0], max(runs[-1][1], span.end_ns))
        else:
            runs.append((span.start_ns, span.end_ns))
    return runs


def check_prompts(subject: Subject) -> Iterator[Finding]:
    """A model that is asked to speak speaks before it is asked again: nobody greets twice."""
    asked: dict[object, TraceEvent] = {}
    questions = {turn.event.seq for turn in text_turns(subject.record.events) if turn.complete}
    for event in subject.record.events:
        conn = event.data.get("conn")
        if event.name in ("server.audio_started", "server.tool_call", "server.turn_committed", "server.interrupted"):
            asked.pop(conn, None)
        elif event.seq in questions:
            if conn in asked:
                gap_ms = (event.t_ns - asked[conn].t_ns) / 1e6
                message = f"connection {conn} was asked to speak again {gap_ms:.0f} ms after, before it had spoken"
                yield _at(subject, event, "INV009", message)
            asked[conn] = event


def check_voices(subject: Subject) -> Iterator[Finding]:
    """What the caller heard is the voices of agents."""
    for span in agent_speech(subject.record):
        if span.voice is None and not span.mixed and span.ms >= LEAST_UNKNOWN_MS:
            yield Finding(
                "AUDIO002",
                f"{span.ms:.0f} ms of sound that is no agent's voice",
                at_ns=span.start_ns,
                where=subject.record.source,
                expected="the voice of an agent",
                actual="something else",
            )


def check_application(subject: Subject) -> Iterator[Finding]:
    """The application, its runtime and the run itself came to no harm."""
    for event in subject.record.events:
        match event.name:
            case "runtime.app_raised":
                yield _at(subject, event, "APP001", _raised(event))
            case "server.refused" if event.data.get("code") not in CHANGES_NOTHING:
                yield _at(subject, event, "APP002", f"connection {event.data.get('conn')}: {event.data.get('why')}")
            case "world.deadlock" | "world.budget_exceeded":
                yield _at(subject, event, "APP003", str(event.data.get("message")))
            case "world.drift":
                yield _at(subject, event, "WIRE080", str(event.data.get("message")))
            case "world.unplayed":
                yield _unplayed(subject, event)
            case "world.real_network":
                yield _at(subject, event, "APP004", str(event.data.get("message")))
            case "world.unhandled":
                yield _at(subject, event, "APP005", str(event.data.get("message")))
            case "runtime.error":
                yield _at(subject, event, "APP005", _failed(event))
            case _:
                pass


def _unplayed(subject: Subject, event: TraceEvent) -> Finding:
    message, where = str(event.data.get("message")), subject.record.source
    return Finding("WIRE081", message, at_ns=None, where=where, severity=Severity.WARNING)


def _raised(event: TraceEvent) -> str:
    """The exception, and below it where it came from, innermost first."""
    where = event.data.get("where")
    places = [f"at {place}" for place in reversed(where)] if isinstance(where, list) else []
    return "\n".join([f"{event.data.get('exception')}: {event.data.get('message')}", *places])


def _failed(event: TraceEvent) -> str:
    exception = event.data.get("exception")
    return f"{event.data.get('where')}: {f'{exception}: ' if exception else ''}{event.data.get('message')}"


def _at(subject: Subject, event: TraceEvent, code: str, message: str) -> Finding:
    return Finding(code, message, at_ns=event.t_ns, where=subject.record.source)
