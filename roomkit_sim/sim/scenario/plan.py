"""One run of a scenario: a seed, a place, and the command that repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim.scenario.loader import ScenarioSource
from roomkit_sim.sim.scenario.model import Scenario

__all__ = ["Plan", "parse_seeds", "plans"]


@dataclass(frozen=True)
class Plan:
    """One run.

    Args:
        scenario: What is played.
        seed: From which all randomness of the run is drawn.
        base_dir: The folder that relative sound files start from, and beside which committed speech lies.
        source: ``path:line`` of the scenario, for people and editors.
        rerun: The command that repeats exactly this run.
    """

    scenario: Scenario
    seed: int
    base_dir: Path
    source: str
    rerun: str

    @property
    def id(self) -> str:
        """Name, provider and seed; the same id is the same bytes."""
        return _id(self.scenario, self.seed)


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
        Plan(source.scenario, seed, source.path.parent, place, f'pytest "{shown_path}::{_id(source.scenario, seed)}"')
        for seed in seeds
    ]


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read ``--sim-seeds``: one seed ``7``, so many seeds ``10x``, a list ``1,5,9``, a range ``0-99``.

    Raises:
        ScenarioError: It is none of these.
    """
    try:
        if text.endswith("x"):
            seeds = tuple(range(int(text[:-1])))
        elif "-" in text:
            first, last = text.split("-")
            seeds = tuple(range(int(first), int(last) + 1))
        else:
            seeds = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        seeds = ()
    if not seeds:
        raise ScenarioError(
            f"--sim-seeds={text!r}: expected a seed (7), a number of seeds (10x), a list (1,5) or a range (0-9)"
        )
    return tuple(dict.fromkeys(seeds))
