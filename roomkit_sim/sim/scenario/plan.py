"""One run of a scenario: a provider, a seed, a place, and the command that repeats it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

from roomkit_sim.sim.scenario.condition import NO_CONDITION, Condition
from roomkit_sim.sim.scenario.faults import Fault
from roomkit_sim.sim.scenario.loader import SUFFIX, ScenarioSource
from roomkit_sim.sim.scenario.mode import SIMULATED, Mode
from roomkit_sim.sim.scenario.model import Provider, Scenario
from roomkit_sim.sim.scenario.yaml_source import Location

__all__ = ["Plan", "plan", "plans"]

MAX_SLUG = 140

_OF_ALL_CALLS = (("faults",), ("switches",), ("app",))
"""Parts of a scenario that stand at its top, however many calls there are."""


@dataclass(frozen=True)
class Plan:
    """One run.

    Args:
        scenario: What is played.
        provider: The wire that the application speaks.
        seed: From which all randomness of the run is drawn.
        base_dir: The folder that relative sound files start from, and beside which committed speech lies.
        source: ``path:line`` of the scenario, for people and editors.
        rerun: The command that repeats exactly this run.
        lines: Lines of the scenario's parts, where it stands in a file.
        place: What tells this run from all others of the same scenario and seed; its file when absent.
        mode: In which time it is played, and against what.
        condition: Under what other circumstances than the scenario's own; nothing where there are none.
        faults: What goes wrong besides what the scenario says.
        fault_places: ``path:line`` of each of those, where they stand in a file.
        requires: Stages that the first handoff must have when nothing goes wrong, or the condition does not concern
            this scenario.
        may_miss: Whether it does not concern this scenario if nothing goes wrong after all.
    """

    scenario: Scenario
    provider: Provider
    seed: int
    base_dir: Path
    source: str
    rerun: str
    lines: Mapping[Location, int] = field(default_factory=dict, repr=False)
    place: str = ""
    mode: Mode = SIMULATED
    condition: str = ""
    faults: tuple[Fault, ...] = ()
    fault_places: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    may_miss: bool = False

    @property
    def id(self) -> str:
        """Name, provider, seed and condition; the same id is the same bytes."""
        return _id(self.scenario, self.provider, self.seed, self.condition)

    @property
    def all_faults(self) -> tuple[Fault, ...]:
        """The scenario's own, and those besides; without those that the provider's service does not know."""
        return self.placed_faults()[0]

    def placed_faults(self, *, is_replay: bool = False) -> tuple[tuple[Fault, ...], tuple[str, ...]]:
        """What goes wrong, and where each of it stands as ``file:line``.

        Args:
            is_replay: Whether a recording is replayed that has in it what the scenario says.
        """
        locate = self.locator(0)
        own = [(fault, locate("faults", index)) for index, fault in enumerate(self.scenario.faults)]
        besides = zip_longest(self.faults, self.fault_places[: len(self.faults)], fillvalue=self.source)
        both = [*(() if is_replay else own), *besides]
        concerned = [(fault, place) for fault, place in both if fault.concerns(self.provider)]
        return tuple(fault for fault, _ in concerned), tuple(place for _, place in concerned)

    @property
    def app_place(self) -> str:
        """``file:line`` of the application's name; empty where the scenario stands in no file."""
        return self.locator(0)("app", self.provider) if self.lines else ""

    @property
    def undisturbed(self) -> Plan:
        """The same in simulated time, and nothing goes wrong: what it would have come to. A replay stays one."""
        scenario = self.scenario.model_copy(update={"faults": ()})
        mode = self.mode if self.mode.against == "replay" else SIMULATED
        return replace(self, scenario=scenario, mode=mode, condition="", faults=(), requires=(), may_miss=False)

    @property
    def slug(self) -> str:
        """A name for files and folders, unlike that of any other run: its place and its id."""
        place = self.place or self.source.rpartition(":")[0].removesuffix(SUFFIX)
        # Where there is one provider, it tells nothing apart.
        provider = f"{self.provider}/" if len(self.scenario.apps) > 1 else ""
        condition = f"/{self.condition}" if self.condition else ""
        whole = f"{place}/{self.scenario.scenario}/{provider}s{self.seed}{condition}"
        slug = re.sub(r"[^A-Za-z0-9-]+", "-", whole.replace("/", "--")).strip("-")
        if len(slug) <= MAX_SLUG and re.fullmatch(r"[A-Za-z0-9/-]+", whole) and "--" not in whole:
            return slug
        digest = hashlib.blake2b(whole.encode(), digest_size=4).hexdigest()
        return f"{slug[:MAX_SLUG]}-{digest}"

    def locator(self, call: int) -> Callable[..., str]:
        """Gives ``file:line`` of a part of a call, such as ``("expect", "route")``, or of the nearest part."""
        path = self.source.rpartition(":")[0]
        several = ("calls",) in self.lines

        def locate(*part: str | int) -> str:
            location = ("calls", call, *part) if several and part[:1] not in _OF_ALL_CALLS else part
            for end in range(len(location), 0, -1):
                if location[:end] in self.lines:
                    return f"{path}:{self.lines[location[:end]]}"
            return self.source

        return locate


def _id(scenario: Scenario, provider: Provider, seed: int, condition: str) -> str:
    return f"{scenario.scenario}[{provider}-s{seed}{f'-{condition}' if condition else ''}]"


def plan(
    source: ScenarioSource,
    provider: Provider,
    seed: int,
    shown_path: str,
    mode: Mode = SIMULATED,
    condition: Condition = NO_CONDITION,
) -> Plan:
    """One run of a scenario from a file.

    Args:
        source: The scenario.
        provider: The wire that the application speaks.
        seed: The seed.
        shown_path: The file as the user would type it.
        mode: How it is played.
        condition: Under what circumstances.
    """
    id = _id(source.scenario, provider, seed, condition.name)
    rerun = " ".join(["pytest", f'"{shown_path}::{id}"', *mode.options, *condition.options])
    return Plan(
        source.scenario,
        provider,
        seed,
        source.path.parent,
        f"{shown_path}:{source.line}",
        rerun,
        source.lines,
        mode=mode,
        condition=condition.name,
        faults=condition.faults,
        fault_places=condition.places,
        requires=condition.requires,
        may_miss=condition.may_miss,
    )


def plans(
    source: ScenarioSource,
    seeds: tuple[int, ...],
    shown_path: str,
    mode: Mode = SIMULATED,
    conditions: Sequence[Condition] = (NO_CONDITION,),
) -> list[Plan]:
    """One plan for each provider that the scenario has an application for, each seed and condition; in this order."""
    return [
        plan(source, provider, seed, shown_path, mode, condition)
        for provider in source.scenario.apps
        for seed in seeds
        for condition in conditions
        if condition.concerns(provider)
    ]
