"""The world that a plan is played in, and its time."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, assert_never

from roomkit_sim.sim.scenario.model import LinkSpec, NetworkSpec
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.servers.catalogue import load_sdk
from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.real_time import RealTimeWorld
from roomkit_sim.sim.world.world import World

__all__ = ["AnyWorld", "WorldClock", "link_pair", "make_world"]

AnyWorld: TypeAlias = World | RealTimeWorld

_MS = 1_000_000


def make_world(plan: Plan, *, is_replay: bool) -> AnyWorld:
    """The world of one run.

    Args:
        plan: What is played.
        is_replay: Whether a recording answers: its times have the network in them.
    """
    scenario, budget_ns = plan.scenario, plan.scenario.budget_ms * _MS
    match plan.mode.clock:
        case "virtual":
            links = LinkPair() if is_replay else link_pair(scenario.network)
            return World(seed=plan.seed, links=links, budget_ns=budget_ns)
        case "real":
            load_sdk(plan.provider)
            return RealTimeWorld(
                seed=plan.seed, budget_ns=budget_ns, is_open=plan.mode.against == "live" and not is_replay
            )
        case _:
            assert_never(plan.mode.clock)


class WorldClock:
    """The world's time for the runtime.

    Args:
        world: The world.
    """

    def __init__(self, world: AnyWorld) -> None:
        self._world = world

    def now(self) -> datetime:
        """The date and time, in UTC."""
        return self._world.now()

    def monotonic_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        return self._world.now_ns


def link_pair(network: NetworkSpec) -> LinkPair:
    """The links that a scenario describes."""
    return LinkPair(_link(network.up), _link(network.down))


def _link(spec: LinkSpec) -> Link:
    return Link(
        latency_ns=round(spec.latency_ms * _MS),
        jitter_ns=round(spec.jitter_ms * _MS),
        bandwidth_bytes_per_s=None if spec.bandwidth_kbps is None else spec.bandwidth_kbps * 1000 / 8,
        loss=spec.loss,
        stall_ns=round(spec.stall_ms * _MS),
    )
