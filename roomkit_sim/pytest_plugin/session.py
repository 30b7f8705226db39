"""What the simulations of one pytest process share: seeds, the place for their calls, the report at the end."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from roomkit_sim.errors import NothingToDisturbError, ReportError, RoomkitSimError
from roomkit_sim.pytest_plugin.modes import mode_of
from roomkit_sim.pytest_plugin.places import output_of, shown, staging_of
from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.faults.choice import fault_choice
from roomkit_sim.sim.report.failure_text import failure_text
from roomkit_sim.sim.report.folder import ArtifactPolicy
from roomkit_sim.sim.report.heat_map import heat_map_lines
from roomkit_sim.sim.report.staging import Staging
from roomkit_sim.sim.report.terminal import terminal_lines
from roomkit_sim.sim.report.totals import Totals
from roomkit_sim.sim.report.write import write_report
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.runner.leftovers import note_use, recording_lines, uses
from roomkit_sim.sim.runner.live_allowance import LiveAllowance
from roomkit_sim.sim.runner.recordings import UNPLAYED
from roomkit_sim.sim.runner.rehearsal import Rehearsals
from roomkit_sim.sim.runner.simulate import Run, run_plan
from roomkit_sim.sim.scenario.condition import Condition
from roomkit_sim.sim.scenario.minutes import parse_minutes
from roomkit_sim.sim.scenario.model import Scenario
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.scenario.seeds import parse_seeds

__all__ = ["SimulationFailed", "SimulationSession"]


class SimulationFailed(AssertionError):
    """A call did not go as it must. The text is the finding's."""


class SimulationSession:
    """The simulations of one process.

    Args:
        config: Of the pytest run.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.output = output_of(config)
        self.staging = Staging(staging_of(config))
        self.policy: ArtifactPolicy = config.getoption("--sim-artifacts")
        self.mode = mode_of(config)
        self._allowance = LiveAllowance(parse_minutes(config.getoption("--sim-live-minutes")))
        self.totals: Totals | None = None
        self._failure: str | None = None
        self._leftovers: list[str] = []
        self._seeds = parse_seeds(config.getoption("--sim-seeds"))
        self._faults = fault_choice(config.getoption("--sim-faults"), config.invocation_params.dir)
        self._rehearsals = Rehearsals()
        _make_importable(config.rootpath)

    def seeds(self, path: Path) -> tuple[int, ...]:
        """The seeds for a file: those asked for, and those that a node id on the command line or ``--lf`` names."""
        return tuple(dict.fromkeys([*self._seeds, *(int(seed) for seed, _ in self._named(path))]))

    def conditions(self, path: Path, scenario: Scenario) -> tuple[Condition, ...]:
        """The conditions for a scenario of a file: those asked for, and those that a node id names."""
        return self._faults.conditions_of(scenario, [name for _, name in self._named(path) if name])

    def _named(self, path: Path) -> list[tuple[str, str]]:
        """Seed and condition of each run of a file that is named on the command line or by ``--lf``."""
        named: list[str] = [*self._config.args]
        if self._config.getoption("lf", False) and self._config.cache is not None:
            named += self._config.cache.get("cache/lastfailed", {})
        found = [re.search(r"-s(\d+)(?:-([^\]]*))?\]$", argument) for argument in named if path.name in argument]
        return [(match[1], match[2] or "") for match in found if match]

    def played(self, plan: Plan, app: Answer | None = None) -> Run:
        """Play a plan. One that cannot be played is in the report as invalid.

        Raises:
            NothingToDisturbError: Its condition does not concern the scenario.
            RoomkitSimError: It cannot be played.
        """
        try:
            run = run_plan(plan, app, self._rehearsals, self._allowance)
        except NothingToDisturbError:
            raise
        except RoomkitSimError as error:
            self.staging.add_unplayed(plan, error)
            raise
        if self.mode.against == "replay":
            note_use(self.staging.folder, plan)
        return run

    def keep(self, checked: CheckedCall) -> str | None:
        """Add a call to the report.

        Returns:
            The text of its failure; nothing when it passed.
        """
        folder = self.staging.add(checked, self.policy)
        if checked.passed:
            return None
        page = None if folder is None else shown(self.output / folder / "index.html", self._config)
        return failure_text(checked, page)

    def finish(self) -> bool:
        """Write the report; tells whether there is one, or need be none."""
        if self.staging.is_empty:
            self.staging.discard()
            return True
        findings = self.staging.collected().findings
        unplayed = [f"{row['run']}: {row['message']}" for row in findings if row["code"] == UNPLAYED]
        self._leftovers = recording_lines(self.mode, uses(self.staging.folder), unplayed)
        command = shlex.join(["pytest", *self._config.invocation_params.args])
        try:
            self.totals = write_report(self.staging, self.output, command)
        except ReportError as error:
            self._failure = str(error)
        return self._failure is None

    def summarise(self, reporter: pytest.TerminalReporter) -> None:
        """Print the summary."""
        if self.totals is None and self._failure is None:
            return
        reporter.section("simulated calls", "=")
        if self._failure is not None:
            reporter.line(f"no report: {self._failure}", red=True)
        if self.totals is not None:
            for text in heat_map_lines(
                self.totals.heat_maps, lambda text, **colour: reporter._tw.markup(text, **colour)
            ):
                reporter.write_line(text)
            for line in terminal_lines(self.totals, Path(shown(self.output, self._config))):
                reporter.line(line)
        for line in self._leftovers:
            reporter.line(line)


def _make_importable(folder: Path) -> None:
    """Applications are named from the root of the project, which pytest may not have put on the path."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
