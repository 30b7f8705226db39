"""Plays a call undisturbed before it is disturbed: to know its stages, and what the disturbance changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.runner.moments import Marks
from roomkit_sim.sim.runner.sound import Sound, prepare_sound
from roomkit_sim.sim.scenario.faults import Moment
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.stage_marks import stage_mark

__all__ = ["Rehearsal", "Rehearsals"]

_MOST = 8

PlayRecords = Callable[[Plan, Sound, Answer], tuple[CallRecord, ...]]
"""Plays a plan in which nothing goes wrong."""


@dataclass(frozen=True)
class Rehearsal:
    """A run to which nothing was done.

    Args:
        plan: What was played.
        answer: By which application.
        records: Its calls, in the order of the scenario.
    """

    plan: Plan
    answer: Answer
    records: tuple[CallRecord, ...]

    def is_of(self, plan: Plan, answer: Answer) -> bool:
        """Whether it is what a plan comes to undisturbed."""
        mine, theirs = self.plan, plan.undisturbed
        same = (mine.provider, mine.seed, mine.base_dir) == (theirs.provider, theirs.seed, theirs.base_dir)
        return same and mine.scenario == theirs.scenario and self.answer is answer

    def marks(self, faults: tuple[Moment, ...]) -> Marks:
        """How the stages at which faults strike are recognised in the first call."""
        wanted = [(fault.handoff, fault.stage) for fault in faults if fault.stage is not None]
        return {(number, stage): stage_mark(self.records[0], number, stage) for number, stage in wanted}

    def why_not_concerned(self, requires: tuple[str, ...]) -> str | None:
        """Which of the stages the first handoff does not have, for people; nothing if it has all."""
        missing = [stage for stage in requires if stage_mark(self.records[0], 1, stage) is None]
        return f"the first handoff has no {', '.join(missing)}: there is nothing to disturb" if missing else None


class Rehearsals:
    """The rehearsals and sounds of this process, so that the plans of one scenario share them."""

    def __init__(self) -> None:
        self._rehearsals: list[Rehearsal] = []
        self._sounds: list[tuple[Plan, Sound]] = []

    def sound(self, plan: Plan) -> Sound:
        """The sound of a plan.

        Raises:
            AudioError: An utterance has no usable sound.
            ScenarioError: Two utterances are too alike to be told apart.
        """
        for known, sound in self._sounds:
            if known.scenario is plan.scenario and known.base_dir == plan.base_dir:
                return sound
        made = prepare_sound(plan)
        self._sounds = [*self._sounds[1 - _MOST :], (plan, made)]
        return made

    def of(self, plan: Plan, sound: Sound, answer: Answer, play: PlayRecords) -> Rehearsal:
        """The rehearsal of a plan."""
        for known in self._rehearsals:
            if known.is_of(plan, answer):
                return known
        made = Rehearsal(plan.undisturbed, answer, play(plan.undisturbed, sound, answer))
        self._rehearsals = [*self._rehearsals[1 - _MOST :], made]
        return made
