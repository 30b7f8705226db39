"""A full-duplex call through the whole stack: caller, channel, provider, SDK, network, server, and back."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

from roomkit_sim.sim.adapters.roomkit import RoomKitAdapter
from roomkit_sim.sim.runner.application import load_application
from roomkit_sim.sim.runner.play import play
from roomkit_sim.sim.runner.simulate import make_plan, run_plan
from roomkit_sim.sim.runner.sound import prepare_sound
from roomkit_sim.sim.scenario.model import Provider
from roomkit_sim.sim.scenario.plan import Plan

APPS: dict[Provider, str] = {
    "gemini-live": "scenarios.apps.switchboard:answer",
    "openai-realtime": "scenarios.apps.switchboard:answer_with_openai",
}


def plan(provider: Provider, seconds: int) -> Plan:
    """The caller listens, its line's noise flowing up, while the agent speaks all the time."""
    words = " ".join(f"word{number}" for number in range(seconds * 3))
    return make_plan(
        {
            "scenario": "full-duplex",
            "app": {provider: APPS[provider]},
            "caller": {"script": [{"wait": {"for": "time", "ms": seconds * 1000}}, "hang_up"]},
            "mind": {"triage": {"when": "Role: Triage receptionist", "rules": [{"on": "connected", "says": words}]}},
        },
        base_dir=Path("scenarios"),
    )


def run_call(provider: Provider, seconds: int) -> float:
    """CPU seconds of the call alone."""
    planned = plan(provider, seconds)
    sound, app = prepare_sound(planned), load_application(APPS[provider])
    begin = time.process_time()
    played = play(planned, sound, app, RoomKitAdapter())
    took = time.process_time() - begin
    call = played.calls[0]
    assert call.line.length >= seconds * call.line.rate_hz, "the call ended early"
    heard = int((abs(call.line.agent_track().astype(int)) > 100).sum())
    assert heard > seconds * call.line.rate_hz / 4, "the agent did not speak all the time"
    return took


def run_whole(provider: Provider, seconds: int) -> float:
    """CPU seconds of the call, the accounting of its sound, and all checks."""
    begin = time.process_time()
    run = run_plan(plan(provider, seconds))
    took = time.process_time() - begin
    assert run.passed, run.findings
    return took


def peak_memory_mb(provider: Provider, seconds: int) -> float:
    """What a call and its record need at most, beyond what is loaded."""
    run_plan(plan(provider, 1))
    tracemalloc.start()
    run_plan(plan(provider, seconds))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6
