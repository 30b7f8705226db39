"""A call with our own server, and the same call replayed from its recording, without one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from roomkit_sim.sim.adapters.roomkit import RoomKitAdapter
from roomkit_sim.sim.runner.application import load_application
from roomkit_sim.sim.runner.play import play
from roomkit_sim.sim.runner.recordings import Tape
from roomkit_sim.sim.runner.simulate import make_plan
from roomkit_sim.sim.runner.sound import prepare_sound
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.scenario.model import Provider

SCENARIO = Path("scenarios/finance/triage.scenario.yaml")


def compare(provider: Provider, rounds: int) -> tuple[float, float]:
    """CPU seconds of the call and of its replay, the best of so many rounds, alternating."""
    plan = make_plan(SCENARIO, provider=provider)
    sound, app = prepare_sound(plan), load_application(plan.scenario.apps[provider])
    cassette = play(plan, sound, app, RoomKitAdapter(), tape=Tape(records=True)).cassette
    assert cassette is not None, "the call did not come to its end"
    again = replace(plan, mode=Mode(against="replay"))
    faked, replayed = [], []
    for _ in range(rounds):
        begin = time.process_time()
        played = play(plan, sound, app, RoomKitAdapter())
        middle = time.process_time()
        same = play(again, sound, app, RoomKitAdapter(), tape=Tape(cassette))
        replayed.append(time.process_time() - middle)
        faked.append(middle - begin)
        tracks = [run.calls[0].line.agent_track().tobytes() for run in (played, same)]
        assert tracks[0] == tracks[1], "the replay went otherwise"
    return min(faked), min(replayed)
