"""The same scenario in real time, over loopback sockets, with the same application."""

from __future__ import annotations

from typing import Any

from roomkit_sim.sim import simulate
from roomkit_sim.sim.scenario.mode import Clock, Mode
from tests.sim.runner.finance_line import SCENARIOS, application, short_call

CLOCKS: tuple[Clock, Clock] = ("real", "virtual")

HURRIED: dict[str, Any] = {
    "script": [
        {"wait": {"for": "time", "ms": 300}},
        {"say": {"id": "ask-advice", "text": "Hello, I would like some advice about my portfolio."}},
        {"wait": {"for": "agent_speech", "persona": "advisor", "within_ms": 6000}},
        {"wait": {"for": "agent_silence", "ms": 300}},
        "hang_up",
    ]
}


def test_a_handoff_over_real_sockets_leaves_the_trace_that_a_simulated_one_does() -> None:
    scenario = short_call(caller=HURRIED)
    real, virtual = (
        simulate(scenario, app=application(), base_dir=SCENARIOS, mode=Mode(clock=clock)) for clock in CLOCKS
    )
    # A machine that is busy with other tests may be late, which says nothing about the call.
    assert [finding for finding in real.findings if finding.code != "INVALID009"] == []
    assert real.record.clock == "real"
    assert "--sim-clock" not in virtual.record.rerun
    for kind in ("wire.dial", "wire.open", "wire.close", "server.persona", "server.tool_call", "runtime.reconfigure"):
        counts = [sum(event.name == kind for event in run.record.events) for run in (real, virtual)]
        assert counts[0] == counts[1], kind
    assert [*real.handoffs[0].handoff.stages] == [*virtual.handoffs[0].handoff.stages]
