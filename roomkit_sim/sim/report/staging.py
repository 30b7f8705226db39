"""Collects the calls of a run in a folder beside the report, and puts the report in place when all have ended.

Every process of a run writes files of its own, so nothing needs a lock; a run that dies leaves the last report whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from roomkit_sim.errors import ReportError
from roomkit_sim.sim.audio.files import write_wav
from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.report.folder import ArtifactPolicy, why_not_replaceable
from roomkit_sim.sim.report.rows import Rows, rows_of, unplayed
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.files import to_line, write_text, write_trace

__all__ = ["Collected", "Staging"]

_ROWS, _EVENTS, CALLS = "rows", "events", "calls"


class Collected:
    """All rows of a run.

    Args:
        rows: Of each call.
    """

    def __init__(self, rows: list[Rows]) -> None:
        self.calls = [row.call for row in rows]
        self.handoffs = [handoff for row in rows for handoff in row.handoffs]
        self.findings = [finding for row in rows for finding in row.findings]
        self.faults = [fault for row in rows for fault in row.faults]


class Staging:
    """The folder in which a run collects its calls.

    Args:
        folder: It; made when the first call is added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def is_empty(self) -> bool:
        """Whether no call was added, by any process."""
        return not (self.folder / _ROWS).is_dir()

    def add(self, checked: CheckedCall, policy: ArtifactPolicy) -> Path | None:
        """Add a call.

        Args:
            checked: The call.
            policy: Whether its audio, trace and page are kept.

        Returns:
            The call's folder relative to the report, if it is kept.

        Raises:
            ReportError: A file cannot be written.
        """
        record = checked.record
        rows = rows_of(checked)
        keep = policy == "on" or (policy == "retain-on-failure" and not checked.passed)
        if keep:
            self._write_call(checked)
        lines = (to_line(event, run=record.run) for event in record.events)
        write_text(self.folder / _EVENTS / f"{record.slug}.jsonl", "".join(f"{line}\n" for line in lines))
        self._write_rows(rows, keep)
        return Path(CALLS) / record.slug if keep else None

    def add_unplayed(self, plan: Plan, error: Exception) -> None:
        """Add a run that could not be played.

        Raises:
            ReportError: A file cannot be written.
        """
        self._write_rows(unplayed(plan, error), keep=False)

    def _write_rows(self, rows: Rows, keep: bool) -> None:
        """Rows come last: a call counts when they are there."""
        path = self.folder / _ROWS / f"{rows.call['slug']}.json"
        write_text(path, _json({"call": rows.call, **_lists(rows), "kept": keep}))

    def collected(self) -> Collected:
        """What all processes have added, ordered by the calls' slugs."""
        rows = []
        for path in sorted((self.folder / _ROWS).glob("*.json")):
            data = json.loads(path.read_text(encoding="utf-8"))
            rows.append(
                Rows({**data["call"], "kept": data["kept"]}, data["handoffs"], data["findings"], data["faults"])
            )
        return Collected(rows)

    def join_events(self) -> None:
        """Write ``events.jsonl``: the traces of all calls, each line with its run."""
        target = self.folder / "events.jsonl"
        try:
            with target.open("wb") as joined:
                for path in sorted((self.folder / _EVENTS).glob("*.jsonl")):
                    with path.open("rb") as events:
                        shutil.copyfileobj(events, joined)
        except OSError as error:
            raise ReportError(f"{target}: cannot be written: {error.strerror}") from error

    def put_in_place(self, output: Path) -> None:
        """Make the folder the report, replacing the last one as a whole.

        Raises:
            ReportError: ``output`` is something else than a report, or cannot be replaced; what was there stays.
        """
        if why_not_replaceable(output) is not None:
            raise ReportError(
                f"{output} is no report of an earlier run and is not replaced: choose another --sim-output"
            )
        for name in (_ROWS, _EVENTS):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        old = self.folder.with_suffix(".old")
        is_replacing = output.exists()
        try:
            if is_replacing:
                output.rename(old)
            self.folder.rename(output)
        except OSError as error:
            if is_replacing and old.exists() and not output.exists():
                old.rename(output)
            raise ReportError(f"{output}: the report cannot be replaced: {error}; it is in {self.folder}") from error
        shutil.rmtree(old, ignore_errors=True)

    def discard(self) -> None:
        """Remove what was collected, if it was not put in place."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_call(self, checked: CheckedCall) -> None:
        from roomkit_sim.sim.report.call_page import call_page

        record, folder = checked.record, self.folder / CALLS / checked.record.slug
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "plan.json", _json(record.plan))
        write_text(folder / "findings.json", _json([finding.as_dict() for finding in checked.findings]))
        write_trace(folder / "trace.jsonl", record.events)
        write_wav(folder / "caller.wav", record.caller_audio, record.rate_hz)
        write_wav(folder / "agent.wav", record.agent_audio, record.rate_hz)
        write_text(folder / "index.html", call_page(checked))


def _lists(rows: Rows) -> Mapping[str, Json]:
    return {"handoffs": [*rows.handoffs], "findings": [*rows.findings], "faults": [*rows.faults]}


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
