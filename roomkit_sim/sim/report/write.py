"""Writes the report of a run: tables, summary and pages, from what its processes collected."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from roomkit_sim.sim.report.markdown import summary_markdown
from roomkit_sim.sim.report.rows import CALL_COLUMNS, FAULT_COLUMNS, FINDING_COLUMNS, HANDOFF_COLUMNS, Row
from roomkit_sim.sim.report.run_info import run_info
from roomkit_sim.sim.report.staging import Staging
from roomkit_sim.sim.report.totals import Totals, totals
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.files import write_text

__all__ = ["write_report"]


def write_report(staging: Staging, output: Path, command: str) -> Totals:
    """Write the report of all calls in ``staging`` and put it in place of the last one.

    Args:
        staging: Where the calls are.
        output: The report's folder.
        command: What was typed, for ``run.json``.

    Raises:
        ReportError: A file cannot be written, or ``output`` is no report.
    """
    from roomkit_sim.sim.report.index_page import index_page

    collected = staging.collected()
    summed = totals(collected)
    info = run_info(command, _distinct(collected.calls, "provider"), summed.kinds)
    folder = staging.folder
    write_text(folder / "run.json", json.dumps(info, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    write_text(folder / "calls.csv", as_csv(CALL_COLUMNS, collected.calls))
    write_text(folder / "handoffs.csv", as_csv(HANDOFF_COLUMNS, collected.handoffs))
    write_text(folder / "findings.csv", as_csv(FINDING_COLUMNS, collected.findings))
    if collected.faults:
        write_text(folder / "faults.csv", as_csv(FAULT_COLUMNS, collected.faults))
    write_text(folder / "summary.md", summary_markdown(summed, collected, info))
    write_text(folder / "index.html", index_page(summed, collected, info))
    staging.join_events()
    staging.put_in_place(output)
    return summed


def _distinct(rows: Iterable[Row], column: str) -> list[str]:
    return sorted({str(row[column]) for row in rows})


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """A table as CSV (RFC 4180, Unix line ends). A missing value is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Json) -> Json:
    # Whole nanoseconds: more digits would be noise of the division.
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
