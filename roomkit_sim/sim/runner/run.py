"""Plays one plan in one world."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, assert_never

from roomkit_sim.errors import BudgetExceededError, DeadlockError, RealNetworkError
from roomkit_sim.sim.adapters.base import Adapter
from roomkit_sim.sim.audio.identification import VoiceIdentifier
from roomkit_sim.sim.caller.exchange import Exchange
from roomkit_sim.sim.caller.line import environment_secret, simulated_secret
from roomkit_sim.sim.caller.voices import ConfiguredVoice
from roomkit_sim.sim.faults.bounds import PATIENCE_MS
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.runner.live_call import LiveCall
from roomkit_sim.sim.runner.moments import FrameCounter, Marks, arm
from roomkit_sim.sim.runner.sound import Sound
from roomkit_sim.sim.runner.strikes import Strikes, passes_gates
from roomkit_sim.sim.runner.wire_watch import observe_wire
from roomkit_sim.sim.scenario.model import LinkSpec, NetworkSpec
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.scenario.switches import SWITCHES
from roomkit_sim.sim.servers.catalogue import load_sdk, server_class
from roomkit_sim.sim.servers.contract import ProtocolServer, ServerSession
from roomkit_sim.sim.servers.mind import Mind
from roomkit_sim.sim.servers.switchboard import Switchboard
from roomkit_sim.sim.trace.recorder import Recorder, TraceSink
from roomkit_sim.sim.trace.wiretap import Wiretap
from roomkit_sim.sim.world.connection import ObservedConnection
from roomkit_sim.sim.world.lag import LagMeter
from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.message_gate import MessageGate
from roomkit_sim.sim.world.real_time import RealTimeWorld
from roomkit_sim.sim.world.world import World

__all__ = ["PlayedRun", "play"]

_MS = 1_000_000


@dataclass(frozen=True)
class PlayedRun:
    """What a run leaves behind.

    Args:
        calls: Its calls, in the order of the scenario.
        sessions: The provider's sessions of each call, by the call's id.
        idle_switches: The scenario's switches whose moment never came.
    """

    calls: list[LiveCall]
    sessions: dict[str, list[ServerSession]]
    idle_switches: tuple[str, ...] = ()


AnyWorld: TypeAlias = World | RealTimeWorld


def _make_world(plan: Plan) -> AnyWorld:
    scenario, budget_ns = plan.scenario, plan.scenario.budget_ms * _MS
    match plan.mode.clock:
        case "virtual":
            return World(seed=plan.seed, links=link_pair(scenario.network), budget_ns=budget_ns)
        case "real":
            load_sdk(plan.provider)
            return RealTimeWorld(seed=plan.seed, budget_ns=budget_ns, is_open=plan.mode.against == "live")
        case _:
            assert_never(plan.mode.clock)


class _WorldClock:
    """The world's time for the runtime."""

    def __init__(self, world: AnyWorld) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now()

    def monotonic_ns(self) -> int:
        return self._world.now_ns


