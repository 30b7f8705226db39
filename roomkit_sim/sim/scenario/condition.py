"""Circumstances under which a scenario is played besides its own."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit_sim.sim.scenario.faults import Fault

__all__ = ["NO_CONDITION", "Condition"]


@dataclass(frozen=True)
class Condition:
    """A condition.

    Args:
        name: In ids, rows and files; empty where there is none.
        faults: What goes wrong.
        requires: Stages that the first handoff must have when nothing goes wrong, or there is nothing to disturb.
        options: What has to be said to pytest to get it again.
        places: ``file:line`` of each fault, where they stand in a file.
        may_miss: Whether the scenario is not concerned if nothing goes wrong after all: it has no moment for it.
    """

    name: str = ""
    faults: tuple[Fault, ...] = ()
    requires: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    may_miss: bool = False
    places: tuple[str, ...] = ()

    def concerns(self, provider: str) -> bool:
        """Whether the provider's service has any of what is to go wrong; what it has not is left out."""
        return not self.faults or any(fault.concerns(provider) for fault in self.faults)


NO_CONDITION = Condition()
"""None but the scenario's own circumstances."""
