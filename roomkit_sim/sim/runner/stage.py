"""Everything of one run: the world, who answers, the lines, what goes wrong, what is recorded."""

from __future__ import annotations

import asyncio
import os

from roomkit_sim.errors import BudgetExceededError, CassetteDriftError, DeadlockError
from roomkit_sim.sim.adapters.base import Adapter
from roomkit_sim.sim.caller.exchange import Exchange
from roomkit_sim.sim.cassette.drift import Drift
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.cassette.recorder import CassetteRecorder
from roomkit_sim.sim.cassette.replay import ReplayServer
from roomkit_sim.sim.cassette.rules import Rules, read_rules
from roomkit_sim.sim.cassette.scrubbing import SecretScrubber
from roomkit_sim.sim.cassette.stage import Identity
from roomkit_sim.sim.faults.bounds import PATIENCE_MS
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.runner.fates import Fates, Missed, why_never
from roomkit_sim.sim.runner.live_call import LiveCall
from roomkit_sim.sim.runner.moments import FrameCounter, Marks, arm
from roomkit_sim.sim.runner.recordings import Tape, faults_as_json, near
from roomkit_sim.sim.runner.service import FakeService, LiveService, RecordedService, Service
from roomkit_sim.sim.runner.sound import Sound
from roomkit_sim.sim.runner.strikes import Strikes, passes_gates
from roomkit_sim.sim.runner.wire_watch import observe_wire
from roomkit_sim.sim.runner.worlds import WorldClock, make_world
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.scenario.switches import SWITCHES
from roomkit_sim.sim.servers.catalogue import sdk_versions, server_class
from roomkit_sim.sim.servers.contract import ServerSession
from roomkit_sim.sim.servers.mind import Mind
from roomkit_sim.sim.servers.switchboard import Switchboard
from roomkit_sim.sim.trace.recorder import Recorder, TraceSink
from roomkit_sim.sim.trace.wiretap import Wiretap
from roomkit_sim.sim.world.connection import ObservedConnection
from roomkit_sim.sim.world.lag import LagMeter
from roomkit_sim.sim.world.message_gate import MessageGate

__all__ = ["Stage"]

_STOPS = {DeadlockError: "deadlock", BudgetExceededError: "budget_exceeded", CassetteDriftError: "drift"}


