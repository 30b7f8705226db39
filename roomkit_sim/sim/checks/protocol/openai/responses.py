"""Rules about answers and function calls: one answer at a time, and one output for each call."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.openai.messages import at
from roomkit_sim.sim.checks.protocol.openai.state import OpenAIConnection

__all__ = [
    "cancel_of_nothing",
    "never_answered",
    "output_twice",
    "second_response",
    "unanswered_call",
    "unknown_call",
]

LONG_NS = 10_000_000_000


def _aside(frame: Frame) -> bool:
    """Whether an answer is asked for that does not enter the conversation; any number of those may run."""
    return bool(at(frame.json, "response", "conversation") == "none")


def second_response(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """One answer at a time is asked for."""
    if _aside(frame):
        return
    for response_id, begun_ns in connection.active.items():
        if connection.knew(begun_ns, frame):
            yield f"an answer is asked for while {response_id} is under way"
    if connection.asked and not connection.active:
        yield "an answer is asked for while one that was asked for has not begun"


def cancel_of_nothing(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """What is cancelled is under way."""
    crossed = connection.ended_ns is not None and not connection.knew(connection.ended_ns, frame)
    named = frame.json.get("response_id")
    if not connection.active and not connection.asked and not crossed and named is None:
        yield "no answer is under way"


def _output_of(frame: Frame) -> str | None:
    is_output = at(frame.json, "item", "type") == "function_call_output"
    return str(at(frame.json, "item", "call_id")) if is_output else None


def unknown_call(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """An output belongs to a call of this connection."""
    call_id = _output_of(frame)
    if call_id is not None and call_id not in connection.calls:
        yield f"the output of {call_id!r}, which was never called on this connection"


def output_twice(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """A call gets one output."""
    call_id = _output_of(frame)
    if call_id in connection.calls and connection.calls[call_id].answered:
        yield f"another output of {call_id!r}"


def unanswered_call(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """Calls get their outputs before the next answer."""
    for call_id, call in connection.calls.items():
        if not _aside(frame) and not call.answered and connection.knew(call.frame.t_ns, frame):
            yield f"an answer is asked for, and the call {call_id!r} of {call.name} has no output"


def never_answered(connection: OpenAIConnection, end_ns: int) -> Iterator[tuple[Frame, str]]:
    """Every call gets an output."""
    for call_id, call in connection.calls.items():
        waited_ns = end_ns - call.frame.t_ns
        if not call.answered and waited_ns >= LONG_NS:
            yield call.frame, f"the call {call_id!r} of {call.name} was open for {waited_ns / 1e9:.0f} s, to the end"
