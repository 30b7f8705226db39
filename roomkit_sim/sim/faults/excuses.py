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

INHERENT: Mapping[str, tuple[str, ...]] = {
    "flip: gemini.resume_keeps_voice": ("INV008",),
    "flip: openai.voice_ignored": ("INV008", "AUDIO002"),
    "flip: gemini.resume_loses_context": ("INV010",),
    "flip: gemini.resume_loses_most_context": ("INV010",),
}
"""Misbehaviours that no client can notice, and what comes of them."""

_LOSES = ("cut", "close:", "corrupt: bad_frame")
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
        case "INV010" if not _was_told(record, finding.evidence.get("forgotten"), finding.at_ns):
            return "the client was never told what the caller had said"
        case "INV008" | "INV010" | "AUDIO002" if finding.code in _inherent(record):
            return "the service does so, and says nothing of it"
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


def _inherent(record: CallRecord) -> list[str]:
    return [code for strike in strikes(record) for code in INHERENT.get(str(strike.data.get("what")), ())]


def _was_told(record: CallRecord, utterances: object, before_ns: int | None) -> bool:
    """Whether the words of an utterance reached the client in time, of one of several at least."""
    names = utterances if isinstance(utterances, list) else []
    told = " ".join("".join(_transcripts(record, record.end_ns if before_ns is None else before_ns)).split())
    return any(
        " ".join(str(event.data.get("words")).split()) in told
        for event in record.events
        if event.name == "server.heard" and event.data.get("utterance") in names
    )


def _transcripts(record: CallRecord, before_ns: int) -> Iterator[str]:
    """The words of the caller that the client had received by then, piece by piece."""
    for event in record.events:
        message = event.data.get("json")
        if event.t_ns > before_ns:
            return
        if event.name != "wire.received" or not isinstance(message, dict):
            continue
        content = message.get("serverContent")
        words = content.get("inputTranscription") if isinstance(content, dict) else None
        if isinstance(words, dict):
            yield str(words.get("text", ""))
        elif message.get("type") == "conversation.item.input_audio_transcription.completed":
            yield f" {message.get('transcript', '')} "


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
        elif strike.data.get("what") == "stall":
            # What was held up on a connection that was replaced meanwhile; what is said from now on must arrive.
            yield Stretch(since_ns, strike.t_ns)


def _last_close_ns(views: Iterable[ConnectionView], before_ns: int) -> int:
    """When the connection before was lost; the moment itself if there was none, or it was still open."""
    closed = [view.closed_ns for view in views if view.closed_ns is not None and view.closed_ns <= before_ns]
    return max(closed, default=before_ns)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
