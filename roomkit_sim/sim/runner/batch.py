"""Plays many scenario files in this process, without pytest."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from roomkit_sim.errors import NothingToDisturbError, RoomkitSimError, ScenarioError
from roomkit_sim.sim.caller.speech import commit_speech
from roomkit_sim.sim.faults.choice import fault_choice
from roomkit_sim.sim.report.failure_text import failure_text, unplayed_text
from roomkit_sim.sim.report.folder import ArtifactPolicy, staging_folder
from roomkit_sim.sim.report.heat_map import heat_map_lines
from roomkit_sim.sim.report.staging import Staging
from roomkit_sim.sim.report.terminal import terminal_lines
from roomkit_sim.sim.report.write import write_report
from roomkit_sim.sim.runner.leftovers import recording_lines
from roomkit_sim.sim.runner.live_allowance import LiveAllowance
from roomkit_sim.sim.runner.recordings import UNPLAYED, cassette_of
from roomkit_sim.sim.runner.rehearsal import Rehearsals
from roomkit_sim.sim.runner.simulate import Run, run_plan
from roomkit_sim.sim.scenario.caller import Say
from roomkit_sim.sim.scenario.loader import SUFFIX, ScenarioSource, load
from roomkit_sim.sim.scenario.mode import SIMULATED, Mode
from roomkit_sim.sim.scenario.plan import Plan, plans
from roomkit_sim.sim.scenario.seeds import parse_seeds

__all__ = ["play_files", "scenario_files", "speak_files"]


def scenario_files(paths: Iterable[Path]) -> list[Path]:
    """The scenario files among ``paths`` and in the folders among them, in order.

    Raises:
        ScenarioError: A path does not exist, or there is no scenario at all.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ScenarioError("there is no such file or folder", path=path)
        files += sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise ScenarioError(f"no *{SUFFIX} among: {', '.join(map(str, paths))}")
    return list(dict.fromkeys(files))


def play_files(
    paths: Iterable[Path],
    seeds: str,
    output: Path,
    policy: ArtifactPolicy,
    say: Callable[[str], None],
    *,
    mode: Mode = SIMULATED,
    faults: str = "none",
    allowance: LiveAllowance | None = None,
) -> bool:
    """Play scenarios one after the other and write their report.

    Args:
        paths: Files and folders.
        seeds: As for ``--sim-seeds``.
        output: The report's folder.
        policy: Whose audio and page are kept.
        say: Takes the lines of progress and summary.
        mode: How they are played.
        faults: As for ``--sim-faults``.
        allowance: What live calls may take; nothing when absent.

    Returns:
        Whether all calls passed.

    Raises:
        ScenarioError: A scenario file is wrong; nothing is played then.
        ReportError: The report cannot be written.
    """
    chosen, disturbing = parse_seeds(seeds), fault_choice(faults)
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    sources = [(source, str(file)) for file in scenario_files(paths) for source in load(file)]
    todo = [
        plan
        for source, shown in sources
        for plan in plans(source, chosen, shown, mode, disturbing.conditions_of(source.scenario))
    ]
    staging, rehearsals = Staging(staging_folder(output)), Rehearsals()
    used: list[str] = []
    unplayed: list[str] = []
    try:
        for number, plan in enumerate(todo, start=1):
            say(f"[{number}/{len(todo)}] {plan.id}")
            run = _played(plan, allowance or LiveAllowance(0), rehearsals, staging, say)
            _keep(run, staging, output, policy, say)
            if run is not None:
                used.append(cassette_of(plan))
                unplayed += [f"{plan.id}: {one.message}" for one in run.findings if one.code == UNPLAYED]
                for note in run.notes if mode.recording != "none" else ():
                    say(f"  {note}")
        totals = write_report(staging, output, shlex.join(["roomkit-sim", *sys.argv[1:]]))
    finally:
        staging.discard()
    leftovers = recording_lines(mode, used, unplayed)
    for line in (*heat_map_lines(totals.heat_maps), *terminal_lines(totals, output), *leftovers):
        say(line)
    return totals.passed == totals.calls


def _played(
    plan: Plan, allowance: LiveAllowance, rehearsals: Rehearsals, staging: Staging, say: Callable[[str], None]
) -> Run | None:
    try:
        return run_plan(plan, rehearsals=rehearsals, allowance=allowance)
    except NothingToDisturbError as error:
        say(f"skipped: {error}")
        return None
    except RoomkitSimError as error:
        staging.add_unplayed(plan, error)
        say(unplayed_text(plan, error))
        return None


def _keep(run: Run | None, staging: Staging, output: Path, policy: ArtifactPolicy, say: Callable[[str], None]) -> None:
    for call in run.calls if run is not None else ():
        folder = staging.add(call, policy)
        if not call.passed:
            say(failure_text(call, None if folder is None else str(output / folder / "index.html")))


def speak_files(paths: Iterable[Path]) -> list[Path]:
    """Write the speech that scenarios need and that is not committed yet.

    Returns:
        The new files.

    Raises:
        ScenarioError: A scenario is wrong.
        AudioError: Speech cannot be synthesised, or not be written.
    """
    written: list[Path] = []
    for file in scenario_files(paths):
        for source in load(file):
            written += _speak(source)
    return written


def _speak(source: ScenarioSource) -> list[Path]:
    written: list[Path] = []
    for call in source.scenario.calls:
        says = [step for step in call.caller.script if isinstance(step, Say)]
        written += commit_speech(says, call.caller, source.path.parent)
    return written
