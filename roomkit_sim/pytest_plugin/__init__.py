"""The pytest plugin: scenario files as test items, options, the `simulate` fixture, and the report at the end.

pytest loads this module in every run where the package is installed, so it imports nothing but pytest; the harness is
loaded when the first scenario is collected or the first fixture is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from roomkit_sim.pytest_plugin.session import SimulationSession
    from roomkit_sim.pytest_plugin.simulating import Simulate

pytest.register_assert_rewrite("roomkit_sim.testing")

SCENARIO_SUFFIX = ".scenario.yaml"
_session: pytest.StashKey[SimulationSession] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the harness."""
    group = parser.getgroup("roomkit-sim", "simulated calls (roomkit_sim)")
    group.addoption(
        "--sim-seeds",
        default="0",
        metavar="SEEDS",
        help="seeds of the simulated world: one (7), so many (10x), a list (1,5,9) or a range (0-99); default: 0",
    )
    group.addoption(
        "--sim-provider",
        default="fake",
        choices=["fake", "replay", "live"],
        help="who answers: fake (default), our server with the scenario's mind; replay, a recording; live, the service "
        "itself, in real time, with a key from the environment",
    )
    group.addoption(
        "--sim-record",
        default="none",
        choices=["none", "once", "new_episodes", "all"],
        help="which calls are recorded: none (default); once, those without a recording, the others are replayed; "
        "new_episodes, besides those that no longer go as recorded; all, anew",
    )
    group.addoption(
        "--sim-recordings",
        default=None,
        metavar="DIR",
        help="folder of the recordings; default: recordings",
    )
    group.addoption(
        "--sim-live-minutes",
        default="10",
        metavar="MINUTES",
        help="with --sim-provider=live: how long all calls with the service may last together, more than 0 and at most "
        "1440; default: 10",
    )
    group.addoption(
        "--sim-clock",
        default="virtual",
        choices=["virtual", "real"],
        help="virtual (default): simulated time and network; real: this machine's time, over loopback sockets",
    )
    group.addoption(
        "--sim-faults",
        default="none",
        metavar="none|matrix|FILE",
        help="what goes wrong besides what scenarios say: none (default); matrix: every fault at every stage of the "
        "first handoff, with a heat map of what became of the calls; or a file with a list of faults",
    )
    group.addoption(
        "--sim-output",
        default=None,
        metavar="DIR",
        help="folder for the report of the run, replaced as a whole when the run has ended; default: reports/latest",
    )
    group.addoption(
        "--sim-artifacts",
        default="retain-on-failure",
        choices=["retain-on-failure", "on", "off"],
        help="which calls keep their audio, trace and page: those that failed (default), all, or none",
    )
    group.addoption("--sim-list", action="store_true", help="list the scenarios with their descriptions, run nothing")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the virtual loop for tests that ask for it."""
    _check_options(config)
    config.addinivalue_line(
        "markers", "sim(seed=0, budget_ms=3600000): run this async test in a simulated world, in virtual time"
    )
    if config.pluginmanager.hasplugin("asyncio"):
        from roomkit_sim.pytest_plugin import virtual_loop

        config.pluginmanager.register(virtual_loop, "roomkit_sim_virtual_loop")


def _check_options(config: pytest.Config) -> None:
    from roomkit_sim.errors import ScenarioError
    from roomkit_sim.sim.scenario.minutes import parse_minutes
    from roomkit_sim.sim.scenario.seeds import parse_seeds

    try:
        parse_seeds(config.getoption("--sim-seeds"))
        parse_minutes(config.getoption("--sim-live-minutes"))
        if config.getoption("--sim-provider") != "fake":
            from roomkit_sim.pytest_plugin.modes import mode_of

            mode_of(config)
    except ScenarioError as error:
        raise pytest.UsageError(str(error)) from error
    if config.getoption("--sim-faults") not in ("none", "matrix"):
        from roomkit_sim.sim.faults.choice import fault_choice

        try:
            fault_choice(config.getoption("--sim-faults"), config.invocation_params.dir)
        except ScenarioError as error:
            raise pytest.UsageError(f"--sim-faults: {error}") from error
    if config.getoption("--sim-output") is not None:
        from roomkit_sim.pytest_plugin.places import why_not_replaceable

        wrong = why_not_replaceable(config)
        if wrong is not None:
            raise pytest.UsageError(wrong)
    if config.getoption("--sim-provider") == "live" and config.getoption("numprocesses", None):
        raise pytest.UsageError("--sim-provider=live counts its minutes in one process: leave -n out")
    if config.getoption("--sim-list") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--sim-list lists in one process: leave -n out")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect ``*.scenario.yaml``."""
    if not file_path.name.endswith(SCENARIO_SUFFIX):
        return None
    from roomkit_sim.pytest_plugin.items import ScenarioFile

    collector: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
    return collector


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where the run collects its calls."""
    from roomkit_sim.pytest_plugin.places import WORKER_STAGING, staging_of

    node.workerinput[WORKER_STAGING] = str(staging_of(node.config))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With ``--sim-list``, list instead of run."""
    if not session.config.getoption("--sim-list"):
        return None
    from roomkit_sim.pytest_plugin.items import list_scenarios

    list_scenarios(session)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report of the run: by the process that started the others, if there are others."""
    if hasattr(session.config, "workerinput"):
        return
    from roomkit_sim.pytest_plugin.places import staging_of

    if _session in session.config.stash or staging_of(session.config).exists():
        is_written = simulation_session(session.config).finish()
        if not is_written and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the summary of the simulated calls and say where the report is."""
    if _session in config.stash:
        config.stash[_session].summarise(terminalreporter)


def simulation_session(config: pytest.Config) -> SimulationSession:
    """What the simulations of this process share; made when it is first asked for."""
    if _session not in config.stash:
        from roomkit_sim.pytest_plugin.session import SimulationSession

        config.stash[_session] = SimulationSession(config)
    return config.stash[_session]


@pytest.fixture
def simulate(request: pytest.FixtureRequest) -> Simulate:
    """Plays scenarios from Python; what is found in their calls fails the test."""
    from roomkit_sim.pytest_plugin.simulating import Simulate

    return Simulate(simulation_session(request.config), request.node)
