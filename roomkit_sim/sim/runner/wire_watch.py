"""Puts into a trace what the wire tells of a provider that is not ours."""

from __future__ import annotations

from roomkit_sim.sim.servers.mind import Mind
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.trace.wire_observer import WireObserver

__all__ = ["observe_wire"]


def observe_wire(recorder: Recorder, mind: Mind) -> None:
    """Let every event of the wire be followed by what it tells.

    Args:
        recorder: The trace.
        mind: Tells the personas of the scenario from their instructions.
    """

    def who_is(instructions: str) -> tuple[str, str | None]:
        character = mind.character(instructions)
        return character.name, character.agent

    observer = WireObserver(who_is)

    def watch(event: TraceEvent) -> None:
        for observation in observer.feed(event):
            recorder.emit("server", observation.kind, **observation.data)

    recorder.listen(watch)
