"""Plays scenarios: the entry for Python, used by the pytest plugin and the command line alike."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from roomkit_sim.errors import NothingToDisturbError, ScenarioError, SimulationError
from roomkit_sim.sim.adapters.roomkit import RoomKitAdapter
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.checks.codes import CODES
from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.run import run_checks
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.faults.excuses import strikes
from roomkit_sim.sim.faults.verdict import judge, settled
from roomkit_sim.sim.metrics.waterfall import HandoffMetrics, measure
from roomkit_sim.sim.runner.application import Answer, load_application
from roomkit_sim.sim.runner.call_record import closed_record
from roomkit_sim.sim.runner.live_allowance import LiveAllowance
from roomkit_sim.sim.runner.moments import Marks
from roomkit_sim.sim.runner.play import PlayedRun, play
from roomkit_sim.sim.runner.recordings import Tape, is_mutated, is_rehearsed, keep, tape_for, why_not_kept
from roomkit_sim.sim.runner.rehearsal import Rehearsals
from roomkit_sim.sim.runner.sound import Sound
from roomkit_sim.sim.scenario.condition import NO_CONDITION, Condition
from roomkit_sim.sim.scenario.loader import ScenarioSource, load, parse
from roomkit_sim.sim.scenario.mode import SIMULATED, Mode
from roomkit_sim.sim.scenario.model import Provider, Scenario
from roomkit_sim.sim.scenario.plan import Plan, plan
from roomkit_sim.sim.scenario.strict import nearest
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["Playable", "Run", "make_plan", "run_plan", "simulate"]

Playable: TypeAlias = Path | str | Mapping[str, Any] | Scenario | ScenarioSource | Plan
"""What can be played: a file with one scenario, plain values as they would stand in one, what load() gives, a plan."""


@dataclass(frozen=True)
class Run:
    """What came of a scenario.

    Args:
        plan: What was played.
        calls: Its calls with their findings, in the order of the scenario.
        notes: What was converted on the way, such as a sound file's sample rate.
    """

    plan: Plan
    calls: tuple[CheckedCall, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong with any call."""
        return all(call.passed for call in self.calls)

    @property
    def record(self) -> CallRecord:
        """The record of the only call.

        Raises:
            ScenarioError: There are several.
        """
        if len(self.calls) != 1:
            raise ScenarioError(f"scenario {self.plan.scenario.scenario!r} has {len(self.calls)} calls: use run.calls")
        return self.calls[0].record

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all calls."""
        return tuple(finding for call in self.calls for finding in call.findings)

    @property
    def handoffs(self) -> tuple[HandoffMetrics, ...]:
        """The handoffs of all calls with their latencies."""
        return tuple(metrics for call in self.calls for metrics in measure(call.record))


def simulate(
    scenario: Playable,
    *,
    seed: int = 0,
    provider: Provider | None = None,
    app: Answer | None = None,
    base_dir: Path | None = None,
    mode: Mode = SIMULATED,
    condition: Condition = NO_CONDITION,
) -> Run:
    """Play a scenario and check it.

    Args:
        scenario: A file with one scenario, a scenario as plain values, one of those that ``load`` gives, or a plan.
        seed: From which all randomness is drawn; a plan has its own.
        provider: One of those that the scenario has an application for (any with ``app``); its first when absent.
        app: The application, instead of the one that the scenario names.
        base_dir: Where relative sound files start from; the scenario file's folder, or the current one.
        mode: In which time, and against what: ``Mode(clock="real")`` is this machine's time, over loopback sockets.
        condition: What goes wrong besides what the scenario says; the call is then judged by what became of it.

    Raises:
        ScenarioError: The scenario is wrong.
        AudioError: An utterance has no usable sound.
        AppError: The application cannot be found. What it raises later is a finding.
        NothingToDisturbError: The condition requires what the scenario does not have.
    """
    plan = make_plan(scenario, seed=seed, provider=provider, app=app, base_dir=base_dir, mode=mode, condition=condition)
    return run_plan(plan, app)


def make_plan(
    scenario: Playable,
    *,
    seed: int = 0,
    provider: Provider | None = None,
    app: Answer | None = None,
    base_dir: Path | None = None,
    mode: Mode = SIMULATED,
    condition: Condition = NO_CONDITION,
) -> Plan:
    """The plan of one run; see :func:`simulate` for the arguments. A plan that is given is left as it is.

    Raises:
        ScenarioError: The scenario is wrong.
    """
    if isinstance(scenario, Plan):
        return scenario
    if isinstance(scenario, str | Path):
        scenario = _only(load(scenario), Path(scenario))
    if isinstance(scenario, ScenarioSource):
        return plan(scenario, _provider(scenario.scenario, provider, app), seed, str(scenario.path), mode, condition)
    if isinstance(scenario, Mapping):
        scenario = parse({**({} if app is None else _named(app, provider)), **scenario})
    name, chosen = f"{scenario.scenario}:1", _provider(scenario, provider, app)
    disturbed = f", condition={condition!r}" if condition.name else ""
    again = f"simulate({scenario.scenario!r}, seed={seed}, provider={chosen!r}, mode={mode!r}{disturbed})"
    made = Plan(scenario, chosen, seed, base_dir or Path.cwd(), name, again, mode=mode)
    return replace(
        made,
        condition=condition.name,
        faults=condition.faults,
        fault_places=condition.places,
        requires=condition.requires,
        may_miss=condition.may_miss,
    )


def _named(app: Answer, provider: Provider | None) -> dict[str, Any]:
    """An application that is given, as the file would name it: for the provider, so that its switches are known."""
    name = f"{app.__module__}:{getattr(app, '__name__', 'app')}"
    return {"app": name if provider is None else {provider: name}}


def _provider(scenario: Scenario, asked: Provider | None, app: Answer | None) -> Provider:
    known = list(scenario.apps)
    if asked is not None and asked not in known and app is None:
        raise ScenarioError(f"scenario {scenario.scenario!r} has no application for {asked!r}: {nearest(asked, known)}")
    return asked or known[0]


def _only(sources: list[ScenarioSource], path: Path) -> ScenarioSource:
    if len(sources) > 1:
        names = ", ".join(source.scenario.scenario for source in sources)
        raise ScenarioError(
            f"the file holds several scenarios ({names}): pass one of those that load() gives", path=path
        )
    return sources[0]


def run_plan(
    plan: Plan,
    app: Answer | None = None,
    rehearsals: Rehearsals | None = None,
    allowance: LiveAllowance | None = None,
) -> Run:
    """Play a plan and check its calls.

    Args:
        plan: The plan.
        app: The application, instead of the one that the scenario names.
        rehearsals: What is known from plans that were played before; nothing by default.
        allowance: What calls with the service itself may take; without one nobody counts.

    Raises:
        NothingToDisturbError: The plan's condition does not concern this scenario.
        ScenarioError: The scenario is wrong.
        AudioError: An utterance has no usable sound.
        AppError: The application cannot be found.
        CassetteError: The recording that is to be replayed is missing or damaged, or one cannot be written.
        LiveCallRefusedError: The service would be called, and there is no key for it, or no minute is left.
        SimulationError: Called from inside a running event loop.
    """
    _refuse_running_loop()
    _known_waivers(plan)
    rehearsals = rehearsals or Rehearsals()
    answer = load_application(plan.scenario.apps[plan.provider], plan.app_place) if app is None else app
    sound = rehearsals.sound(plan)
    rehearsal, tape = None, tape_for(plan)
    faults, _ = plan.placed_faults(is_replay=tape.has_faults)
    if plan.condition or any(fault.stage for fault in faults):
        rehearsal = rehearsals.of(plan, sound, answer, partial(_rehearse, Tape(tape.cassette)))
        not_concerned = rehearsal.why_not_concerned(plan.requires)
        if not_concerned is not None:
            raise NothingToDisturbError(f"{plan.id}: {not_concerned}")
    marks = None if rehearsal is None else rehearsal.marks(faults)
    played = _play(plan, sound, answer, marks, tape, allowance)
    if tape.cassette is not None and plan.mode.recording == "new_episodes" and _has_drifted(played):
        tape = tape_for(plan, drifted=True)
        played = _play(plan, sound, answer, marks, tape, allowance)
    notes = (*sound.notes, *_taped(plan, tape))
    calls = _checked(plan, played, notes)
    if played.cassette is not None:
        again = _replayed(plan, played.cassette, sound, answer) if is_rehearsed(plan) else []
        refused = why_not_kept(plan, _findings(calls), _findings(again))
        if refused is None:
            keep(plan, played.cassette)
        else:
            notes = (*notes, refused)
    if plan.may_miss and not strikes(calls[0].record):
        raise NothingToDisturbError(f"{plan.id}: the moment at which it would go wrong never came")
    if plan.condition and rehearsal is not None:
        calls[0] = _judged(calls[0], rehearsal.records[0])
    return Run(plan, tuple(calls), notes)


def _play(
    plan: Plan, sound: Sound, answer: Answer, marks: Marks | None, tape: Tape, allowance: LiveAllowance | None
) -> PlayedRun:
    """Play it; what is played with the service itself is counted."""
    if allowance is None or plan.mode.against != "live" or tape.cassette is not None:
        return play(plan, sound, answer, RoomKitAdapter(), marks, tape)
    with allowance.spent_on(plan) as admitted:
        return play(admitted, sound, answer, RoomKitAdapter(), marks, tape)


def _checked(plan: Plan, played: PlayedRun, notes: Sequence[str]) -> list[CheckedCall]:
    return [
        CheckedCall(record, run_checks(Subject(record, call.spec.expect, plan.locator(index))))
        for index, call in enumerate(played.calls)
        for record in [closed_record(plan, played, call, notes)]
    ]


def _findings(calls: Sequence[CheckedCall]) -> list[Finding]:
    return [finding for call in calls for finding in call.findings]


def _replayed(plan: Plan, cassette: Cassette, sound: Sound, answer: Answer) -> list[CheckedCall]:
    """What comes of a recording that was just made."""
    again = replace(plan, mode=Mode(against="replay", recordings=plan.mode.recordings))
    tape = Tape(cassette, has_faults=bool(cassette.header.faults))
    return _checked(again, play(again, sound, answer, RoomKitAdapter(), tape=tape), ())


def _taped(plan: Plan, tape: Tape) -> tuple[str, ...]:
    """What a reader of the report must know of a replay."""
    if tape.cassette is None:
        return ()
    header = tape.cassette.header
    whom = {"live": "the service", "simulated": "our own server", "imported": "a file of something else"}[header.origin]
    said = f"replayed: recorded from {whom} on {header.recorded}"
    return (f"{said}; disturbed, so no longer what was recorded" if is_mutated(plan, tape) else said,)


def _has_drifted(played: PlayedRun) -> bool:
    return any(event.name == "world.drift" for call in played.calls for event in call.recorder.events)


def _rehearse(tape: Tape, plan: Plan, sound: Sound, answer: Answer) -> tuple[CallRecord, ...]:
    played = play(plan, sound, answer, RoomKitAdapter(), tape=tape)
    return tuple(closed_record(plan, played, call, sound.notes) for call in played.calls)


def _judged(checked: CheckedCall, undisturbed: CallRecord) -> CheckedCall:
    """The call with what became of it, which decides what fails."""
    outcome = judge(checked.record, checked.findings, undisturbed)
    return CheckedCall(checked.record, settled(checked.record, checked.findings, outcome), outcome)


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise SimulationError(
        "simulate() runs an event loop of its own and cannot be called inside another: call it from a plain 'def' test"
    )


def _known_waivers(plan: Plan) -> None:
    """Only invariants can be waived: an expectation is changed instead, and what is invalid proves nothing."""
    invariants = [code for code in CODES if code.startswith("INV0")]
    for index, call in enumerate(plan.scenario.calls):
        for code in call.expect.waive:
            if code not in invariants:
                path, _, line = plan.locator(index)("expect", "waive", code).rpartition(":")
                raise ScenarioError(
                    f"{code!r} cannot be waived, only invariants can: {nearest(code, invariants)}",
                    path=path or None,
                    line=int(line),
                )
