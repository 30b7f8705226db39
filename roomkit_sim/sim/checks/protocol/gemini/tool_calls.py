"""Rules about function calls: an id belongs to the connection that it came on, and is answered once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.gemini.messages import items, member
from roomkit_sim.sim.checks.protocol.gemini.state import Call, GeminiConnection

__all__ = ["answered_twice", "cancelled_call", "never_answered", "other_name", "text_while_open", "unknown_call"]

LONG_NS = 10_000_000_000


def _results(connection: GeminiConnection, frame: Frame) -> Iterator[tuple[Mapping[str, Any], list[Call]]]:
    for result in items(member(frame.json, "toolResponse"), "functionResponses"):
        yield result, connection.calls.get(str(result.get("id")), [])


def unknown_call(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A result belongs to a call of this connection."""
    for result, calls in _results(connection, frame):
        if not calls:
            yield f"the result of {result.get('id')!r}, which was never called on this connection"


def cancelled_call(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A call that was taken back gets no result, but for one that crosses the cancellation."""
    for result, calls in _results(connection, frame):
        if calls and not any(call.is_open for call in calls):
            cancelled_ns = calls[-1].cancelled_ns
            if cancelled_ns is not None and connection.knew(cancelled_ns, frame):
                yield f"the result of {result.get('id')!r}, cancelled {(frame.t_ns - cancelled_ns) / 1e6:.0f} ms before"


def answered_twice(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A call gets one result."""
    seen: Counter[str] = Counter()
    for result, calls in _results(connection, frame):
        call_id = str(result.get("id"))
        due = sum(not call.answered for call in calls)
        if calls and seen[call_id] >= due:
            yield f"another result of {call_id!r}"
        seen[call_id] += 1


def other_name(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A result has the name of its call."""
    for result, calls in _results(connection, frame):
        if calls and result.get("name") not in [call.name for call in calls]:
            yield f"the result of {result.get('id')!r} names {result.get('name')!r}, the call {calls[-1].name!r}"


def text_while_open(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A model that waits for a result is told nothing else."""
    for call_id, calls in connection.calls.items():
        if any(call.is_open and call.blocking and connection.knew(call.frame.t_ns, frame) for call in calls):
            yield f"text while the call {call_id!r} waits for its result"


def never_answered(connection: GeminiConnection, end_ns: int) -> Iterator[tuple[Frame, str]]:
    """Every call gets a result."""
    for call_id, calls in connection.calls.items():
        for call in calls:
            if call.is_open and end_ns - call.frame.t_ns >= LONG_NS:
                waited_s = (end_ns - call.frame.t_ns) / 1e9
                yield call.frame, f"the call {call_id!r} of {call.name} was open for {waited_s:.0f} s, to the end"
