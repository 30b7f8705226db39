"""Rules about going on with a conversation on another connection."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.gemini.messages import member
from roomkit_sim.sim.checks.protocol.gemini.state import Conversation, GeminiConnection

__all__ = ["older_handle", "other_model", "resumes_too_early", "unknown_handle"]


def _handle(frame: Frame) -> str | None:
    handle = member(frame.json, "setup", "sessionResumption").get("handle")
    return str(handle) if handle else None


def _resumed(connection: GeminiConnection, frame: Frame) -> Conversation | None:
    return connection.call.by_handle.get(_handle(frame) or "")


def unknown_handle(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A handle is one that this call was given."""
    handle = _handle(frame)
    if handle is not None and handle not in connection.call.by_handle:
        yield f"{handle} was never issued in this call"


def other_model(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A conversation stays with its model."""
    resumed, model = _resumed(connection, frame), member(frame.json, "setup").get("model")
    if resumed is not None and model != resumed.model:
        yield f"a conversation with {resumed.model} is resumed with {model}"


def older_handle(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """Judged by what was known when the client dialled: that is when it chooses the handle."""
    resumed, handle = _resumed(connection, frame), _handle(frame)
    chosen_ns = connection.begun.t_ns - connection.reaction_ns
    handles = [update.handle for update in resumed.updates if update.t_ns < chosen_ns] if resumed is not None else []
    known = [issued for issued in handles if issued is not None]
    if handle in known and known[-1] != handle:
        yield f"{handle} is used although {known[-1]} had come before the connection was dialled"


def resumes_too_early(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A client whose connection was lost, or told to go, had no choice; one that has just got a handle may use it."""
    resumed, dialled_ns = _resumed(connection, frame), connection.begun.t_ns
    if resumed is None or resumed.last_conn in connection.call.lost:
        return
    told = resumed.told_at(dialled_ns, dialled_ns - connection.reaction_ns)
    if told and all(update.handle is None for update in told):
        yield f"{_handle(frame)} is used while the conversation on connection {resumed.last_conn} was not resumable"
