"""How much may be spoken with services that cost money."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from roomkit_sim.errors import LiveCallRefusedError
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.servers.catalogue import KEYS

__all__ = ["LiveAllowance"]


class LiveAllowance:
    """Minutes of calls with a service, for one run of scenarios.

    Services are paid by the minute of audio, at prices of their own: minutes are what can be counted here.

    Args:
        minutes: How many may be used.
        environment: Where keys are looked for.
        now_ns: The time on the wall, in nanoseconds.
    """

    def __init__(
        self,
        minutes: float,
        environment: Mapping[str, str] = os.environ,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._minutes = minutes
        self._environment = environment
        self._now_ns = now_ns
        self._used_ns = 0

    @property
    def used_minutes(self) -> float:
        """How many are used."""
        return self._used_ns / 60e9

    @contextmanager
    def spent_on(self, plan: Plan) -> Iterator[Plan]:
        """Charge the time until the context ends, however it ends, once for each of the plan's calls.

        Only for what reaches the service: a simulated call and a replay cost nothing.

        Args:
            plan: What is played with the service.

        Returns:
            The plan, cut short where it would take more than is left.

        Raises:
            LiveCallRefusedError: There is no key, or nothing is left.
        """
        admitted, began_ns = self._admitted(plan), self._now_ns()
        try:
            yield admitted
        finally:
            self._used_ns += (self._now_ns() - began_ns) * len(plan.scenario.calls)

    def _admitted(self, plan: Plan) -> Plan:
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
