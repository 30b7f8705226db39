"""Keys and minutes of calls with the service itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomkit_sim.errors import LiveCallRefusedError
from roomkit_sim.sim.runner.live_allowance import LiveAllowance
from roomkit_sim.sim.runner.simulate import Run, make_plan
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.scenario.plan import Plan
from tests.sim.runner.finance_line import short_call

KEY = {"GEMINI_API_KEY": "k"}


def plan(**mode: str) -> Plan:
    scenario = short_call(app="some.module:answer", budget_ms=90_000)
    return make_plan(scenario, base_dir=Path(), mode=Mode(**mode))  # type: ignore[arg-type]


def a_minute_of_talk() -> Run:
    class Call:
        class record:
            end_ns = 60_000_000_000

    return Run(plan(against="live"), (Call(),), ())  # type: ignore[arg-type]


def test_a_call_without_a_key_is_refused_and_told_which_one_is_missing() -> None:
    with pytest.raises(LiveCallRefusedError, match=r"short-call\[gemini-live-s0\].*set GEMINI_API_KEY"):
        LiveAllowance(10, {}).admit(plan(against="live"))


def test_simulated_calls_need_no_key_and_no_minutes() -> None:
    simulated = plan()
    assert LiveAllowance(0, {}).admit(simulated) is simulated


def test_a_call_is_cut_short_where_it_would_take_more_than_is_left() -> None:
    allowance = LiveAllowance(2, KEY)
    assert allowance.admit(plan(against="live")).scenario.budget_ms == 90_000
    allowance.charge(a_minute_of_talk())
    assert allowance.used_minutes == 1
    assert allowance.admit(plan(against="live")).scenario.budget_ms == 60_000


def test_no_call_is_made_when_the_minutes_are_used_up() -> None:
    allowance = LiveAllowance(1, KEY)
    allowance.charge(a_minute_of_talk())
    with pytest.raises(LiveCallRefusedError, match=r"the 1 minutes .* used up: .*--sim-live-minutes"):
        allowance.admit(plan(against="live"))


def test_a_service_is_called_in_real_time_whatever_is_asked_for() -> None:
    assert Mode(clock="virtual", against="live").clock == "real"
    assert Mode(against="live").options == ("--sim-provider=live",)