class Stage:
    """Everything of one run. It outlives a run that hangs.

    Args:
        plan: What is played.
        sound: Its sound.
        marks: By what the stages at which faults strike are recognised.
        tape: What is replayed, or whether the run is recorded.

    Attributes:
        is_stopped: Whether it was ended before its end: it hung, or left its recording.
        is_spoiled: Whether it touched the real network, so that a recording would lack what answered there.
        seen: How many errors in the background there were when it was stopped.
    """

    def __init__(self, plan: Plan, sound: Sound, marks: Marks, tape: Tape) -> None:
        scenario = plan.scenario
        self.plan = plan
        self.marks = marks
        self.world = make_world(plan, is_replay=tape.cassette is not None)
        self.tap = Wiretap(self._sink_of, self.now_ns)
        self.world.network.observers.append(self.tap)
        self.switches = Switchboard(_switches_of(plan))
        self.faults, self.fault_places = plan.placed_faults(is_replay=tape.has_faults)
        self._fates = Fates(self.faults, self.now_ns)
        self._frames = FrameCounter(self._is_of_the_first)
        self.service = self._make_service(sound, tape.cassette)
        exchange = Exchange()
        self.calls = {
            (id := _call_id(plan, call.name)): LiveCall(
                id,
                call,
                sound.clips[call.name],
                exchange=exchange,
                seeds=self.world.seeds,
                now_ns=self.now_ns,
                ear=self.service.new_ear(),
                secrets=self.service.secrets,
                patience_ms=PATIENCE_MS if plan.condition else 0,
            )
            for call in scenario.calls
        }
        if not self.service.tells_by_itself:
            for live_call in self.calls.values():
                observe_wire(live_call.recorder, Mind(scenario.mind, scenario.agent_of))
        self.recorder = self._make_recorder() if tape.records else None
        if self.recorder is not None:
            self.world.network.observers.append(self.recorder)
            for live_call in self.calls.values():
                live_call.recorder.listen(self.recorder.hear)
        self._conn_owner: dict[int, str] = {}
        self.is_stopped = False
        self.is_spoiled = False
        self.seen: int | None = None

    def _scrubbing(self) -> Rules:
        return read_rules(near(self.plan.mode.recordings), os.environ)

    def _make_recorder(self) -> CassetteRecorder:
        rules = self._scrubbing()
        return CassetteRecorder(
            self.now_ns,
            scrubber=SecretScrubber(rules),
            microphone=rules.microphone,
            in_real_time=self.plan.mode.clock == "real",
        )

    def _make_service(self, sound: Sound, cassette: Cassette | None) -> Service:
        scenario = self.plan.scenario
        if cassette is not None:
            replay = ReplayServer(
                cassette,
                scrubber=SecretScrubber(self._scrubbing()),
                identify=self._identify,
                on_drift=self._drifted,
                # An application that is disturbed need not do what it did.
                disturbances=[f"{fault.do} at {fault.when}" for fault in self.faults],
                now_ns=self.now_ns,
            )
            return RecordedService(replay)
        if self.plan.mode.against == "live":
            return LiveService()
        server = server_class(self.plan.provider)(
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
        return FakeService(server)

    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        return self.world.now_ns

    @property
    def first(self) -> LiveCall:
        """The call that faults strike."""
        return next(iter(self.calls.values()))

    async def main(self, answer: Answer, adapter: Adapter) -> None:
        """The run."""
        async with self.service.found_in(self.world):
            self._arm_faults()
            clock = WorldClock(self.world)
            tasks = [
                asyncio.create_task(call.run(answer, adapter, clock), name=f"call {call.id}")
                for call in self.calls.values()
            ]
            await asyncio.gather(*tasks)
            for call in self.calls.values():
                await call.close(adapter, clock)

    def stopped(self, error: Exception) -> None:
        """The run hangs, or has left its recording: end its calls here and now."""
        if self.is_stopped:
            return
        self.is_stopped = True
        # What is cancelled now may fail too; that is no failure of the application's.
        self.seen = len(self.world.unhandled)
        kind = _STOPS[type(error)]
        self.tap.finish()
        for call in self.calls.values():
            call.stop(kind, str(error))

    def idle_switches(self) -> tuple[str, ...]:
        """The switches of our server that did nothing."""
        if self.service.server is None:
            return ()
        return tuple(name for name in _switches_of(self.plan) if name not in self.switches.acted)

    def missed_faults(self) -> tuple[Missed, ...]:
        """The faults that never struck."""
        events, frames = self.first.recorder.events, self._frames
        return self._fates.missed(lambda fault: why_never(fault, self.marks, events, frames))

    def recorded(self) -> Cassette | None:
        """The recording, if there is one, the run came to its end, and all that answered is in it."""
        if self.recorder is None or self.is_stopped or self.is_spoiled:
            return None
        date = self.world.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        return self.recorder.cassette(
            self.plan.provider,
            recorded=date,
            versions=sdk_versions(self.plan.provider),
            faults=faults_as_json(self.faults),
        )

    def note_lag(self, lag: LagMeter) -> None:
        """Say when the machine was behind real time."""
        for call in self.calls.values():
            for at_ns, late_ns in lag.late:
                call.recorder.append_after_end("world", "lag", at_ns=at_ns, late_ms=late_ns / 1e6)

    def sessions_of(self, call: str) -> list[ServerSession]:
        """The provider's sessions of a call, in order."""
        return [session for session in self.service.sessions if self._conn_owner.get(session.conn) == call]

    def _drifted(self, drift: Drift) -> None:
        self.stopped(drift.error())

    def _identify(self, peer: tuple[str, int]) -> Identity:
        conn, sink = self._sink_for(peer)
        return Identity(conn, self.world.network.connections[conn].owner, sink)

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
        call, network, faults, frames = self.first, self.world.network, self.faults, self._frames
        if not faults:
            return
        server, sessions = self.service.server, lambda: self.sessions_of(call.id)
        strikes = Strikes(call.recorder, call.id, self._is_of_the_first, sessions, network, server, self._fates)
        if passes_gates(faults):
            network.gates = lambda connection: MessageGate(
                lambda number, payload: frames.server_message(connection, payload)
            )
        network.observers += [strikes, frames] if any(fault.frame for fault in faults) else [strikes]
        for fault in faults:
            arm(fault, self.marks, call.recorder, frames, strikes.strike, self._fates.came)

    def _is_of_the_first(self, connection: ObservedConnection) -> bool:
        return self._recorder_of(self.world.network.connections[connection.id].owner) is self.first.recorder


def _switches_of(plan: Plan) -> tuple[str, ...]:
    """The scenario's switches, without those of another provider that it is played with too."""
    return tuple(name for name in plan.scenario.switches if SWITCHES[name].concerns(plan.provider))


def _call_id(plan: Plan, name: str) -> str:
    """The id of a call: the scenario's name, with the call's where there are several."""
    scenario = plan.scenario
    return scenario.scenario if len(scenario.calls) == 1 else f"{scenario.scenario}.{name}"
