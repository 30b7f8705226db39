from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from roomkit_sim.errors import AppError, AudioError, ScenarioError, SimulationError
from roomkit_sim.sim import Run, load, simulate
from roomkit_sim.sim.runner.simulate import make_plan
from tests.sim.runner.finance_line import SCENARIOS, application, short_call

TRIAGE = SCENARIOS / "finance" / "triage.scenario.yaml"


def test_scenario_file_gives_record_findings_and_handoffs() -> None:
    run = simulate(TRIAGE)
    assert run.passed
    assert run.record.call == "investment-caller-reaches-advisor"
    assert run.record.rerun == f'pytest "{TRIAGE}::investment-caller-reaches-advisor[gemini-live-s0]"'
    (metrics,) = run.handoffs
    assert metrics.handoff.completed
    assert set(metrics.handoff.stages) == {f"H{number}" for number in range(12)}
    assert metrics.latencies.unattributed_ms == 0
    assert (metrics.caller_lost_ms, metrics.caller_doubled_ms) == (0, 0)


def test_tracks_are_as_long_as_the_call_and_hold_both_sides() -> None:
    record = simulate(TRIAGE).record
    hang_up = next(event for event in record.events if event.name == "caller.hang_up")
    assert len(record.caller_audio) == len(record.agent_audio) == hang_up.data["at_sample"]
    assert np.abs(record.caller_audio).max() > 3000
    assert np.abs(record.agent_audio).max() > 3000


def test_seed_changes_the_network_and_the_line_but_not_the_verdict() -> None:
    runs = [simulate(TRIAGE, seed=seed) for seed in (0, 1)]
    assert all(run.passed for run in runs)
    ears = [run.handoffs[0].latencies.ear_ms for run in runs]
    assert ears[0] != ears[1]


def test_two_calls_have_records_of_their_own_and_share_no_events() -> None:
    run = simulate(SCENARIOS / "finance" / "two-calls.scenario.yaml")
    first, second = (call.record for call in run.calls)
    assert {event.call for event in first.events} == {"two-calls-at-once.first"}
    assert {event.call for event in second.events} == {"two-calls-at-once.second"}
    assert first.slug != second.slug
    with pytest.raises(ScenarioError, match=r"use run\.calls"):
        _ = run.record


def test_application_given_as_a_function_replaces_the_named_one(run_with: Callable[..., Run]) -> None:
    assert run_with(application()).passed


def test_inside_a_running_loop_it_says_what_to_do() -> None:
    async def main() -> None:
        simulate(TRIAGE)

    with pytest.raises(SimulationError, match="plain 'def' test"):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("scenarios.apps.nothing:answer", "cannot import 'scenarios.apps.nothing'"),
        ("scenarios.apps.finence:answer", r"cannot import .* Did you mean 'scenarios\.apps\.finance'\?"),
        ("scenaros.apps.finance:answer", r"cannot import .* Did you mean 'scenarios'\?"),
        ("scenarios.apps.finance:anwser", "did you mean 'answer'"),
        ("scenarios.apps.finance:agents", "no coroutine function: expected 'async def agents"),
        (
            "tests.sim.runner.not_applications:of_two",
            r"of_two\(line, other\) cannot be called with a",
        ),
        ("tests.sim.runner.not_applications:A_NUMBER", "A_NUMBER is no function, but 7: expected 'async def"),
        ("tests.sim.runner.imports_what_is_not_there:answer", r"raised ModuleNotFoundError: .*'nowhere' \(at imports_"),
    ],
)
def test_application_that_cannot_be_found_is_an_error_that_helps(app: str, message: str) -> None:
    with pytest.raises(AppError, match=message):
        simulate({**short_call(), "app": app})


def test_application_that_cannot_be_found_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.scenario.yaml"
    apps = {"openai-realtime": "scenarios.apps.finance:answer", "gemini-live": "scenarios.apps.finance:anwser"}
    path.write_text(yaml.safe_dump({**short_call(), "app": apps}, sort_keys=False))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "anwser" in text)
    with pytest.raises(AppError, match=rf"^{path}:{line}: app 'scenarios\.apps\.finance:anwser': "):
        simulate(path, provider="gemini-live")