class _Stage:
    """Everything of one run: the world, the fake service, the lines. It outlives a run that hangs."""

    def __init__(self, plan: Plan, sound: Sound, marks: Marks) -> None:
        scenario = plan.scenario
        self.plan = plan
        self.marks = marks
        self.world = _make_world(plan)
        self.tap = Wiretap(self._sink_of, self.now_ns)
        self.world.network.observers.append(self.tap)
        self.switches = Switchboard(_switches_of(plan))
        self._is_live = plan.mode.against == "live"
        self.server = None if self._is_live else self._make_server(sound)
        exchange = Exchange()
        self.calls = {
            (id := call_id(plan, call.name)): LiveCall(
                id,
                call,
                sound.clips[call.name],
                exchange=exchange,
                seeds=self.world.seeds,
                now_ns=self.now_ns,
                ear=ConfiguredVoice() if self._is_live else VoiceIdentifier(),
                secrets=environment_secret if self._is_live else simulated_secret,
                patience_ms=PATIENCE_MS if plan.condition else 0,
            )
            for call in scenario.calls
        }
        if self._is_live:
            for live_call in self.calls.values():
                observe_wire(live_call.recorder, Mind(scenario.mind, scenario.agent_of))
        self._conn_owner: dict[int, str] = {}
        self.is_stopped = False
        self.seen: int | None = None

    def _make_server(self, sound: Sound) -> ProtocolServer:
        scenario = self.plan.scenario
        return server_class(self.plan.provider)(
            mind=scenario.mind,
            agent_of=scenario.agent_of,
            recogniser=sound.recogniser,
            transcripts=sound.transcripts,
            latency=scenario.latency,
            seeds=self.world.seeds,
            sink_for=self._sink_for,
            switches=self.switches,
            service=scenario.service,
        )

    def now_ns(self) -> int:
        return self.world.now_ns

    @property
    def first(self) -> LiveCall:
        return next(iter(self.calls.values()))

    async def main(self, answer: Answer, adapter: Adapter) -> None:
        """The run."""
        async with self._service():
            self._arm_faults()
            clock = _WorldClock(self.world)
            tasks = [
                asyncio.create_task(call.run(answer, adapter, clock), name=f"call {call.id}")
                for call in self.calls.values()
            ]
            await asyncio.gather(*tasks)
            for call in self.calls.values():
                await call.close(adapter, clock)

    def _service(self) -> AbstractAsyncContextManager[None]:
        """Lets the fake service be found, if there is one."""
        server = self.server
        return nullcontext() if server is None else self.world.hosting(server.host, server.serve)

    def stopped(self, error: Exception) -> None:
        """The run hangs: end its calls here and now."""
        if self.is_stopped:
            return
        self.is_stopped = True
        # What is cancelled now may fail too; that is no failure of the application's.
        self.seen = len(self.world.unhandled)
        kind = "deadlock" if isinstance(error, DeadlockError) else "budget_exceeded"
        self.tap.finish()
        for call in self.calls.values():
            call.stop(kind, str(error))

    def note_lag(self, lag: LagMeter) -> None:
        """Say when the machine was behind real time."""
        for call in self.calls.values():
            for at_ns, late_ns in lag.late:
                call.recorder.append_after_end("world", "lag", at_ns=at_ns, late_ms=late_ns / 1e6)

    def sessions_of(self, call: str) -> list[ServerSession]:
        """The provider's sessions of a call, in order."""
        known = self.server.sessions if self.server is not None else ()
        return [session for session in known if self._conn_owner.get(session.conn) == call]

    def _recorder_of(self, owner: str | None) -> Recorder:
        # A connection that was dialled on nobody's behalf, such as a warm-up, is shown in the first call.
        return self.calls[owner].recorder if owner in self.calls else self.first.recorder

    def _sink_of(self, connection: ObservedConnection) -> TraceSink:
        recorder = self._recorder_of(self.world.network.connections[connection.id].owner)
        self._conn_owner[connection.id] = recorder.call
        return recorder

    def _sink_for(self, peer: tuple[str, int]) -> tuple[int, TraceSink]:
        connection = self.world.network.by_client_address(peer)
        return connection.id, self._recorder_of(connection.owner)

    def _arm_faults(self) -> None:
        """Faults strike the first call."""
        call, network, faults = self.first, self.world.network, self.plan.all_faults
        if not faults:
            return

        def concerns(connection: ObservedConnection) -> bool:
            return self._recorder_of(network.connections[connection.id].owner) is call.recorder

        strikes = Strikes(call.recorder, call.id, concerns, lambda: self.sessions_of(call.id), network, self.server)
        frames = FrameCounter(concerns)
        if passes_gates(faults):
            network.gates = lambda connection: MessageGate(
                lambda number, payload: frames.server_message(connection, payload)
            )
        network.observers += [strikes, frames] if any(fault.frame for fault in faults) else [strikes]
        for fault in faults:
            arm(fault, self.marks, call.recorder, frames, strikes.strike)


def play(plan: Plan, sound: Sound, answer: Answer, adapter: Adapter, marks: Marks | None = None) -> PlayedRun:
    """Play a plan.

    What goes wrong inside, up to a run that hangs, is in the traces of the calls; nothing is raised for it.

    Args:
        plan: What is played.
        sound: Its sound.
        answer: The application.
        adapter: Observes it.
        marks: By what the stages at which faults strike are recognised.
    """
    stage = _Stage(plan, sound, marks or {})
    for call in stage.calls.values():
        call.recorder.emit("world", "seed", seed=plan.seed)
    try:
        stage.world.run(lambda: stage.main(answer, adapter), stage.stopped)
    except (DeadlockError, BudgetExceededError) as error:
        # Also what hangs only when it is cancelled, after the calls.
        stage.stopped(error)
    except RealNetworkError as error:
        for call in stage.calls.values():
            call.note("real_network", str(error))
    for message in stage.world.unhandled[: stage.seen]:
        stage.first.note("unhandled", message)
    if isinstance(stage.world, RealTimeWorld):
        stage.note_lag(stage.world.lag)
    stage.tap.finish()
    idle = tuple(name for name in _switches_of(plan) if name not in stage.switches.acted)
    return PlayedRun(list(stage.calls.values()), {id: stage.sessions_of(id) for id in stage.calls}, idle)


def _switches_of(plan: Plan) -> tuple[str, ...]:
    """The scenario's switches, without those of another provider that it is played with too."""
    return tuple(name for name in plan.scenario.switches if SWITCHES[name].concerns(plan.provider))


def call_id(plan: Plan, name: str) -> str:
    """The id of a call: the scenario's name, with the call's where there are several."""
    scenario = plan.scenario
    return scenario.scenario if len(scenario.calls) == 1 else f"{scenario.scenario}.{name}"


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
