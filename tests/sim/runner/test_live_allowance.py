"""Keys and minutes of calls with the service itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim.errors import CassetteError, LiveCallRefusedError
from roomkit_sim.sim.runner import simulate as simulating
from roomkit_sim.sim.runner.live_allowance import LiveAllowance
from roomkit_sim.sim.runner.play import PlayedRun
from roomkit_sim.sim.runner.recordings import NO_TAPE, Tape
from roomkit_sim.sim.runner.simulate import make_plan, run_plan
from roomkit_sim.sim.runner.worlds import make_world
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.world.real_time import RealTimeWorld
from tests.sim.runner.finance_line import SCENARIOS, application, short_call

KEY = {"GEMINI_API_KEY": "k"}
MINUTE_NS = 60_000_000_000


def plan(**mode: str) -> Plan:
    scenario = short_call(app="some.module:answer", budget_ms=90_000)
    return make_plan(scenario, base_dir=SCENARIOS, mode=Mode(**mode))  # type: ignore[arg-type]


class Wall:
    """A clock on the wall that somebody moves."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def allowance_of(minutes: float, wall: Wall, environment: dict[str, str] = KEY) -> LiveAllowance:
    return LiveAllowance(minutes, environment, wall)


def talk_for_a_minute(allowance: LiveAllowance, wall: Wall) -> None:
    with allowance.spent_on(plan(against="live")):
        wall.ns += MINUTE_NS


def test_a_call_without_a_key_is_refused_and_told_which_one_is_missing() -> None:
    with (
        pytest.raises(LiveCallRefusedError, match=r"short-call\[gemini-live-s0\].*set GEMINI_API_KEY"),
        allowance_of(10, Wall(), {}).spent_on(plan(against="live")),
    ):
        pass


def test_a_call_is_cut_short_where_it_would_take_more_than_is_left() -> None:
    wall = Wall()
    allowance = allowance_of(2, wall)
    with allowance.spent_on(plan(against="live")) as admitted:
        assert admitted.scenario.budget_ms == 90_000
        wall.ns += MINUTE_NS
    assert allowance.used_minutes == 1
    with allowance.spent_on(plan(against="live")) as admitted:
        assert admitted.scenario.budget_ms == 60_000


def test_no_call_is_made_when_the_minutes_are_used_up() -> None:
    wall = Wall()
    allowance = allowance_of(1, wall)
    talk_for_a_minute(allowance, wall)
    with (
        pytest.raises(LiveCallRefusedError, match=r"the 1 minutes .* used up: .*--sim-live-minutes"),
        allowance.spent_on(plan(against="live")),
    ):
        pass


def test_a_call_that_breaks_off_is_paid_for() -> None:
    wall = Wall()
    allowance = allowance_of(2, wall)

    def break_off() -> None:
        with allowance.spent_on(plan(against="live")):
            wall.ns += MINUTE_NS
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert allowance.used_minutes == 1


def test_calls_at_once_are_paid_for_one_by_one() -> None:
    wall, scenario = Wall(), short_call(app="some.module:answer")
    one = {key: scenario.pop(key) for key in ("caller", "expect") if key in scenario}
    two = {**scenario, "calls": [{"name": name, **one} for name in ("ann", "bob")]}
    allowance = allowance_of(2, wall)
    with allowance.spent_on(make_plan(two, base_dir=SCENARIOS, mode=Mode(against="live"))) as admitted:
        assert admitted.scenario.budget_ms == 60_000
        wall.ns += MINUTE_NS
    assert allowance.used_minutes == 2


def test_a_service_is_called_in_real_time_whatever_is_asked_for() -> None:
    assert Mode(clock="virtual", against="live").clock == "real"
    assert Mode(against="live").options == ("--sim-provider=live",)


def test_a_replay_reaches_no_real_network_also_where_others_are_live() -> None:
    replayed = make_world(plan(against="live"), is_replay=True)
    called = make_world(plan(against="live"), is_replay=False)
    assert isinstance(replayed, RealTimeWorld)
    assert isinstance(called, RealTimeWorld)
    assert (replayed.network.is_open, called.network.is_open) == (False, True)


@dataclass
class Theatre:
    """Where nothing is played, and every play takes a minute."""

    wall: Wall = field(default_factory=Wall)
    drifts: bool = False
    played: list[str] = field(default_factory=list)

    def play(
        self, plan: Plan, sound: object, answer: object, adapter: object, marks: object = None, tape: Tape = NO_TAPE
    ) -> PlayedRun:
        self.wall.ns += MINUTE_NS
        self.played.append("replay" if tape.cassette else plan.mode.against)
        return PlayedRun([], {})

    def has_drifted(self, played: PlayedRun) -> bool:
        return self.drifts


@pytest.fixture
def theatre(monkeypatch: pytest.MonkeyPatch) -> Theatre:
    made = Theatre()
    monkeypatch.setattr(simulating, "play", made.play)
    monkeypatch.setattr(simulating, "_has_drifted", made.has_drifted)
    return made


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the call is recorded."""
    folder = tmp_path_factory.mktemp("recordings")
    recorded = make_plan(
        short_call(), base_dir=SCENARIOS, app=application(), mode=Mode("virtual", "fake", "all", folder)
    )
    run_plan(recorded, application())
    return folder


def live(recordings: Path, recording: Any) -> Plan:
    mode = Mode(against="live", recording=recording, recordings=recordings)
    return make_plan(short_call(), base_dir=SCENARIOS, app=application(), mode=mode)


def test_a_replay_needs_no_key_and_no_minutes(theatre: Theatre, recordings: Path) -> None:
    allowance = allowance_of(0, theatre.wall, {})
    run_plan(live(recordings, "once"), application(), allowance=allowance)
    assert (theatre.played, allowance.used_minutes) == (["replay"], 0)


def test_a_simulated_call_needs_no_key_and_no_minutes(theatre: Theatre) -> None:
    allowance = allowance_of(0, theatre.wall, {})
    run_plan(plan(), application(), allowance=allowance)
    assert (theatre.played, allowance.used_minutes) == (["fake"], 0)


def test_a_new_episode_is_paid_for_and_the_replay_that_showed_its_need_is_not(
    theatre: Theatre, recordings: Path
) -> None:
    theatre.drifts = True
    allowance = allowance_of(10, theatre.wall)
    run_plan(live(recordings, "new_episodes"), application(), allowance=allowance)
    assert (theatre.played, allowance.used_minutes) == (["replay", "live"], 1)


def test_a_call_whose_recording_cannot_be_kept_is_paid_for(
    theatre: Theatre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(plan: Plan, cassette: object) -> None:
        raise CassetteError("the disk is full")

    monkeypatch.setattr(simulating, "keep", fail)
    played = PlayedRun([], {}, cassette=object())  # type: ignore[arg-type]
    monkeypatch.setattr(simulating, "play", lambda *what: (theatre.play(*what), played)[1])
    allowance = allowance_of(10, theatre.wall)
    with pytest.raises(CassetteError, match="the disk is full"):
        run_plan(live(tmp_path, "all"), application(), allowance=allowance)
    assert (theatre.played, allowance.used_minutes) == (["live"], 1)
