"""Many calls over a bad network: each segment is lost with 2 %, and stalls its stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from roomkit_sim.sim.runner.simulate import run_plan
from roomkit_sim.sim.scenario.loader import load
from roomkit_sim.sim.scenario.model import LinkSpec, NetworkSpec, Provider
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.trace.files import digest

SCENARIO = Path("scenarios/finance/triage.scenario.yaml")
LOSS = 0.02
PROVIDERS: tuple[Provider, ...] = ("gemini-live", "openai-realtime")
CALLS = 100
WORKERS = 2


@dataclass(frozen=True)
class LossyCall:
    """What became of one call."""

    digest: str
    codes: tuple[str, ...]
    gaps_ms: tuple[float | None, ...]

    @property
    def broken(self) -> tuple[str, ...]:
        """The invariants that did not hold, and what makes a call invalid."""
        return tuple(code for code in self.codes if code.startswith(("INV", "WIRE", "APP")))


def lossy_plan(provider: Provider, seed: int) -> Plan:
    """The two-agent scenario where 2 % of all segments are lost once, each way."""
    [source] = load(SCENARIO)
    link = LinkSpec(loss=LOSS)
    scenario = source.scenario.model_copy(update={"network": NetworkSpec(up=link, down=link)})
    return Plan(scenario, provider, seed, SCENARIO.parent, str(SCENARIO), "", place=f"{SCENARIO} with loss")


def lossy_call(provider: Provider, seed: int) -> LossyCall:
    """Play it once."""
    run = run_plan(lossy_plan(provider, seed))
    return LossyCall(
        digest(run.record.events),
        tuple(finding.code for finding in run.findings),
        tuple(handoff.latencies.gap_ms for handoff in run.handoffs),
    )


def lossy_calls(provider: Provider, seeds: Iterable[int]) -> list[LossyCall]:
    """Play one call for each seed, on all cores that this may take."""
    numbers = list(seeds)
    with ProcessPoolExecutor(WORKERS) as pool:
        return list(pool.map(lossy_call, [provider] * len(numbers), numbers, chunksize=5))


def main() -> None:
    """Play all of them twice, and compare."""
    print(f"{CALLS} seeded calls each with {LOSS:.0%} loss, twice")
    for provider in PROVIDERS:
        once, again = (lossy_calls(provider, range(CALLS)) for _ in range(2))
        different = sum(one.digest != other.digest for one, other in zip(once, again, strict=True))
        codes = Counter(code for call in once for code in call.codes)
        gaps = sorted(gap for call in once for gap in call.gaps_ms if gap is not None)
        print(
            f"  {provider:<16} invariants broken in {sum(bool(call.broken) for call in once)} calls; other digest the "
            f"second time: {different}; different calls: {len({call.digest for call in once})}; findings: "
            f"{dict(codes) or 'none'}; gap p50 {gaps[len(gaps) // 2]:.0f}, p90 {gaps[len(gaps) * 9 // 10]:.0f} ms"
        )
        assert not different
        assert not any(call.broken for call in once), [call.broken for call in once if call.broken]
