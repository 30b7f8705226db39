"""Lets the faults of a scenario happen: at a time, or at a stage of a handoff."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from roomkit_sim.sim.scenario.model import Fault
from roomkit_sim.sim.trace.connections import is_setup_complete
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.handoffs import HANDOFF_TOOL
from roomkit_sim.sim.trace.recorder import Recorder

__all__ = ["HandoffStages", "arm"]


class HandoffStages:
    """Follows the events of one call and tells when a stage of a handoff is reached.

    Stages are those of metric set v2, as far as a fault can be put there: H2 (call on the wire), H3 (decided), H4
    (state committed), H6 (old socket closed), H7 (new socket open), H8 (setup acknowledged).
    """

    def __init__(self) -> None:
        self.handoff = 0
        self._accepted = False
        self._reached: set[str] = set()

    def feed(self, event: TraceEvent) -> str | None:
        """The stage that ``event`` reaches in the current handoff, if it reaches one for the first time."""
        if event.name == "server.tool_call" and event.data.get("name") == HANDOFF_TOOL:
            self.handoff += 1
            self._accepted = False
            self._reached = set()
        if event.name == "runtime.handoff_decided":
            self._accepted = event.data.get("accepted") is True
        stage = _stage_of(event) if self.handoff else None
        if stage not in ("H2", "H3") and not self._accepted:
            # What happens on the wire before a handoff is accepted, or after it was refused, is no part of it.
            return None
        if stage is None or stage in self._reached:
            return None
        self._reached.add(stage)
        return stage


def _stage_of(event: TraceEvent) -> str | None:
    match event.name:
        case "server.tool_call":
            return "H2"
        case "runtime.handoff_decided":
            return "H3"
        case "runtime.state":
            return "H4"
        case "wire.close":
            return "H6"
        case "wire.open":
            return "H7"
        case _ if is_setup_complete(event):
            return "H8"
        case _:
            return None


def arm(fault: Fault, recorder: Recorder, strike: Callable[[Fault], None]) -> None:
    """Arrange that ``strike(fault)`` is called once, when the fault's moment has come.

    Args:
        fault: What is to happen.
        recorder: The trace of the call whose handoffs count.
        strike: Makes it happen.
    """
    loop = asyncio.get_running_loop()
    if fault.at_ms is not None:
        # The world begins with the run.
        loop.call_later(fault.at_ms / 1000, strike, fault)
        return
    stages = HandoffStages()

    def watch(event: TraceEvent) -> None:
        if stages.feed(event) == fault.stage and stages.handoff == fault.handoff:
            stop()
            # Not from inside the emitting layer: it has not finished what it is doing.
            loop.call_soon(strike, fault)

    stop = recorder.listen(watch)
