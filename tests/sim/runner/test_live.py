"""A call with a service that tells nothing but what is on the wire.

The service is a server of ours in a thread of its own, which stands for one that is far away: nothing of what it knows
reaches the trace.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.runner import run as running
from roomkit_sim.sim.runner.simulate import make_plan, run_plan
from roomkit_sim.sim.runner.sound import prepare_sound
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.servers.gemini_live.server import HOST, GeminiLiveServer
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.lag import LagMeter
from roomkit_sim.sim.world.loopback import Loopback, on_loopback
from roomkit_sim.sim.world.real_time import RealTimeWorld
from roomkit_sim.sim.world.seeds import SeedTree
from tests.sim.runner.finance_line import SCENARIOS, application, short_call
from tests.sim.runner.test_real_clock import HURRIED, on_a_machine_that_keeps_up

KEY = "a-key-from-the-environment"


def live_plan() -> Plan:
    scenario = short_call(caller=HURRIED, app="not.used:here")
    return make_plan(scenario, base_dir=SCENARIOS, mode=Mode(against="live"))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[LagMeter]:
    """Serves while the test lasts; gives the meter that says when the service was late itself."""
    plan = live_plan()
    recogniser: UtteranceRecogniser = prepare_sound(plan).recogniser
    ready: Future[Loopback] = Future()
    loop = asyncio.new_event_loop()
    lag = LagMeter(time.monotonic_ns)
    stop = asyncio.Event()

    async def serve() -> None:
        nobody = Recorder("nobody", lambda: 0)
        server = GeminiLiveServer(
            mind=plan.scenario.mind,
            agent_of=plan.scenario.agent_of,
            recogniser=recogniser,
            transcripts={},
            latency=plan.scenario.latency,
            seeds=SeedTree(0),
            sink_for=lambda peer: (0, nobody),
        )
        async with on_loopback(server.serve) as loopback:
            beats = loop.create_task(lag.run())
            ready.set_result(loopback)
            await stop.wait()
            beats.cancel()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    loopback = ready.result(timeout=30)

    class FarAway(RealTimeWorld):
        def __init__(self, **settings: Any) -> None:
            assert settings["is_open"] is True
            super().__init__(**settings)
            self.network.route(HOST, loopback)

    monkeypatch.setattr(running, "RealTimeWorld", FarAway)
    yield lag
    loop.call_soon_threadsafe(stop.set)
    thread.join(timeout=30)
    loop.close()


def test_routing_phases_and_the_stages_of_a_handoff_are_told_from_the_wire(
    service: LagMeter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    run = on_a_machine_that_keeps_up(lambda: run_plan(live_plan(), application()), beside=service)
    assert run.findings == ()
    [handoff] = run.handoffs
    assert handoff.handoff.accepted
    # When the turn was committed is not on Gemini's wire: missing, and not made up.
    assert [*handoff.handoff.stages] == ["H0", *(f"H{number}" for number in range(2, 12) if number != 5)]
    assert handoff.latencies.ear_ms is not None
    assert {event.data.get("by") for event in run.record.events if event.src == "server"} == {"wire"}
    assert "against='live'" in run.record.rerun


def test_a_session_that_runs_the_wrong_agent_is_noticed(service: LagMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider

    class KeepsPrompt(GeminiLiveProvider):
        async def reconfigure(self, session: Any, **settings: Any) -> None:
            await super().reconfigure(session, **{**settings, "system_prompt": None})

    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    run = run_plan(live_plan(), application(provider=KeepsPrompt))
    assert "INV003" in {finding.code for finding in run.findings}


def test_the_application_gets_its_key_from_the_environment(service: LagMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    run = run_plan(live_plan(), application())
    [finding] = [finding for finding in run.findings if finding.code == "APP001"]
    assert "GEMINI_API_KEY; it is not set" in finding.message
