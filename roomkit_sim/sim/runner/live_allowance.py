"""How much may be spoken with services that cost money."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from roomkit_sim.errors import LiveCallRefusedError
from roomkit_sim.sim.runner.simulate import Run
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.servers.catalogue import KEYS

__all__ = ["LiveAllowance"]


class LiveAllowance:
    """Minutes of calls with a service, for one run of scenarios.

    Services are paid by the minute of audio, at prices of their own: minutes are what can be counted here.

    Args:
        minutes: How many may be used.
        environment: Where keys are looked for.
    """

    def __init__(self, minutes: float, environment: Mapping[str, str] = os.environ) -> None:
        self._minutes = minutes
        self._environment = environment
        self._used_ns = 0

    @property
    def used_minutes(self) -> float:
        """How many are used."""
        return self._used_ns / 60e9

    def admit(self, plan: Plan) -> Plan:
        """The plan, cut short where it would take more than is left; one that is not live as it is.

        Raises:
            LiveCallRefusedError: There is no key, or nothing is left.
        """
        if plan.mode.against != "live":
            return plan
        key = KEYS[plan.provider]
        if not self._environment.get(key):
            raise LiveCallRefusedError(
                f"{plan.id}: calls with the service itself need its key: set {key} in the environment, or leave "
                f"--sim-provider=live out"
            )
        left_ms = round(self._minutes * 60_000 - self._used_ns / 1e6) // len(plan.scenario.calls)
        if left_ms < 1000:
            raise LiveCallRefusedError(
                f"{plan.id}: the {self._minutes:g} minutes of live calls that this run may make are used up: choose "
                f"fewer scenarios, or allow more with --sim-live-minutes"
            )
        budget_ms = min(plan.scenario.budget_ms, left_ms)
        return replace(plan, scenario=plan.scenario.model_copy(update={"budget_ms": budget_ms}))

    def charge(self, run: Run) -> None:
        """Calls were made."""
        if run.plan.mode.against == "live":
            self._used_ns += sum(call.record.end_ns for call in run.calls)
