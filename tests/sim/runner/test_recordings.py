"""Calls that are recorded, and happen again without a server."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim import Agent
from roomkit_sim.errors import CassetteError, ScenarioError
from roomkit_sim.sim import PhoneLine, Run, simulate
from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.faults.excuses import strikes
from roomkit_sim.sim.runner import stage
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.scenario.condition import Condition
from roomkit_sim.sim.scenario.faults import Cut
from roomkit_sim.sim.scenario.mode import Mode
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
