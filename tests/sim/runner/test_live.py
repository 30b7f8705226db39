"""A call with a service that tells nothing but what is on the wire.

The service is a server of ours in a thread of its own, which stands for one that is far away: nothing of what it knows
reaches the trace.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from roomkit_sim import Agent
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.sim import Run
from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.runner import worlds
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.runner.simulate import make_plan, run_plan
from roomkit_sim.sim.runner.sound import prepare_sound
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.scenario.model import Provider
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.servers.catalogue import KEYS
from roomkit_sim.sim.servers.gemini_live.server import GeminiLiveServer
from roomkit_sim.sim.servers.openai_realtime.server import OpenAIRealtimeServer
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.lag import LagMeter
from roomkit_sim.sim.world.loopback import Loopback, on_loopback
from roomkit_sim.sim.world.real_time import RealTimeWorld
from roomkit_sim.sim.world.seeds import SeedTree
from tests.sim.runner.finance_line import SCENARIOS, application, short_call
from tests.sim.runner.test_real_clock import HURRIED, on_a_machine_that_keeps_up


@dataclass(frozen=True)
class Wire:
    """A provider's service and client, the voices of the two agents, and what the first one says."""

    name: Provider
    server: type[GeminiLiveServer] | type[OpenAIRealtimeServer]
    provider: type[GeminiLiveProvider] | type[OpenAIRealtimeProvider]
    voices: tuple[str, str]
    farewell: str = ""

    def plan(self) -> Plan:
        scenario = short_call(caller=HURRIED, app="not.used:here", provider=self.name)
        if self.farewell:
            scenario["mind"]["triage"]["rules"][0]["says"] = self.farewell
        return make_plan(scenario, base_dir=SCENARIOS, mode=Mode(against="live"))

    def agents(self) -> list[Agent]:
        triage, advisor = self.voices
        return [
            Agent("agent-triage", role="Triage receptionist", voice=triage),
            Agent("agent-advisor", role="Portfolio advisor", voice=advisor),
        ]

    def application(self, provider: Callable[..., Any] | None = None) -> Answer:
        return application(provider=provider or self.provider, make_agents=self.agents, key=KEYS[self.name])


GEMINI = Wire("gemini-live", GeminiLiveServer, GeminiLiveProvider, ("Aoede", "Charon"))
OPENAI = Wire("openai-realtime", OpenAIRealtimeServer, OpenAIRealtimeProvider, ("marin", "cedar"), "One moment.")
IN_BAND = Wire("openai-realtime", OpenAIRealtimeServer, OpenAIRealtimeProvider, ("marin", "marin"))


@contextmanager
def serving(wire: Wire) -> Iterator[tuple[Loopback, LagMeter]]:
    """Serves in a thread of its own; gives the way there, and the meter that says when the service was late itself."""
    plan = wire.plan()
    recogniser: UtteranceRecogniser = prepare_sound(plan).recogniser
    ready: Future[Loopback] = Future()
    loop = asyncio.new_event_loop()
    lag = LagMeter(time.monotonic_ns)
    stop = asyncio.Event()

    async def serve() -> None:
        nobody = Recorder("nobody", lambda: 0)
        server = wire.server(
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
    try:
        yield ready.result(timeout=30), lag
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)
        loop.close()


def play(wire: Wire, monkeypatch: pytest.MonkeyPatch, provider: Callable[..., Any] | None = None) -> Run:
    """The call, on a machine on which neither the caller nor the service was late."""
    with serving(wire) as (loopback, lag):

        class FarAway(RealTimeWorld):
            def __init__(self, **settings: Any) -> None:
                assert settings["is_open"] is True
                super().__init__(**settings)
                self.network.route(wire.server.host, loopback)

        monkeypatch.setattr(worlds, "RealTimeWorld", FarAway)
        answer = wire.application(provider)
        return on_a_machine_that_keeps_up(lambda: run_plan(wire.plan(), answer), beside=lag)


@pytest.mark.parametrize(
    ("wire", "missing"),
    [
        # When the turn was committed is not on Gemini's wire: missing, and not made up. Nor is the end of an agent's
        # voice who said nothing, nor the end of a connection that goes on.
        pytest.param(GEMINI, {"H1", "H5"}, id="gemini"),
        pytest.param(OPENAI, set(), id="openai, another voice"),
        pytest.param(IN_BAND, {"H5", "H6", "H7"}, id="openai, the same voice"),
    ],
)
def test_routing_phases_and_the_stages_of_a_handoff_are_told_from_the_wire(
    wire: Wire, missing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEYS[wire.name], "a-key-from-the-environment")
    run = play(wire, monkeypatch)
    assert run.findings == ()
    [handoff] = run.handoffs
    assert handoff.handoff.accepted
    assert [*handoff.handoff.stages] == [f"H{n}" for n in range(12) if f"H{n}" not in missing]
    assert handoff.latencies.ear_ms is not None
    assert {event.data.get("by") for event in run.record.events if event.src == "server"} == {"wire"}
    assert "against='live'" in run.record.rerun


def test_a_session_that_runs_the_wrong_agent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class KeepsPrompt(GeminiLiveProvider):
        async def reconfigure(self, session: Any, **settings: Any) -> None:
            await super().reconfigure(session, **{**settings, "system_prompt": None})

    monkeypatch.setenv("GEMINI_API_KEY", "a-key-from-the-environment")
    run = play(GEMINI, monkeypatch, KeepsPrompt)
    assert "INV003" in {finding.code for finding in run.findings}


@pytest.mark.parametrize("wire", [GEMINI, OPENAI], ids=lambda wire: wire.name)
def test_the_application_gets_its_key_from_the_environment(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEYS[wire.name], raising=False)
    run = run_plan(wire.plan(), wire.application())
    [finding] = [finding for finding in run.findings if finding.code == "APP001"]
    assert f"{KEYS[wire.name]}; it is not set" in finding.message
