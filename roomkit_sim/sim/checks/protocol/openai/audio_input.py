"""Rules about the caller's audio: its format, and who ends a turn."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.openai.messages import pace_of
from roomkit_sim.sim.checks.protocol.openai.state import OpenAIConnection

__all__ = ["commit_of_nothing", "needless_commit", "never_committed", "other_pace"]

LEAST_COMMIT_MS = 100
LONG_MS = 5000
PACES = (48000, 32000, 16000, 8000)
"""Bytes a second of audio in real time: PCM16 at 24, 16 and 8 kHz, G.711."""
TOLERANCE = 0.05
STRETCHES = 3


def needless_commit(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """Who finds the turns commits them."""
    if connection.session.detects_turns:
        yield "the server finds the turns and commits by itself"


def commit_of_nothing(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """What is committed has a length."""
    buffered_ms = _ms(connection)
    if not connection.session.detects_turns and buffered_ms < LEAST_COMMIT_MS:
        yield f"{buffered_ms} ms of audio at most are in the buffer"


def never_committed(connection: OpenAIConnection, end_ns: int) -> Iterator[tuple[Frame, str]]:
    """A client that finds the turns commits them."""
    buffered_ms, last = _ms(connection), connection.last_append
    if last is not None and not connection.session.detects_turns and not connection.committed and buffered_ms > LONG_MS:
        yield last, f"{buffered_ms} ms of audio were sent, turn_detection is null, and nothing was ever committed"


def _ms(connection: OpenAIConnection) -> int:
    return connection.buffered * 1000 // connection.session.bytes_per_s("input")


def other_pace(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """Raw audio does not say what it is, but a microphone's pace does: so many bytes a second, for seconds on end."""
    latest_pace = pace_of(frame)
    if latest_pace is None:
        return
    declared = connection.session.bytes_per_s("input")
    latest = [*connection.paces[1 - STRETCHES :], latest_pace]
    for pace in PACES:
        is_steady = len(latest) == STRETCHES and all(abs(each - pace) <= TOLERANCE * pace for each in latest)
        if is_steady and pace != declared:
            yield f"audio comes at {pace} bytes a second, and the session's format has {declared}"
