"""What a user asks for with ``--sim-faults``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from roomkit_sim.sim.faults.matrix import matrix
from roomkit_sim.sim.scenario.condition import NO_CONDITION, Condition
from roomkit_sim.sim.scenario.fault_file import load_fault_plan
from roomkit_sim.sim.scenario.model import Scenario

__all__ = ["FaultChoice", "fault_choice"]


@dataclass(frozen=True)
class FaultChoice:
    """The conditions under which scenarios are played.

    Args:
        conditions: For each scenario, in order.
        spares: Whether scenarios with faults or misbehaviours of their own are played as they are.
    """

    conditions: tuple[Condition, ...] = (NO_CONDITION,)
    spares: bool = False

    def conditions_of(self, scenario: Scenario, named: Iterable[str] = ()) -> tuple[Condition, ...]:
        """The conditions for a scenario.

        Args:
            scenario: It.
            named: Conditions of the matrix that are asked for by name besides.
        """
        own = (NO_CONDITION,) if self.spares and (scenario.faults or scenario.switches) else self.conditions
        known = [condition.name for condition in own]
        more = {condition.name: condition for condition in matrix()} if named else {}
        return (*own, *(more[name] for name in named if name in more and name not in known))


def fault_choice(text: str, base: Path | None = None) -> FaultChoice:
    """Read ``--sim-faults``: ``none``, ``matrix``, or a file with a fault plan.

    Args:
        text: What was asked for.
        base: Where a relative file starts from; the current folder when absent.

    Raises:
        ScenarioError: The file cannot be read, or is no fault plan; with file and line.
    """
    if text == "none":
        return FaultChoice()
    if text == "matrix":
        # The undisturbed call comes first: where it fails, the others say little.
        return FaultChoice((NO_CONDITION, *matrix()), spares=True)
    plan = load_fault_plan((base or Path.cwd()) / text, text)
    return FaultChoice((Condition(plan.name, plan.faults, options=(f"--sim-faults={text}",), places=plan.places),))
