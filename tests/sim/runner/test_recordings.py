"""Calls that are recorded, and happen again without a server."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim import Agent, RealtimeVoiceChannel
from roomkit_sim.errors import CassetteError, ScenarioError
from roomkit_sim.sim import Call, PhoneLine, Run, simulate
from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.faults.excuses import strikes
from roomkit_sim.sim.runner import stage
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.scenario.condition import Condition
from roomkit_sim.sim.scenario.faults import Cut
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.world.lag import LagMeter
from tests.sim.runner.finance_line import SCENARIOS, agents, application, short_call

WITH_TRANSCRIPTS: dict[str, Any] = short_call()


def play(folder: Path, *, app: Answer | None = None, **mode: Any) -> Run:
    chosen = Mode(recordings=folder, **mode)
    return simulate(WITH_TRANSCRIPTS, app=app or application(), base_dir=SCENARIOS, mode=chosen)


def replay(folder: Path, app: Answer | None = None) -> Run:
    return play(folder, app=app, against="replay")


def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(provider: str) -> Any:
        raise AssertionError("a replay needs no server")

    monkeypatch.setattr(stage, "server_class", refuse)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    folder = tmp_path_factory.mktemp("recordings")
    return folder, play(folder, recording="all")


def happened(run: Run, *sources: str) -> list[tuple[str, float]]:
    """What happened to whole milliseconds, without what a replay knows nothing of: the network's bytes."""
    return [(event.name, event.t_ns // 1_000_000) for event in run.record.events if event.src in sources]


def test_a_recorded_call_happens_again_without_a_server(
    recorded: tuple[Path, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, original = recorded
    no_server(monkeypatch)
    again = replay(folder)
    assert again.findings == ()
    assert happened(again, "caller", "line", "runtime", "server") == happened(
        original, "caller", "line", "runtime", "server"
    )
    assert [item.handoff.stages for item in again.handoffs] == [item.handoff.stages for item in original.handoffs]
    assert again.record.agent_audio.tobytes() == original.record.agent_audio.tobytes()
    assert again.notes[-1].startswith("replayed: recorded from our own server on 2030-01-01T")


def test_a_call_without_a_recording_is_not_replayed(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match=r"there is no such cassette.*--sim-record=once"):
        replay(tmp_path)


def test_recording_once_replays_what_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert play(tmp_path, recording="once").notes == ()
    no_server(monkeypatch)
    assert play(tmp_path, recording="once").notes[-1].startswith("replayed")


def test_what_is_replayed_cannot_be_recorded() -> None:
    with pytest.raises(ScenarioError, match="recorded already"):
        Mode(against="replay", recording="all")


def changed_prompt() -> Answer:
    return application(
        make_agents=lambda: [Agent("agent-triage", role="Triage receptionist, very polite"), agents()[1]]
    )


def changed_voice() -> Answer:
    triage, advisor = agents()
    return application(make_agents=lambda: [triage, Agent("agent-advisor", role=advisor.role, voice="Puck")])


@pytest.mark.parametrize(
    ("app", "shown"), [(changed_prompt, "very polite"), (changed_voice, "Puck")], ids=["prompt", "voice"]
)
def test_a_changed_application_is_shown_beside_what_was_recorded(
    recorded: tuple[Path, Run], app: Any, shown: str
) -> None:
    run = replay(recorded[0], app())
    [drift] = [finding for finding in run.findings if finding.code == "WIRE080"]
    assert shown in drift.message
    assert "cassette.jsonl" in drift.message
    assert "--sim-record" in drift.message


def test_a_recording_is_named_as_the_user_would_type_it(
    recorded: tuple[Path, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recorded[0]
    monkeypatch.chdir(folder.parent)
    [drift] = [finding for finding in replay(folder, changed_voice()).findings if finding.code == "WIRE080"]
    assert drift.message.startswith(f"{folder.name}/gemini-live/")
    assert str(folder) not in drift.message
    (below := folder.parent / "below").mkdir()
    monkeypatch.chdir(below)
    with pytest.raises(CassetteError, match=r"^\.\./nowhere/gemini-live/.*: there is no such cassette"):
        replay(folder.parent / "nowhere")


def with_weather(described: str) -> Answer:
    place = {"type": "object", "properties": {"place": {"type": "string", "description": described}}}
    tool = {"name": "weather", "description": "The weather.", "parameters": place}
    return application(channel=partial(RealtimeVoiceChannel, tools=[tool]))


def opening_with(*texts: str) -> Answer:
    """An application that tells the model these, one after the other, when the call begins."""
    channels: list[RealtimeVoiceChannel] = []
    connect = application(after_install=lambda handler, channel: channels.append(channel))

    async def answer(line: PhoneLine) -> Call:
        call = await connect(line)
        for text in texts:
            await channels[-1].inject_text(call.session, text)
        return call

    return answer


def drift_between(folder: Path, before: Answer, after: Answer) -> str:
    """What is said of the second application where the first one was recorded."""
    play(folder, app=before, recording="all")
    assert "WIRE080" not in [finding.code for finding in replay(folder, before).findings]
    [told] = [finding.message for finding in replay(folder, after).findings if finding.code == "WIRE080"]
    return told


def test_a_changed_tool_schema_is_shown_where_it_differs(tmp_path: Path) -> None:
    told = drift_between(tmp_path, with_weather("A city"), with_weather("A city and its country"))
    assert "connection 1, client message 1" in told
    assert "functionDeclarations[0].parametersJsonSchema.properties.place.description" in told
    assert '"A city"' in told
    assert '"A city and its country"' in told


def test_a_changed_order_shows_what_was_to_come_first(tmp_path: Path) -> None:
    one, other = "The caller is in a hurry.", "The caller is a customer."
    told = drift_between(tmp_path, opening_with(one, other), opening_with(other, one))
    assert "the client sent another message than was recorded" in told
    assert "connection 1, client message 2" in told
    assert told.index(one) < told.index(other)
    assert "record anew: --sim-record=all" in told


def test_a_greeting_that_comes_before_the_handoff_and_not_after_it_is_shown_where_it_comes(tmp_path: Path) -> None:
    told = drift_between(tmp_path, application(), opening_with("Greet the caller."))
    assert "connection 1, client message 2" in told
    assert told.index("toolResponse") < told.index("Greet the caller.")


def test_a_call_that_no_longer_goes_as_recorded_is_a_new_episode(tmp_path: Path) -> None:
    play(tmp_path, recording="all")
    run = play(tmp_path, app=changed_voice(), recording="new_episodes")
    assert (run.passed, run.notes) == (True, ())
    assert replay(tmp_path, changed_voice()).passed


def test_a_call_that_ends_before_its_recording_does_is_told_of(recorded: tuple[Path, Run]) -> None:
    script = [*WITH_TRANSCRIPTS["caller"]["script"][:3], "hang_up"]
    shorter = {**WITH_TRANSCRIPTS, "caller": {"script": script}}
    run = simulate(
        shorter,
        app=application(),
        base_dir=SCENARIOS,
        mode=Mode(against="replay", recordings=recorded[0]),
    )
    [told, *_] = [finding for finding in run.findings if finding.code == "WIRE081"]
    assert told.severity is Severity.WARNING


@pytest.fixture
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is 0.4 s behind real time in the middle of the call."""

    async def lags(meter: LagMeter) -> None:
        await asyncio.sleep(2)
        meter.late.append((2_000_000_000, 400_000_000))
        await asyncio.Event().wait()

    monkeypatch.setattr(LagMeter, "run", lags)


@pytest.mark.usefixtures("slow_machine")
def test_a_call_during_which_the_machine_lagged_is_not_recorded_over_a_whole_one(tmp_path: Path) -> None:
    play(tmp_path, recording="all")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    run = play(tmp_path, recording="all", clock="real")
    assert "INVALID009" in [finding.code for finding in run.findings]
    assert run.notes[-1] == "not recorded, what was there is as it was: this machine was 400 ms behind real time"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_call_in_real_time_that_failed_with_our_own_server_is_not_recorded(tmp_path: Path) -> None:
    wrong = {**WITH_TRANSCRIPTS, "expect": {"route": ["agent-triage"]}}
    mode = Mode(recordings=tmp_path, recording="all", clock="real")
    run = simulate(wrong, app=application(), base_dir=SCENARIOS, mode=mode)
    assert not run.passed
    assert run.notes[-1].startswith("not recorded")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("recording", ["all", "once", "new_episodes"])
def test_a_disturbed_call_is_not_recorded_in_the_place_of_the_undisturbed_one(tmp_path: Path, recording: Any) -> None:
    mode = Mode(recordings=tmp_path, recording=recording)
    disturbed = Condition("lost", (Cut(at_ms=1500),))
    run = simulate(WITH_TRANSCRIPTS, app=application(), base_dir=SCENARIOS, mode=mode, condition=disturbed)
    assert strikes(run.record)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_call_that_touched_the_real_network_is_not_recorded(tmp_path: Path) -> None:
    sound = application()

    async def answer(line: PhoneLine) -> Any:
        with suppress(Exception):
            socket.create_connection(("192.0.2.1", 80), timeout=0.01)
        return await sound(line)

    run = play(tmp_path, app=answer, recording="all")
    assert "APP004" in {finding.code for finding in run.findings}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
