"""The shipped scenarios on both wires: who was in charge, in which phases, and the gaps that the caller heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roomkit_sim.sim.runner.simulate import Run, run_plan
from roomkit_sim.sim.scenario.loader import ScenarioSource, load
from roomkit_sim.sim.scenario.model import Provider
from roomkit_sim.sim.scenario.plan import plan
from roomkit_sim.sim.trace.route import phases, route

SCENARIOS = Path("scenarios")
PAGE = Path("docs/parity.md")


@dataclass(frozen=True)
class Played:
    """What became of a scenario with one provider; a part for each of its calls."""

    passed: bool
    route: tuple[tuple[str, ...], ...]
    phases: tuple[tuple[str, ...], ...]
    gaps_ms: tuple[float | None, ...]

    @classmethod
    def of(cls, run: Run) -> Played:
        """Take a run's paths and gaps."""
        return cls(
            run.passed,
            tuple(tuple(step.name for step in route(call.record.events)) for call in run.calls),
            tuple(tuple(step.name for step in phases(call.record.events)) for call in run.calls),
            tuple(handoff.latencies.gap_ms for handoff in run.handoffs if handoff.handoff.accepted),
        )


def sources(folder: Path = SCENARIOS) -> Iterator[ScenarioSource]:
    """The shipped scenarios that have an application for several providers."""
    for path in sorted(folder.rglob("*.scenario.yaml")):
        yield from (source for source in load(path) if len(source.scenario.apps) > 1)


def played(source: ScenarioSource, seed: int = 0) -> dict[Provider, Played]:
    """Play a scenario with each of its providers."""
    made = (plan(source, provider, seed, str(source.path)) for provider in source.scenario.apps)
    return {one.provider: Played.of(run_plan(one)) for one in made}


def page() -> str:
    """The parity table as Markdown."""
    lines = [
        "# The same calls on both wires",
        "",
        "Every shipped scenario that has an application for both services, played with seed 0 on the same simulated",
        "network. Made by `make parity`; the tests hold the routes and phases of both to each other.",
        "The gap is the silence that the caller hears at each completed handoff, in milliseconds of virtual time: it",
        "tells about our model and the round trips of the code, not about the services.",
        "",
        "| scenario | provider | verdict | route | phases | gap, ms |",
        "|---|---|---|---|---|---|",
    ]
    for source in sources():
        for provider, found in played(source).items():
            cells = (source.scenario.scenario, provider, "passed" if found.passed else "FAILED", *paths(found))
            lines.append(f"| {' | '.join(cells)} | {', '.join(_shown(gap) for gap in found.gaps_ms) or '-'} |")
    return "\n".join([*lines, ""])


def paths(found: Played) -> tuple[str, str]:
    """Route and phases as the page shows them; calls at once are set off by semicolons."""
    agents, states = ("; ".join(" > ".join(path) for path in each) for each in (found.route, found.phases))
    return agents, states


def _shown(gap_ms: float | None) -> str:
    return "-" if gap_ms is None else f"{gap_ms:.0f}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} written")
