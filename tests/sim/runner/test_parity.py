"""The same calls on both wires: the same agents in the same phases, also on a network that loses segments."""

from __future__ import annotations

import pytest

from benchmarks.lossy import lossy_call
from benchmarks.parity import PAGE, paths, played, sources
from roomkit_sim.sim.scenario.loader import ScenarioSource
from roomkit_sim.sim.scenario.model import Provider
from tests.sim.runner.finance_line import ROOT

SOURCES = tuple(sources(ROOT / "scenarios"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.scenario.scenario)
def test_a_scenario_takes_the_same_route_on_both_wires_as_the_page_says(source: ScenarioSource) -> None:
    found = played(source)
    gemini, openai = found["gemini-live"], found["openai-realtime"]
    assert (gemini.passed, openai.passed) == (True, True)
    assert gemini.route == openai.route
    assert gemini.phases == openai.phases
    assert [gap is None for gap in gemini.gaps_ms] == [gap is None for gap in openai.gaps_ms]
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for provider, one in found.items():
        row = f"| {source.scenario.scenario} | {provider} | passed | {' | '.join(paths(one))} |"
        assert row in page, "docs/parity.md is not up to date: make parity"


def test_at_least_ten_scenarios_are_played_on_both_wires() -> None:
    assert len(SOURCES) >= 10


@pytest.mark.parametrize("provider", ["gemini-live", "openai-realtime"])
def test_calls_with_losses_break_no_invariant_and_repeat_to_the_byte(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    calls = [lossy_call(provider, seed) for seed in range(3)]
    assert [call.broken for call in calls] == [(), (), ()]
    assert len({call.digest for call in calls}) == 3
    assert lossy_call(provider, 2) == calls[2]
