"""Scenario files and their runs as pytest items."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim.errors import NothingToDisturbError, RoomkitSimError
from roomkit_sim.pytest_plugin import simulation_session
from roomkit_sim.pytest_plugin.places import shown
from roomkit_sim.pytest_plugin.session import SimulationFailed
from roomkit_sim.sim.report.failure_text import unplayed_text
from roomkit_sim.sim.scenario.loader import load
from roomkit_sim.sim.scenario.plan import Plan, plans

__all__ = ["ScenarioFile", "ScenarioItem", "list_scenarios"]


class ScenarioFile(pytest.File):
    """A file of scenarios."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item a scenario, provider, seed and condition."""
        session = simulation_session(self.config)
        path = shown(self.path, self.config)
        for source in load(self.path):
            conditions = session.conditions(self.path, source.scenario)
            for plan in plans(source, session.seeds(self.path), path, session.mode, conditions):
                # As a string: pytest 9.2 takes ids apart at their brackets, and --lf compares the parts.
                yield ScenarioItem.from_parent(self, name=plan.id, plan=plan, nodeid=f"{self.nodeid}::{plan.id}")

    # As narrow as the method of pytest.Collector, which is narrower than that of pytest.Node.
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """What is wrong with the file, without a traceback through the loader."""
        if isinstance(excinfo.value, RoomkitSimError):
            return str(excinfo.value).replace(str(self.path), shown(self.path, self.config))
        return super().repr_failure(excinfo)


class ScenarioItem(pytest.Item):
    """One run of a scenario."""

    def __init__(self, *, plan: Plan, **settings: Any) -> None:
        super().__init__(**settings)
        self.plan = plan

    def runtest(self) -> None:
        """Play it, keep its calls, and fail if anything is found in one of them."""
        session = simulation_session(self.config)
        try:
            run = session.played(self.plan)
        except NothingToDisturbError as error:
            pytest.skip(str(error))
        texts = [text for call in run.calls if (text := session.keep(call)) is not None]
        self.user_properties.append(("seed", self.plan.seed))
        outcomes = [call.outcome.kind for call in run.calls if call.outcome is not None]
        self.user_properties += [("outcome", kind) for kind in outcomes]
        ears = [metrics.latencies.ear_ms for metrics in run.handoffs if metrics.latencies.ear_ms is not None]
        if ears:
            self.user_properties.append(("handoff_ear_ms_max", max(ears)))
        for note in run.notes:
            self.add_report_section("call", "note", note)
        if texts:
            raise SimulationFailed("\n\n".join(texts))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was found in the call, or what is wrong with the scenario; anything else is a defect of the harness."""
        if isinstance(excinfo.value, SimulationFailed):
            return str(excinfo.value)
        if isinstance(excinfo.value, RoomkitSimError):
            return unplayed_text(self.plan, excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The place that editors jump to."""
        line = self.plan.source.rpartition(":")[2]
        return self.path, int(line) - 1, self.name


def list_scenarios(session: pytest.Session) -> None:
    """Print what would be run, with what the scenarios say of themselves."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    for item in session.items:
        if isinstance(item, ScenarioItem):
            reporter.write_line(f"{item.nodeid}")
            if item.plan.scenario.description:
                reporter.write_line(f"    {item.plan.scenario.description}")
