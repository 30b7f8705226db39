"""A call in a world of its own, with the fake service or with a cassette in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from roomkit_sim.sim.adapters.roomkit import RoomKitAdapter
from roomkit_sim.sim.audio.identification import VoiceIdentifier
from roomkit_sim.sim.caller.exchange import Exchange
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.cassette.recorder import CassetteRecorder
from roomkit_sim.sim.cassette.replay import ReplayServer
from roomkit_sim.sim.cassette.stage import Identity
from roomkit_sim.sim.runner.application import Answer, load_application
from roomkit_sim.sim.runner.live_call import LiveCall
from roomkit_sim.sim.runner.sound import prepare_sound
from roomkit_sim.sim.scenario.loader import load
from roomkit_sim.sim.scenario.plan import Plan, plans
from roomkit_sim.sim.servers.gemini_live.server import HOST, GeminiLiveServer
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.wiretap import Wiretap
from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.world import World

ROOT = Path(__file__).parents[3]
TRIAGE = ROOT / "scenarios/finance/triage.scenario.yaml"
LINKS = LinkPair(Link(latency_ns=23_456_789, jitter_ns=5_000_000), Link(latency_ns=31_234_567, jitter_ns=7_000_000))
VERSIONS = {"google-genai": "3.4.0"}


@dataclass(frozen=True)
class Played:
    """What came of a call."""

    events: list[TraceEvent]
    caller_pcm: bytes
    agent_pcm: bytes
    recorder: CassetteRecorder

    def cassette(self) -> Cassette:
        return self.recorder.cassette("gemini-live", recorded="2030-01-01T00:00:00Z", versions=VERSIONS)

    def of(self, *names: str) -> list[tuple[str, int, Any]]:
        """Events by their names, with their times and details."""
        return [(event.name, event.t_ns, dict(event.data)) for event in self.events if event.name in names]


class _Clock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now()

    def monotonic_ns(self) -> int:
        return self._world.now_ns


def plan_of(path: Path = TRIAGE, seed: int = 0) -> Plan:
    return plans(load(path)[0], (seed,), str(path))[0]


def record(plan: Plan, app: Answer | None = None, links: LinkPair = LINKS) -> Played:
    """Play a call with the fake service."""
    sound = prepare_sound(plan)
    scenario = plan.scenario

    async def main(world: World, call: LiveCall, go: Callable[[], Any]) -> None:
        service = GeminiLiveServer(
            mind=scenario.mind,
            agent_of=scenario.agent_of,
            recogniser=sound.recogniser,
            transcripts=sound.transcripts,
            latency=scenario.latency,
            seeds=world.seeds,
            sink_for=lambda peer: (world.network.by_client_address(peer).id, call.recorder),
        )
        async with world.hosting(HOST, service.serve):
            await go()

    return _play(plan, app, links, main)


def replay(plan: Plan, cassette: Cassette, app: Answer | None = None, **settings: Any) -> tuple[Played, ReplayServer]:
    """Play a call with a cassette in place of the service; drift is raised."""
    servers: list[ReplayServer] = []

    async def main(world: World, call: LiveCall, go: Callable[[], Any]) -> None:
        def identify(peer: tuple[str, int]) -> Identity:
            return Identity(world.network.by_client_address(peer).id, call.id, call.recorder)

        server = ReplayServer(cassette, identify=identify, **settings)
        servers.append(server)
        async with world.hosting(HOST, server.serve):
            with server.stopping():
                await go()

    return _play(plan, app, LinkPair(), main), servers[0]


def _play(plan: Plan, app: Answer | None, links: LinkPair, main: Callable[..., Any]) -> Played:
    sound = prepare_sound(plan)
    world = World(seed=plan.seed, links=links, budget_ns=120_000_000_000)
    [spec] = plan.scenario.calls
    call = LiveCall(
        "call",
        spec,
        sound.clips[spec.name],
        exchange=Exchange(),
        seeds=world.seeds,
        now_ns=lambda: world.now_ns,
        ear=VoiceIdentifier(),
    )
    recorder = CassetteRecorder(lambda: world.now_ns)
    tap = Wiretap(lambda conn: call.recorder, lambda: world.now_ns)
    world.network.observers += [tap, recorder]
    call.recorder.listen(recorder.hear)
    answer, adapter, clock = app or load_application(plan.scenario.apps[plan.provider]), RoomKitAdapter(), _Clock(world)

    async def go() -> None:
        # As in a run: the call is a task of its own, and what the application raises is in its trace.
        await asyncio.create_task(call.run(answer, adapter, clock))
        await call.close(adapter, clock)

    world.run(lambda: main(world, call, go))
    tap.finish()
    return Played(
        list(call.recorder.events), call.line.caller_track().tobytes(), call.line.agent_track().tobytes(), recorder
    )
