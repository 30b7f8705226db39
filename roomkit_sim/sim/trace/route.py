"""Which agents and which phases a conversation went through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from roomkit_sim.sim.trace.events import TraceEvent

__all__ = ["HUMAN", "PathStep", "phases", "route"]

HUMAN = "human"
"""The target of a handoff to a person."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """One station of a path.

    Args:
        name: The agent, or the phase.
        t_ns: When it was reached.
        seq: The event that says so.
    """

    name: str
    t_ns: int
    seq: int


def route(events: Iterable[TraceEvent]) -> tuple[PathStep, ...]:
    """The agents that were in charge, one after the other, as the runtime reports it. A person is ``human``."""
    return _path((event, _agent(event)) for event in events)


def phases(events: Iterable[TraceEvent]) -> tuple[PathStep, ...]:
    """The phases of the conversation's state, one after the other."""
    return _path((event, event.data.get("phase") if event.name == "runtime.state" else None) for event in events)


def _agent(event: TraceEvent) -> object:
    if event.name in ("runtime.session_started", "runtime.routed", "runtime.state"):
        return event.data.get("agent")
    accepted = event.name == "runtime.handoff_decided" and event.data.get("accepted") is True
    # A person has no session and no agent id in the state: only the decision names them.
    return HUMAN if accepted and event.data.get("to") == HUMAN else None


def _path(named: Iterable[tuple[TraceEvent, object]]) -> tuple[PathStep, ...]:
    steps: list[PathStep] = []
    for event, name in named:
        if isinstance(name, str) and name and (not steps or steps[-1].name != name):
            steps.append(PathStep(name, event.t_ns, event.seq))
    return tuple(steps)
