"""The `simulate` fixture: scenarios from Python."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roomkit_sim.pytest_plugin.places import shown
from roomkit_sim.pytest_plugin.session import SimulationFailed, SimulationSession
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.runner.simulate import Playable, Run, make_plan
from roomkit_sim.sim.scenario.condition import NO_CONDITION, Condition
from roomkit_sim.sim.scenario.model import Provider
from roomkit_sim.sim.scenario.plan import Plan

__all__ = ["Simulate"]


class Simulate:
    """Plays scenarios for one test.

    Args:
        session: Where their calls are kept.
        node: The test.
    """

    def __init__(self, session: SimulationSession, node: pytest.Item) -> None:
        self._session = session
        self._node = node
        self._count = 0

    def __call__(
        self,
        scenario: Playable,
        *,
        seed: int = 0,
        provider: Provider | None = None,
        app: Answer | None = None,
        check: bool = True,
        condition: Condition = NO_CONDITION,
    ) -> Run:
        """Play a scenario; its calls go into the report.

        Args:
            scenario: A scenario file, a scenario as plain values, a model, or a plan.
            seed: From which all randomness is drawn.
            provider: One of those that the scenario has an application for (any with ``app``); its first when absent.
            app: The application, instead of the one that the scenario names.
            check: Whether what is found in a call fails the test. Without it, look at ``run.findings``; the call does
                not go into the report, whose verdict would be another than the test's.
            condition: What goes wrong besides what the scenario says; the call is then judged by what became of it.

        Raises:
            SimulationFailed: Something was found.
            ScenarioError: The scenario is wrong.
        """
        __tracebackhide__ = True
        self._count += 1
        plan = self._plan(scenario, seed, provider, app, condition)
        run = self._session.played(plan, app)
        if not check:
            return run
        texts = [text for call in run.calls if (text := self._session.keep(call)) is not None]
        if texts:
            raise SimulationFailed("\n\n" + "\n\n".join(texts))
        return run

    def _plan(
        self, scenario: Playable, seed: int, provider: Provider | None, app: Answer | None, condition: Condition
    ) -> Plan:
        plan = make_plan(
            scenario,
            seed=seed,
            provider=provider,
            app=app,
            base_dir=self._node.path.parent,
            mode=self._session.mode,
            condition=condition,
        )
        again = f"-{self._count}" if self._count > 1 else ""
        rerun = " ".join(["pytest", f'"{self._node.nodeid}"', *plan.mode.options])
        if plan.lines:
            return replace(plan, rerun=rerun, place=f"{self._node.nodeid}{again}")
        line = (self._node.reportinfo()[1] or 0) + 1
        source = f"{shown(self._node.path, self._node.config)}:{line}"
        return replace(plan, source=source, rerun=rerun, place=f"{self._node.nodeid}{again}")