def test_waiver_of_an_unknown_code_names_the_nearest() -> None:
    expect = {"waive": {"INV03": "a reason"}}
    with pytest.raises(ScenarioError, match="did you mean 'INV003'"):
        simulate(short_call(expect=expect), app=application())


@pytest.mark.parametrize("code", ["APP001", "INVALID001", "ROUTE001", "LAT001"])
def test_only_invariants_can_be_waived(code: str) -> None:
    with pytest.raises(ScenarioError, match="only invariants can"):
        simulate(short_call(expect={"waive": {code: "a reason"}}), app=application())


def test_scenario_that_load_gives_can_be_played() -> None:
    (source,) = load(str(TRIAGE))
    assert simulate(source).passed


def test_places_and_names_that_look_alike_make_different_slugs() -> None:
    plan = make_plan(TRIAGE)
    places = ("s/a-b/c", "s/a/b-c", "s/a--b/c", "s/a b/c", "s/a_b/c", "s/A-b/c", "x" * 300, "x" * 301)
    slugs = {replace(plan, place=place).slug for place in places}
    assert len(slugs) == len(places)
    assert max(map(len, slugs)) < 200


def test_utterances_too_alike_are_refused_with_both_names() -> None:
    scenario = short_call()
    text = scenario["caller"]["script"][1]["say"]["text"]
    scenario["caller"]["script"].insert(2, {"say": {"id": "ask-again", "text": text}})
    with pytest.raises(ScenarioError, match="'ask-advice' and 'ask-again' sound too alike"):
        simulate(scenario, app=application(), base_dir=SCENARIOS)


def _with_file(file: Path) -> dict[str, Any]:
    scenario = short_call()
    scenario["caller"]["script"][1] = {"say": {"id": "ask-advice", "file": file.name}}
    return scenario


def test_file_of_another_rate_and_in_stereo_is_converted_and_said_so(tmp_path: Path) -> None:
    committed = next((SCENARIOS / "audio").glob("ask-advice-*.wav"))
    samples, rate = soundfile.read(committed, dtype="int16")
    soundfile.write(tmp_path / "ask.flac", np.stack([samples, samples], axis=1), rate)
    run = simulate(_with_file(tmp_path / "ask.flac"), app=application(), base_dir=tmp_path)
    assert run.passed
    assert any("stereo" in note or "2 channels" in note for note in run.notes)


@pytest.mark.parametrize(("content", "message"), [(b"no sound at all", "ask.wav"), (None, "ask.wav")])
def test_file_that_is_no_sound_is_an_error_that_names_the_utterance(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is None:
        soundfile.write(tmp_path / "ask.wav", np.zeros(0, dtype=np.int16), 16000)
    else:
        (tmp_path / "ask.wav").write_bytes(content)
    with pytest.raises(AudioError, match=message) as caught:
        simulate(_with_file(tmp_path / "ask.wav"), app=application(), base_dir=tmp_path)
    assert "ask-advice" in str(caught.value)


def test_call_on_a_telephone_line_of_8_khz_passes(run_with: Callable[..., Run]) -> None:
    caller = {**short_call()["caller"], "sample_rate_hz": 8000}
    run = run_with(application(), caller=caller)
    assert run.passed
    assert run.record.rate_hz == 8000


def test_lossy_slow_network_delays_the_handoff_and_loses_nothing(run_with: Callable[..., Run]) -> None:
    link = {"latency_ms": 120, "jitter_ms": 60, "loss": 0.02, "stall_ms": 250}
    slow = run_with(application(), network={"up": link, "down": link})
    fast = run_with(application())
    assert slow.passed
    assert (slow.handoffs[0].latencies.ear_ms or 0) > (fast.handoffs[0].latencies.ear_ms or 0) + 300


def test_cut_connection_is_survived(run_with: Callable[..., Run]) -> None:
    run = run_with(application(), faults=[{"do": "cut", "at_ms": 700}])
    assert [event.data["what"] for event in run.record.events if event.name == "world.fault"] == ["cut"]
    assert [finding.code for finding in run.findings if finding.code.startswith(("ROUTE", "PHASE", "APP"))] == []
