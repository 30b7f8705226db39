"""One run of a scenario: a seed, a place, and the command that repeats it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roomkit_sim.sim.scenario.loader import SUFFIX, ScenarioSource
from roomkit_sim.sim.scenario.model import Scenario
from roomkit_sim.sim.scenario.yaml_source import Location

__all__ = ["Plan", "plans"]

MAX_SLUG = 140


@dataclass(frozen=True)
class Plan:
    """One run.

    Args:
        scenario: What is played.
        seed: From which all randomness of the run is drawn.
        base_dir: The folder that relative sound files start from, and beside which committed speech lies.
        source: ``path:line`` of the scenario, for people and editors.
        rerun: The command that repeats exactly this run.
        lines: Lines of the scenario's parts, where it stands in a file.
        place: What tells this run from all others of the same scenario and seed; its file when absent.
    """

    scenario: Scenario
    seed: int
    base_dir: Path
    source: str
    rerun: str
    lines: Mapping[Location, int] = field(default_factory=dict, repr=False)
    place: str = ""

    @property
    def id(self) -> str:
        """Name, provider and seed; the same id is the same bytes."""
        return _id(self.scenario, self.seed)

    @property
    def slug(self) -> str:
        """A name for files and folders, unlike that of any other run: the place, the scenario's name and the seed."""
        place = self.place or self.source.rpartition(":")[0].removesuffix(SUFFIX)
        whole = f"{place}/{self.scenario.scenario}/s{self.seed}"
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
            location = ("calls", call, *part) if several else part
            for end in range(len(location), 0, -1):
                if location[:end] in self.lines:
                    return f"{path}:{self.lines[location[:end]]}"
            return self.source

        return locate


def _id(scenario: Scenario, seed: int) -> str:
    return f"{scenario.scenario}[{scenario.provider}-s{seed}]"


def plans(source: ScenarioSource, seeds: tuple[int, ...], shown_path: str) -> list[Plan]:
    """One plan for each seed.

    Args:
        source: The scenario.
        seeds: The seeds, in order.
        shown_path: The file as the user would type it.
    """
    place = f"{shown_path}:{source.line}"
    return [
        Plan(
            source.scenario,
            seed,
            source.path.parent,
            place,
            f'pytest "{shown_path}::{_id(source.scenario, seed)}"',
            source.lines,
        )
        for seed in seeds
    ]
