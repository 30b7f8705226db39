from __future__ import annotations

from pathlib import Path

import pytest

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim.scenario.loader import ScenarioSource, parse
from roomkit_sim.sim.scenario.plan import plans
from roomkit_sim.sim.scenario.seeds import parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"), [("0", (0,)), ("3x", (0, 1, 2)), ("1,5,9", (1, 5, 9)), ("2-4", (2, 3, 4)), ("1,1", (1,))]
)
def test_seeds_are_read(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "x", "a", "5-1", "1-2-3", "0x"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(ScenarioError, match="expected a seed"):
        parse_seeds(text)


def test_a_plan_names_the_command_that_repeats_it() -> None:
    scenario = parse(
        {"scenario": "x", "app": "a:b", "caller": {"script": ["hang_up"]}, "mind": {"triage": {"when": "Role"}}}
    )
    source = ScenarioSource(scenario, Path("/somewhere/x.scenario.yaml"), 3, {})
    first, second = plans(source, (0, 7), "scenarios/x.scenario.yaml")
    assert first.id == "x[gemini-live-s0]"
    assert second.rerun == 'pytest "scenarios/x.scenario.yaml::x[gemini-live-s7]"'
    assert second.source == "scenarios/x.scenario.yaml:3"
