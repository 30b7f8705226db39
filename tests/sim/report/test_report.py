from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import soundfile

from roomkit_sim.errors import ReportError
from roomkit_sim.sim import Run
from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.report import frames
from roomkit_sim.sim.report.rows import CALL_COLUMNS, HANDOFF_COLUMNS
from roomkit_sim.sim.report.staging import ArtifactPolicy, Staging
from roomkit_sim.sim.report.write import write_report
from roomkit_sim.sim.trace.files import digest, read_trace


def write(tmp_path: Path, *runs: Run, policy: ArtifactPolicy = "retain-on-failure") -> Path:
    staging = Staging(tmp_path / ".latest.part")
    for run in runs:
        for call in run.calls:
            staging.add(call, policy)
    write_report(staging, tmp_path / "latest", "pytest scenarios")
    return tmp_path / "latest"


def test_report_has_the_files_that_are_decided(tmp_path: Path, passed: Run, failed: Run) -> None:
    report = write(tmp_path, passed, failed)
    names = {path.name for path in report.iterdir()}
    files = {"run.json", "calls.csv", "handoffs.csv", "findings.csv", "events.jsonl", "summary.md", "index.html"}
    assert names == {*files, "calls"}
    (call,) = (report / "calls").iterdir()
    assert {path.name for path in call.iterdir()} == {
        "plan.json",
        "trace.jsonl",
        "caller.wav",
        "agent.wav",
        "findings.json",
        "index.html",
    }
    assert not (tmp_path / ".latest.part").exists()


@pytest.mark.parametrize(("policy", "kept"), [("on", 2), ("retain-on-failure", 1), ("off", 0)])
def test_calls_are_kept_as_the_policy_says(
    tmp_path: Path, passed: Run, failed: Run, policy: ArtifactPolicy, kept: int
) -> None:
    report = write(tmp_path, passed, failed, policy=policy)
    calls = report / "calls"
    assert len([*calls.iterdir()] if calls.exists() else []) == kept
    assert len((report / "events.jsonl").read_text().splitlines()) == sum(
        len(run.record.events) for run in (passed, failed)
    )


def test_handoffs_table_has_the_decided_columns_and_the_measured_values(tmp_path: Path, passed: Run) -> None:
    report = write(tmp_path, passed)
    (row,) = csv.DictReader((report / "handoffs.csv").read_text().splitlines())
    assert tuple(row) == HANDOFF_COLUMNS
    metrics = passed.handoffs[0]
    assert float(row["ear_ms"]) == pytest.approx(metrics.latencies.ear_ms)
    assert int(row["h11_ns"]) == metrics.handoff.stages["H11"]
    assert (row["accepted"], row["metric_version"]) == ("True", "2")


def test_handoffs_frame_has_numbers_times_and_truth_values(tmp_path: Path, passed: Run, failed: Run) -> None:
    frame = frames.handoffs(write(tmp_path, passed, failed))
    assert list(frame.columns) == list(HANDOFF_COLUMNS)
    assert frame["ear_ms"].dtype == "float64"
    assert frame["h0_ns"].dtype == "Int64"
    assert frame["accepted"].dtype == "boolean"
    assert frame["ear_ms"].between(1000, 3000).all()
    assert (frame["accepted"]).all()


def test_missing_stages_are_missing_in_the_frame(tmp_path: Path, passed: Run) -> None:
    report = write(tmp_path, passed)
    text = (report / "handoffs.csv").read_text().splitlines()
    cells = text[1].split(",")
    cells[HANDOFF_COLUMNS.index("h11_ns")] = ""
    cells[HANDOFF_COLUMNS.index("ear_ms")] = ""
    (report / "handoffs.csv").write_text("\n".join([text[0], ",".join(cells)]) + "\n")
    frame = frames.handoffs(report)
    assert frame["h11_ns"].isna().all()
    assert frame["ear_ms"].isna().all()


def test_calls_and_findings_frames_name_the_verdicts(tmp_path: Path, passed: Run, failed: Run) -> None:
    report = write(tmp_path, passed, failed)
    calls = frames.calls(report)
    assert list(calls.columns) == list(CALL_COLUMNS)
    assert dict(zip(calls["scenario"], calls["verdict"], strict=True)) == {
        "short-call": "passed",
        "failing-call": "failed",
    }
    assert set(frames.findings(report)["code"]) == {"ROUTE001"}


