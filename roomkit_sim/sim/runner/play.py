"""Plays one plan in one world."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit_sim.errors import BudgetExceededError, CassetteDriftError, DeadlockError, RealNetworkError
from roomkit_sim.sim.adapters.base import Adapter
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.runner.fates import Missed
from roomkit_sim.sim.runner.live_call import LiveCall
from roomkit_sim.sim.runner.moments import Marks
from roomkit_sim.sim.runner.recordings import NO_TAPE, Tape
from roomkit_sim.sim.runner.sound import Sound
from roomkit_sim.sim.runner.stage import Stage
from roomkit_sim.sim.scenario.faults import Fault
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.servers.contract import ServerSession
from roomkit_sim.sim.world.real_time import RealTimeWorld

__all__ = ["PlayedRun", "play"]


@dataclass(frozen=True)
class PlayedRun:
    """What a run leaves behind.

    Args:
        calls: Its calls, in the order of the scenario.
        sessions: The provider's sessions of each call, by the call's id.
        faults: What was to go wrong.
        missed: What of it never struck, and where it stands as ``file:line``.
        idle_switches: The scenario's switches whose moment never came.
        cassette: What was recorded.
    """

    calls: list[LiveCall]
    sessions: dict[str, list[ServerSession]]
    faults: tuple[Fault, ...] = ()
    missed: tuple[tuple[Missed, str], ...] = ()
    idle_switches: tuple[str, ...] = ()
    cassette: Cassette | None = None


def play(
    plan: Plan,
    sound: Sound,
    answer: Answer,
    adapter: Adapter,
    marks: Marks | None = None,
    tape: Tape = NO_TAPE,
) -> PlayedRun:
    """Play a plan.

    What goes wrong inside, up to a run that hangs, is in the traces of the calls; nothing is raised for it.

    Args:
        plan: What is played.
        sound: Its sound.
        answer: The application.
        adapter: Observes it.
        marks: By what the stages at which faults strike are recognised.
        tape: What is replayed, or whether the run is recorded.
    """
    stage = Stage(plan, sound, marks or {}, tape)
    for call in stage.calls.values():
        call.recorder.emit("world", "seed", seed=plan.seed)
    try:
        stage.world.run(lambda: stage.main(answer, adapter), stage.stopped)
    except (DeadlockError, BudgetExceededError, CassetteDriftError) as error:
        # Also what hangs only when it is cancelled, after the calls.
        stage.stopped(error)
    except RealNetworkError as error:
        stage.is_spoiled = True
        for call in stage.calls.values():
            call.note("real_network", str(error))
    for message in stage.world.unhandled[: stage.seen]:
        stage.first.note("unhandled", message)
    if isinstance(stage.world, RealTimeWorld):
        stage.note_lag(stage.world.lag)
    stage.tap.finish()
    for unused in stage.service.unused():
        stage.first.note("unplayed", unused)
    idle = stage.idle_switches()
    sessions = {id: stage.sessions_of(id) for id in stage.calls}
    missed = tuple((fault, stage.fault_places[fault.number]) for fault in stage.missed_faults())
    return PlayedRun(list(stage.calls.values()), sessions, stage.faults, missed, idle, stage.recorded())
