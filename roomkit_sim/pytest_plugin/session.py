"""What the simulations of one pytest process share: seeds, the place for their calls, the report at the end."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from roomkit_sim.errors import ReportError, RoomkitSimError
from roomkit_sim.pytest_plugin.places import output_of, shown, staging_of
from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.report.failure_text import failure_text
from roomkit_sim.sim.report.folder import ArtifactPolicy
from roomkit_sim.sim.report.staging import Staging
from roomkit_sim.sim.report.terminal import terminal_lines
from roomkit_sim.sim.report.totals import Totals
from roomkit_sim.sim.report.write import write_report
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.runner.live_allowance import LiveAllowance
from roomkit_sim.sim.runner.simulate import Run, run_plan
from roomkit_sim.sim.scenario.mode import Mode
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
        self.mode = Mode(clock=config.getoption("--sim-clock"), against=config.getoption("--sim-provider"))
        self._allowance = LiveAllowance(config.getoption("--sim-live-minutes"))
        self.totals: Totals | None = None
        self._failure: str | None = None
        self._seeds = parse_seeds(config.getoption("--sim-seeds"))
        _make_importable(config.rootpath)

    def seeds(self, path: Path) -> tuple[int, ...]:
        """The seeds for a file: those asked for, and those that a node id on the command line or ``--lf`` names."""
        named: list[str] = [*self._config.args]
        if self._config.getoption("lf", False) and self._config.cache is not None:
            named += self._config.cache.get("cache/lastfailed", {})
        wanted = [
            int(match[1])
            for argument in named
            if path.name in argument and (match := re.search(r"-s(\d+)[^\]]*\]$", argument))
        ]
        return tuple(dict.fromkeys([*self._seeds, *wanted]))

    def played(self, plan: Plan, app: Answer | None = None) -> Run:
        """Play a plan. One that cannot be played is in the report as invalid.

        Raises:
            RoomkitSimError: It cannot be played.
        """
        try:
            run = run_plan(self._allowance.admit(plan), app)
        except RoomkitSimError as error:
            self.staging.add_unplayed(plan, error)
            raise
        self._allowance.charge(run)
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
            return True
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
            for line in terminal_lines(self.totals, Path(shown(self.output, self._config))):
                reporter.line(line)


def _make_importable(folder: Path) -> None:
    """Applications are named from the root of the project, which pytest may not have put on the path."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
