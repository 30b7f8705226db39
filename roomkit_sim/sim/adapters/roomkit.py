"""Observes applications built on this project's runtime."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from roomkit_sim.channels.realtime_voice import RealtimeVoiceChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.core.observers import observe
from roomkit_sim.models.framework_event import FrameworkEvent
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.recorder import TraceSink
from roomkit_sim.voice.base import VoiceSession

__all__ = ["Call", "RoomKitAdapter"]


@dataclass(frozen=True)
class Call:
    """What an application's ``answer`` function returns.

    Args:
        kit: The kit that runs the call.
        session: The voice session of the caller.
    """

    kit: RoomKit
    session: VoiceSession


_KINDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    # framework event: (kind in the trace, {key of the framework event: key in the trace})
    "session_started": ("session_started", {"session_id": "session", "agent": "agent"}),
    "session_ended": ("session_ended", {"session_id": "session", "reason": "reason"}),
    "agent_routed": ("routed", {"agent": "agent", "why": "why"}),
    "handoff_requested": ("handoff_requested", {"from_agent": "from", "target": "target"}),
    "handoff_decided": (
        "handoff_decided",
        {
            "accepted": "accepted",
            "reason": "reason",
            "from_agent": "from",
            "to_agent": "to",
            "from_phase": "from_phase",
            "to_phase": "to_phase",
        },
    ),
    "conversation_state": (
        "state",
        {key: key for key in ("phase", "agent", "previous_agent", "handoff_count", "language", "why", "reason")},
    ),
    "session_reconfigure": ("reconfigure", {key: key for key in ("step", "agent", "attempt", "error")}),
    "realtime_connection": ("connection", {"step": "step", "detail": "detail"}),
    "error": ("error", {key: key for key in ("where", "message", "exception")}),
}


class RoomKitAdapter:
    """The adapter for applications that return a :class:`Call`."""

    def observing(self, sink: TraceSink) -> AbstractContextManager[None]:
        """Turn framework events of this context into ``runtime`` events."""

        def record(event: FrameworkEvent) -> None:
            if event.type in _KINDS:
                kind, keys = _KINDS[event.type]
                sink.emit(
                    "runtime", kind, **{new: _plain(event.data[old]) for old, new in keys.items() if old in event.data}
                )

        return observe(record)

    def recognises(self, answered: object) -> bool:
        """Whether the application returned a :class:`Call`."""
        return isinstance(answered, Call)

    def facts(self, answered: Call) -> Mapping[str, Json]:
        """Of the pipeline installed on the call's channel, if one is: its transitions, and its agents' voices."""
        handler = getattr(answered.kit.channels.get(answered.session.channel_id), "handoff_handler", None)
        if handler is None:
            return {}
        facts: dict[str, Json] = {
            "voices": {name: agent.voice for name, agent in sorted(handler.agents.items()) if agent.voice}
        }
        if handler.allowed_transitions is not None:
            transitions = sorted(handler.allowed_transitions.items())
            facts["allowed_transitions"] = {phase: sorted(allowed) for phase, allowed in transitions}
        return facts

    async def end(self, answered: Call) -> None:
        """End the caller's session, if the hang-up has not ended it already."""
        channel = answered.kit.channels.get(answered.session.channel_id)
        if isinstance(channel, RealtimeVoiceChannel):
            await channel.end_session(answered.session)

    async def close(self, answered: Call) -> None:
        """Close the kit; closing it again does nothing."""
        await answered.kit.close()


def _plain(value: Any) -> Json:
    return value if isinstance(value, bool | int | float | str | None) else str(value)
