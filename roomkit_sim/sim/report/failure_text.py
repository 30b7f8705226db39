"""What a failed call looks like in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.report.unplayed import unplayed_finding
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["failure_text", "seconds", "unplayed_text"]

_LAST = 6
_INTERESTING = (
    "caller.speech_end",
    "caller.wait_timeout",
    "caller.hang_up",
    "caller.cut_off",
    "server.heard",
    "server.tool_call",
    "server.mind_refused",
    "server.refused",
    "server.persona",
    "runtime.handoff_decided",
    "runtime.state",
    "runtime.reconfigure",
    "runtime.session_ended",
    "runtime.app_raised",
    "runtime.error",
    "wire.close",
    "world.fault",
)


def failure_text(checked: CheckedCall, listen: str | None) -> str:
    """The text: file and line, what was expected and what was, the last events, how to repeat it and to listen.

    Args:
        checked: The call.
        listen: The call's page, as the user would open it; nothing if it is not kept.
    """
    return "\n".join(_lines(checked, listen))


def unplayed_text(plan: Plan, error: Exception) -> str:
    """The text for a run that could not be played: code, file and line, how to repeat it.

    Args:
        plan: The run.
        error: Why not.
    """
    finding = unplayed_finding(plan, error)
    return "\n".join([f"{finding.where}  {plan.id}", *_finding(finding), f"  replay          {plan.rerun}"])


def _lines(checked: CheckedCall, listen: str | None) -> Iterator[str]:
    record, failures = checked.record, checked.failures
    yield f"{failures[0].where or record.source}  {record.run}{_call(record)}"
    for finding in failures:
        yield from _finding(finding)
    moments = [finding.at_ns for finding in failures if finding.at_ns is not None]
    first_ns = min(moments, default=record.end_ns)
    # What led to the first one, and what came of it until the last.
    yield from _events(record, max(moments, default=record.end_ns))
    yield f"  replay          {record.rerun}"
    if listen is not None:
        yield f"  listen          {listen}#t={max(0.0, first_ns / 1e9 - 1):.1f}"


def _call(record: CallRecord) -> str:
    _, _, name = record.call.partition(".")
    return f", call {name!r}" if name else ""


def _finding(finding: Finding) -> Iterator[str]:
    invalid = "  (invalid: the run proves nothing)" if finding.severity is Severity.INVALID else ""
    first, *more = finding.message.splitlines()
    yield f"  {finding.code} {first}{invalid}"
    yield from (f"    {line}" for line in more)
    moment = f"at {seconds(finding.at_ns)}" if finding.at_ns is not None else ""
    if moment or finding.where:
        yield f"    {'  '.join(part for part in (moment, finding.where) if part)}"
    if finding.expected:
        yield f"    expected      {finding.expected}"
    if finding.actual:
        divergence = finding.evidence.get("divergence")
        mark = f"    first divergence at step {divergence + 1}" if isinstance(divergence, int) else ""
        yield f"    actual        {finding.actual}{mark}"


def _events(record: CallRecord, until_ns: int) -> Iterator[str]:
    """The last events that say something, up to the first finding."""
    before = [event for event in record.events if event.name in _INTERESTING and event.t_ns <= until_ns]
    label = "last events"
    for event in before[-_LAST:]:
        yield f"  {label:<15} {event.t_ns / 1e9:8.3f}  {_shown(event)}"
        label = ""


def _shown(event: TraceEvent) -> str:
    data = event.data
    match event.name:
        case "caller.speech_end":
            return f"the caller has said {data.get('utterance')!r}"
        case "server.heard":
            return f"the provider heard {data.get('utterance') or 'something unknown'!r} (score {data.get('score')})"
        case "server.tool_call":
            args = data.get("args")
            shown = ", ".join(f"{key}={value!r}" for key, value in args.items()) if isinstance(args, dict) else ""
            return f"the model called {data.get('name')}({shown})"
        case "server.persona":
            return f"connection {data.get('conn')} runs {data.get('agent')} with voice {data.get('voice')}"
        case "runtime.handoff_decided":
            verdict = "accepted" if data.get("accepted") else f"refused: {data.get('reason')}"
            return f"handoff {data.get('from')} -> {data.get('to')} {verdict}"
        case "runtime.state":
            return f"state: {data.get('agent')} in {data.get('phase')} ({data.get('why')})"
        case _:
            said = {key: value for key, value in data.items() if value not in (None, "") and key != "where"}
            return " ".join([event.name, *(f"{key}={value}" for key, value in said.items())])[:160]


def seconds(t_ns: int) -> str:
    """A moment in the call, for people."""
    return f"{t_ns / 1e9:.3f} s"
