"""What became of a call that was disturbed on purpose: a function of its record, its findings and the same undisturbed.

survived: the caller got where it would have got, and nothing that the scenario expects failed. recovered: the call went
on with the agent that the state names. ended: the application ended the call and said why. corrupted: anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from roomkit_sim.sim.checks.consequences import DRIFT
from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.checks.outcome import Outcome
from roomkit_sim.sim.faults.bounds import DEAD_AIR_MS
from roomkit_sim.sim.faults.excuses import excuse, is_defined, strikes, undefined_errors
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.speech import agent_speech

__all__ = ["judge", "longest_wait_ms", "settled"]


def judge(record: CallRecord, findings: Sequence[Finding], undisturbed: CallRecord) -> Outcome:
    """Say what became of a call.

    Args:
        record: The call.
        findings: Everything that the checks find in it, as if nothing had been done to it.
        undisturbed: The same call, to which nothing was done.
    """
    struck = strikes(record)
    if struck and any(finding.code == DRIFT and (finding.at_ns or 0) >= struck[0].t_ns for finding in findings):
        return Outcome("invalid", None, ("the recording does not say what comes of what the application did then",))
    extra_ms = longest_wait_ms(record, undisturbed)
    ended = _ended_by_application(record)
    failing = [finding for finding in findings if finding.fails and excuse(finding, record, ended=ended) is None]
    wrong = [finding for finding in failing if finding.severity is not Severity.INVALID]
    reasons = [f"{finding.code} {_first_line(finding.message)}" for finding in wrong]
    reasons += [f"an error that nobody had thought of: {_first_line(error)}" for error in undefined_errors(record)]
    if struck:
        reasons += _left_alone(record, struck[0].t_ns, ended=ended)
    if reasons:
        return Outcome("corrupted", extra_ms, tuple(dict.fromkeys(reasons)))
    if not struck or failing:
        return Outcome("invalid", None, tuple(f"{finding.code} {_first_line(finding.message)}" for finding in failing))
    if ended:
        return Outcome("ended", None, (_why(record),))
    repeated = any(event.name == "caller.repeat" for event in record.events)
    unmet = any(finding.fails for finding in findings if not finding.code.startswith(("APP", "INV")))
    return Outcome("recovered" if repeated or unmet else "survived", extra_ms)


def settled(record: CallRecord, findings: Sequence[Finding], outcome: Outcome) -> tuple[Finding, ...]:
    """The findings of a disturbed call: what is excused fails no more, and a corruption is one of its own."""
    ended = _ended_by_application(record)
    kept = []
    for finding in findings:
        why = excuse(finding, record, ended=ended) if finding.fails else None
        kept.append(finding if why is None else finding.waived(f"the call was disturbed: {why}"))
    if outcome.kind != "corrupted":
        return tuple(kept)
    struck = strikes(record)
    corruption = Finding(
        "FAULT001",
        f"{_told(struck[0].data) if struck else 'a fault'} corrupted the call",
        at_ns=struck[0].t_ns if struck else None,
        where=record.source,
        expected="the call survives, recovers, or ends and says why",
        actual="; ".join(outcome.reasons),
    )
    return (corruption, *kept)


def longest_wait_ms(record: CallRecord, undisturbed: CallRecord) -> float | None:
    """How much longer one step of the caller's script took at most; nothing if there is no step to compare."""
    here, there = _steps(record), _steps(undisturbed)
    both = [(here[number] - there[number]) / 1e6 for number in here if number in there]
    return max(0.0, *both) if both else None


def _steps(record: CallRecord) -> Mapping[object, int]:
    """How many nanoseconds each step took that was finished."""
    ends = ("caller.step", "caller.hang_up")
    moments = [event for event in record.events if event.name in ends]
    return {
        step.data.get("n"): following.t_ns - step.t_ns
        for step, following in pairwise(moments)
        if step.name == "caller.step"
    }


def _left_alone(record: CallRecord, struck_ns: int, *, ended: bool) -> list[str]:
    """Whether the caller was left to talk to nobody."""
    end_ns = _line_end_ns(record)
    heard = [span for span in agent_speech(record) if span.end_ns > struck_ns]
    sounds = [(struck_ns, struck_ns), *((max(span.start_ns, struck_ns), span.end_ns) for span in heard)]
    silences = [(after[0] - before[1]) / 1e6 for before, after in pairwise([*sounds, (end_ns, end_ns)])]
    if max(silences) >= DEAD_AIR_MS:
        return [f"the line was open, and nobody spoke for {max(silences) / 1000:.1f} s"]
    if ended:
        return [] if _errors(record) else ["the line was closed, and nothing says why"]
    if any(event.name == "caller.wait_timeout" for event in record.events):
        in_charge = _in_charge(record)
        if not any(span.agent in (None, in_charge) for span in heard):
            return [f"the state names {in_charge}, whom the caller never heard again"]
    return []


def _ended_by_application(record: CallRecord) -> bool:
    """Whether the application ended the call, or could not answer it and said so."""
    for event in record.events:
        if event.name == "line.disconnected":
            # Where the application fails, the harness hangs up for it.
            raised = any(other.name == "runtime.app_raised" and other.seq < event.seq for other in record.events)
            return event.data.get("by") == "app" or raised
    return False


def _line_end_ns(record: CallRecord) -> int:
    return next((event.t_ns for event in record.events if event.name == "line.disconnected"), record.end_ns)


def _errors(record: CallRecord) -> list[str]:
    return [
        str(event.data.get("message"))
        for event in record.events
        if event.name in ("runtime.error", "runtime.app_raised") and is_defined(event.data.get("exception"))
    ]


def _why(record: CallRecord) -> str:
    errors = _errors(record)
    return _first_line(errors[-1]) if errors else ""


def _in_charge(record: CallRecord) -> object:
    agents = [event.data.get("agent") for event in record.events if event.name == "runtime.state"]
    return agents[-1] if agents else None


def _told(data: Mapping[str, object]) -> str:
    return f"{data.get('what')} at {data.get('where')}"


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
