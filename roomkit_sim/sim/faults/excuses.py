"""What is no failure of a call that was disturbed on purpose, and why. docs/faults.md has this as a table.

Expectations of the scenario are of the undisturbed call. What must always hold is not excused, but for what no
application could have helped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from roomkit_sim import errors
from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.metrics.caller_audio import Stretch, account
from roomkit_sim.sim.trace.connections import ConnectionView, connections
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["EXPECTATIONS", "excuse", "is_defined", "strikes", "undefined_errors"]

IN_FLIGHT_NS = 500_000_000
"""What was sent so shortly before a connection was lost may never have arrived."""

_EXPECTATION = "the scenario expects it of the undisturbed call"

EXPECTATIONS: Mapping[str, str] = dict.fromkeys(
    (
        "ROUTE001", "ROUTE002", "ROUTE003", "ROUTE004", "ROUTE005", "PHASE002", "LAT001", "LAT002",
        "AUDIO001", "AUDIO003", "AUDIO004", "AUDIO005", "CALLER001", "CALLER002",
        "INVALID006", "INVALID007", "INVALID008",
    ),
    _EXPECTATION,
)  # fmt: skip
"""Codes that cannot fail a disturbed call; dead air, a call without an agent and the like are looked for instead."""

_LOSES = ("cut", "close", "corrupt")
"""Faults after which what was under way is lost."""

_DEFINED = frozenset(
    name
    for name in errors.__all__
    if not issubclass(getattr(errors, name), errors.SimulationError) and name != "WorkCancelledError"
)


def excuse(finding: Finding, record: CallRecord, *, ended: bool) -> str | None:
    """Why a finding is no failure of a disturbed call; nothing if it is one.

    Args:
        finding: Any.
        record: The call.
        ended: Whether the application ended the call.
    """
    if finding.code in EXPECTATIONS:
        return EXPECTATIONS[finding.code]
    match finding.code:
        case "APP001" | "APP005" if not undefined_errors(record):
            return "an error was reported, as it must be"
        case "INV003" if finding.evidence.get("running") == []:
            return "the connection was being replaced; how long that may take is the limit of dead air"
        case "INV004" if _all_unreachable(record, ended=ended):
            return "nobody could be reached: it was under way when the connection was lost, or the call had ended"
        case "INVALID004" if ended:
            return "the call ended before anything could be heard"
        case _:
            return None


def strikes(record: CallRecord) -> tuple[TraceEvent, ...]:
    """The faults that happened."""
    return tuple(event for event in record.events if event.name == "world.fault" and event.data.get("conn") is not None)


def is_defined(exception: object) -> bool:
    """Whether an exception, by its name, is one that the runtime raises on purpose; none at all is."""
    return exception is None or exception == "" or exception in _DEFINED


def undefined_errors(record: CallRecord) -> list[str]:
    """Errors that nobody had thought of: foreign exceptions, and those of tasks that nobody awaits."""
    found = []
    for event in record.events:
        if event.name == "world.unhandled":
            found.append(str(event.data.get("message")))
        elif event.name in ("runtime.error", "runtime.app_raised") and not is_defined(event.data.get("exception")):
            found.append(f"{event.data.get('exception')}: {event.data.get('message')}")
    return found


def _all_unreachable(record: CallRecord, *, ended: bool) -> bool:
    """Whether all that was lost of the caller was lost while nobody could be reached."""
    audio = account(record)
    excused = [*_unreachable(record, ended=ended)]
    return audio is not None and all(
        any(window.start_ns <= lost.start_ns and lost.end_ns <= window.end_ns for window in excused)
        for lost in audio.lost
    )


def _unreachable(record: CallRecord, *, ended: bool) -> Iterator[Stretch]:
    """When the caller said what cannot have arrived: sent on a connection that was lost, and not known to be."""
    views = {view.conn: view for view in connections(record.events)}
    for strike in strikes(record):
        view = views.get(_number(strike.data.get("conn")))
        since_ns = strike.t_ns - IN_FLIGHT_NS
        if view is not None and view.dialled_ns is not None and since_ns < (view.ready_ns or strike.t_ns):
            # What the caller had said while there was no connection was sent at once when this one was ready.
            since_ns = min(since_ns, _last_close_ns(views.values(), view.dialled_ns) - IN_FLIGHT_NS)
        if ended:
            yield Stretch(since_ns, record.end_ns)
        elif str(strike.data.get("what")).startswith(_LOSES):
            known_ns = record.end_ns if view is None or view.closed_ns is None else view.closed_ns
            if known_ns >= strike.t_ns:
                yield Stretch(since_ns, known_ns)


def _last_close_ns(views: Iterable[ConnectionView], before_ns: int) -> int:
    """When the connection before was lost; the moment itself if there was none, or it was still open."""
    closed = [view.closed_ns for view in views if view.closed_ns is not None and view.closed_ns <= before_ns]
    return max(closed, default=before_ns)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