def test_empty_findings_table_is_a_frame_without_rows(tmp_path: Path, passed: Run) -> None:
    frame = frames.findings(write(tmp_path, passed))
    assert len(frame) == 0
    assert isinstance(frame, pd.DataFrame)


def test_report_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="pytest scenarios/"):
        frames.handoffs(tmp_path)


def test_table_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "handoffs.csv").write_text("run,ear_ms\na,1\n")
    with pytest.raises(ReportError, match="another version"):
        frames.handoffs(tmp_path)


def test_kept_call_can_be_read_again(tmp_path: Path, failed: Run) -> None:
    report = write(tmp_path, failed)
    folder = report / "calls" / failed.record.slug
    assert digest(read_trace(folder / "trace.jsonl")) == digest(failed.record.events)
    samples, rate = soundfile.read(folder / "caller.wav", dtype="int16")
    assert rate == failed.record.rate_hz
    assert (samples == failed.record.caller_audio).all()
    assert json.loads((folder / "findings.json").read_text())[0]["code"] == "ROUTE001"
    assert json.loads((folder / "plan.json").read_text())["seed"] == 0


def test_new_report_replaces_the_last_one_as_a_whole(tmp_path: Path, passed: Run, failed: Run) -> None:
    write(tmp_path, failed)
    report = write(tmp_path, passed)
    assert not (report / "calls").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"latest"}


def test_folder_that_is_no_report_is_not_replaced(tmp_path: Path, passed: Run) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "thesis.txt").write_text("years of work")
    with pytest.raises(ReportError, match="no report of an earlier run"):
        write(tmp_path, passed)
    assert (tmp_path / "latest" / "thesis.txt").read_text() == "years of work"


def test_report_of_two_processes_is_one(tmp_path: Path, passed: Run, failed: Run) -> None:
    for run in (failed, passed):
        Staging(tmp_path / "part").add(run.calls[0], "on")
    write_report(Staging(tmp_path / "part"), tmp_path / "latest", "pytest")
    assert len(frames.calls(tmp_path / "latest")) == 2


def test_run_says_versions_and_no_machine(tmp_path: Path, passed: Run) -> None:
    info = json.loads((write(tmp_path, passed) / "run.json").read_text())
    assert info["versions"]["google-genai"]
    assert info["command"] == "pytest scenarios"
    assert str(Path.home()) not in json.dumps(info)
    assert "not of a real provider" in str(info["latencies"])


def test_run_that_could_not_be_played_is_in_the_report_and_is_invalid(tmp_path: Path, passed: Run) -> None:
    staging = Staging(tmp_path / "part")
    staging.add(passed.calls[0], "on")
    staging.add_unplayed(replace(passed.plan, place="elsewhere"), ReportError("no such application"))
    totals = write_report(staging, tmp_path / "latest", "pytest")
    assert (totals.calls, totals.invalid) == (2, 1)
    (finding,) = frames.findings(tmp_path / "latest").to_dict("records")
    assert (finding["code"], finding["message"]) == ("APP006", "no such application")
    assert "APP006" in (tmp_path / "latest" / "index.html").read_text()
    assert "\u274c" in (tmp_path / "latest" / "summary.md").read_text()


def test_report_that_cannot_be_replaced_stays(tmp_path: Path, passed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    report = write(tmp_path, passed)
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.suffix == ".part":
            raise OSError("disk on fire")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(ReportError, match="disk on fire"):
        write(tmp_path, passed)
    assert len(frames.calls(report)) == 1


def test_text_that_is_no_unicode_does_not_lose_the_report(tmp_path: Path, passed: Run) -> None:
    broken = CheckedCall(passed.record, (Finding("APP001", "half a \ud83d"),))
    staging = Staging(tmp_path / "part")
    staging.add(broken, "on")
    write_report(staging, tmp_path / "latest", "pytest")
    assert "half a" in (tmp_path / "latest" / "findings.csv").read_text()
