"""A recorded call becomes a scenario that is played again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.acts import Answered
from roomkit_sim.sim.cassette.behaviour import rules_of
from roomkit_sim.sim.cassette.conversation import Moment, Said
from roomkit_sim.sim.cassette.library import open_cassette
from roomkit_sim.sim.cassette.model import Cassette, Note, RecordedConnection
from roomkit_sim.sim.cassette.personas import SeenPersona, SeenPersonas
from roomkit_sim.sim.cassette.scenario_files import write_scenario
from roomkit_sim.sim.cassette.to_scenario import scenario_from
from roomkit_sim.sim.runner.simulate import simulate
from roomkit_sim.sim.scenario.caller import Say
from roomkit_sim.sim.scenario.loader import load
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.trace.events import Json
from tests.sim.cassette.stage import ROOT, plan_of, record

SHIPPED = [
    ("finance/triage", "gemini-live"),
    ("finance/triage", "openai-realtime"),
    ("finance/barge-in", "gemini-live"),
    ("finance/there-and-back", "openai-realtime"),
    ("finance/unknown-target", "openai-realtime"),
    ("finance/human", "gemini-live"),
    ("finance/hang-up", "gemini-live"),
    ("clinic/language", "openai-realtime"),
    ("software/illegal-transition", "gemini-live"),
]


def recorded(name: str, provider: str, folder: Path) -> tuple[Cassette, str]:
    """A shipped call, and the application that it is a call to."""
    path = ROOT / f"scenarios/{name}.scenario.yaml"
    run = simulate(path, provider=provider, mode=Mode(recording="all", recordings=folder / "recordings"))
    assert run.passed
    [cassette] = folder.glob("recordings/*/*/cassette.jsonl")
    app = load(path)[0].scenario.app
    return open_cassette(cassette), app if isinstance(app, str) else app[provider]


@pytest.mark.parametrize(("name", "provider"), SHIPPED)
def test_a_shipped_call_is_played_again_and_passes(name: str, provider: str, tmp_path: Path) -> None:
    cassette, app = recorded(name, provider, tmp_path)
    output = tmp_path / "made-again.scenario.yaml"
    write_scenario(cassette, output, app)
    [original], [made] = load(ROOT / f"scenarios/{name}.scenario.yaml"), load(output)
    before, after = original.scenario.calls[0], made.scenario.calls[0]
    assert before.expect.route in (None, after.expect.route)
    assert after.expect.handoffs is not None
    said = [[step.id for step in call.caller.script if isinstance(step, Say)] for call in (before, after)]
    # What is said to a person does not go over the wire.
    assert said[1] in (said[0], said[0][:-1])
    run = simulate(output)
    assert run.passed, run.findings


@pytest.fixture(scope="module")
def triage() -> Cassette:
    return record(plan_of()).cassette()


def test_what_the_caller_said_is_cut_from_the_recorded_microphone(triage: Cassette, tmp_path: Path) -> None:
    files = write_scenario(triage, tmp_path / "call.scenario.yaml")
    assert [path.relative_to(tmp_path).as_posix() for path in files] == [
        "call.scenario.yaml",
        "call/ask-advice.wav",
        "call/ask-bonds.wav",
    ]
    samples, rate_hz = soundfile.read(files[1], dtype="int16")
    assert rate_hz == 16000
    assert samples.tobytes() in triage.connections[0].tracks["sent"].pcm  # type: ignore[operator]


def test_what_is_not_known_is_a_comment(triage: Cassette) -> None:
    bare = replace(triage, connections=tuple(without_notes(connection) for connection in triage.connections))
    text = scenario_from(bare, "call").text
    assert "app: your_package.calls:answer  # not in a recording: name yours" in text
    assert "agent: agent-triage-receptionist  # its id is not in the recording: made of its role" in text
    assert "agent: agent-advisor\n" in text
    assert "# phases: [?, advising]  # the first one is not on the wire" in text
    assert "hello-i-would-like" in text


def without_notes(connection: RecordedConnection) -> RecordedConnection:
    return replace(connection, events=tuple(event for event in connection.events if not isinstance(event, Note)))


def test_without_sound_what_was_said_is_spoken_anew(triage: Cassette) -> None:
    silent = replace(
        triage,
        connections=tuple(
            replace(connection, tracks={way: track for way, track in connection.tracks.items() if way == "received"})
            for connection in triage.connections
        ),
    )
    draft = scenario_from(silent, "call")
    assert draft.sounds == {}
    assert "its sound was not recorded, so it is spoken anew" in draft.text
    assert 'text: "Hello, I would like some advice about my portfolio."' in draft.text


def test_nothing_is_overwritten(triage: Cassette, tmp_path: Path) -> None:
    output = tmp_path / "call.scenario.yaml"
    output.write_text("mine")
    with pytest.raises(CassetteError, match="it is there already"):
        write_scenario(triage, output)
    assert output.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["call.scenario.yaml"]


def test_a_file_of_another_name_is_refused(triage: Cassette, tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match=r"is named \*\.scenario\.yaml"):
        write_scenario(triage, tmp_path / "call.yaml")


def test_several_calls_at_once_are_refused(triage: Cassette) -> None:
    one, two = triage.connections
    both = replace(triage, connections=(one, replace(two, call="another")))
    with pytest.raises(CassetteError, match="2 calls: a scenario is made of a recording of one"):
        scenario_from(both, "call")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"accepted": False, "reason": "nobody of that name"}, '"accepted": false'),
        ('{"output": "sunny"}', "sunny"),
        ({"result": {"days": ["Monday"], "open": "8:30"}}, '"open": "8:30"'),
        ("we are closed", "we are closed"),
        ([1, 2], None),
    ],
)
def test_what_follows_a_tools_result_is_put_to_that_result(result: Json, said: str | None) -> None:
    persona = SeenPersona("triage", None, "Role: Triage", None)
    moments = [Moment(0, 1, Answered("call-1", result)), Moment(1, 1, Said("agent", "So.", 2))]
    [rule] = rules_of(moments, {}, SeenPersonas((persona,), ((0, 1, persona),)))["triage"]
    assert rule.trigger == {"on": "tool_result"} | ({} if said is None else {"contains": said})
