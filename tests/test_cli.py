from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roomkit_sim.cli import app
from tests.sim.runner.finance_line import ROOT, SCENARIOS

TRIAGE = "scenarios/finance/triage.scenario.yaml"


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def call(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def test_run_plays_scenarios_and_says_where_the_report_is(tmp_path: Path) -> None:
    code, text = call("run", TRIAGE, "--seeds", "2x", "--output", tmp_path / "report")
    assert code == 0
    assert "[2/4] investment-caller-reaches-advisor[gemini-live-s1]" in text
    assert "4 of 4 calls passed" in text
    assert (tmp_path / "report" / "handoffs.csv").is_file()


def test_failed_scenario_is_exit_code_1_with_its_findings(tmp_path: Path) -> None:
    text = (ROOT / TRIAGE).read_text().replace("ear_ms: 2500", "ear_ms: 10")
    (tmp_path / "audio").symlink_to(SCENARIOS / "audio")
    (tmp_path / "slow.scenario.yaml").write_text(text)
    code, said = call("run", tmp_path, "--output", tmp_path / "report")
    assert code == 1
    assert "LAT001" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere"], "there is no such file or folder"),
        (["run", "docs"], "no *.scenario.yaml"),
        (["run", TRIAGE, "--seeds", "few"], "expected a seed"),
        (["run", TRIAGE, "--faults", "nowhere.yaml"], "error: nowhere.yaml: cannot read"),
        (["show", "nowhere"], "pytest scenarios/"),
        (["run", TRIAGE, "--artifacts", "some"], "retain-on-failure"),
        (["explain", "INV0"], "did you mean"),
    ],
)
def test_wrong_use_is_exit_code_2_and_says_what_to_do(arguments: list[str], message: str) -> None:
    code, text = call(*arguments)
    assert code == 2
    assert message in text


def test_show_prints_the_waterfall_of_a_report(tmp_path: Path) -> None:
    call("run", TRIAGE, "--output", tmp_path / "report")
    code, text = call("show", tmp_path / "report")
    assert code == 0
    assert text.startswith("report ")
    assert "reconnect" in text


def test_explain_gives_cause_and_cure() -> None:
    code, text = call("explain", "inv004")
    assert code == 0
    assert "cause" in text
    assert "cure" in text


def test_explain_says_what_a_switch_does() -> None:
    code, text = call("explain", "gemini.handle_expired")
    assert code == 0
    assert "closed with 1008" in text
    assert "known from" in text


def test_speech_that_is_committed_is_not_spoken_again() -> None:
    assert call("speech", "scenarios") == (0, "0 new files\n")


def test_scan_is_exit_code_1_when_something_is_found_and_does_not_print_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mail jane@example.com\n")
    code, text = call("scan", tmp_path)
    assert code == 1
    assert f"{tmp_path}/a.txt:1: email" in text
    assert "jane" not in text
    (tmp_path / "scrubbing.toml").write_text('keep = ["jane@example.com"]\n')
    assert call("scan", tmp_path) == (0, "0 found\n")


def test_scan_of_what_is_not_there_is_exit_code_2() -> None:
    code, text = call("scan", "nowhere")
    assert code == 2
    assert "there is no such file or folder" in text


def test_show_and_diff_take_cassettes(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        call(
            "run",
            TRIAGE,
            "--seeds",
            str(seed),
            "--record",
            "all",
            "--recordings",
            tmp_path / name,
            "--output",
            tmp_path / "r",
        )
    [a], [b], [c] = (sorted((tmp_path / name / "gemini-live").iterdir()) for name in "abc")
    code, text = call("show", a)
    assert code == 0
    assert text.startswith(f"cassette {a}")
    assert "CALLER: Hello, I would like some advice" in text
    assert call("diff", a, b) == (0, "no difference\n")
    code, text = call("diff", a / "cassette.jsonl", c)
    assert code == 1
    assert "the caller's sound on connection 1 differs" in text
    assert call("diff", a, tmp_path)[0] == 2


COMMITTED = Path("recordings/gemini-live/scenarios--finance--handoff--short-handoff--gemini-live--s0")


@pytest.mark.parametrize("command", ["show", "diff", "scenario-from"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace('"format": 1', '"format": 2', 1), r":1: cassette format 2; .* reads format 1"),
        (lambda text: text[:3000], "the file is cut short"),
        (lambda text: text.replace('"code": 1000', '"code": 1001'), "is not the file that was recorded"),
    ],
    ids=["version", "cut", "edited"],
)
def test_a_damaged_cassette_is_one_message_and_exit_code_2(
    command: str, damage: Callable[[str], str], message: str, tmp_path: Path
) -> None:
    shutil.copytree("recordings", tmp_path / "recordings")
    path = tmp_path / COMMITTED / "cassette.jsonl"
    path.write_text(damage(path.read_text()))
    code, text = call(command, path, *([path] if command == "diff" else []))
    assert code == 2
    assert re.search(message, text)
    assert "Traceback" not in text


def test_what_is_neither_report_nor_cassette_is_said_to_be_neither(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere", Path("recordings")):
        code, text = call("show", path)
        assert code == 2
        assert "expected a report's folder" in text
        assert "or a cassette" in text


def test_a_cassette_below_this_folder_is_named_as_it_was_typed(tmp_path: Path) -> None:
    code, text = call("diff", COMMITTED, next(Path("recordings/gemini-live").glob("*human*")))
    assert code == 1
    assert f"  {COMMITTED}/cassette.jsonl:" in text


def test_scenario_from_writes_a_scenario_with_its_sound(tmp_path: Path) -> None:
    call("run", TRIAGE, "--record", "all", "--recordings", tmp_path / "r", "--output", tmp_path / "report")
    [cassette] = sorted((tmp_path / "r/gemini-live").iterdir())
    made = tmp_path / "again.scenario.yaml"
    code, text = call("scenario-from", cassette, "-o", made, "--app", "scenarios.apps.finance:answer")
    assert code == 0
    assert f"wrote {made}" in text
    code, text = call("run", made, "--output", tmp_path / "report")
    assert code == 0
    assert "1 of 1 calls passed" in text
    assert call("scenario-from", cassette, "-o", made)[0] == 2


def test_import_writes_a_cassette_that_says_it_was_imported(tmp_path: Path) -> None:
    source = tmp_path / "turn.yaml"
    source.write_text(
        "version: 1\ninteractions:\n"
        "- {direction: sent, data: {setup: {model: m}}}\n- {direction: received, data: {setupComplete: {}}}\n"
    )
    code, text = call("import", source, "--recordings", tmp_path / "r")
    assert code == 0
    assert "turn/cassette.jsonl" in text
    assert "imported from another recording" in call("show", tmp_path / "r/gemini-live/turn")[1]
    assert call("import", tmp_path / "nowhere.yaml")[0] == 2


def test_record_plays_and_keeps_the_calls_and_scans_them(tmp_path: Path) -> None:
    common = ("--recordings", tmp_path / "r", "--output", tmp_path / "report")
    code, text = call("record", TRIAGE, "--provider", "fake", *common)
    assert code == 0
    assert "2 of 2 calls passed" in text
    assert len(list((tmp_path / "r").rglob("cassette.jsonl"))) == 2
    (tmp_path / "r/notes.txt").write_text("jane@example.com")
    code, text = call("record", TRIAGE, "--provider", "fake", *common)
    assert code == 1
    assert "notes.txt:1: email" in text
    assert call("record", TRIAGE, "--mode", "none", *common)[0] == 2
