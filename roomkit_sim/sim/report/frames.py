"""The tables of a run as pandas frames, with declared columns and types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from roomkit_sim.errors import ReportError
from roomkit_sim.sim.report.rows import CALL_COLUMNS, FINDING_COLUMNS, HANDOFF_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["calls", "findings", "handoffs"]

DEFAULT = Path("reports/latest")


def handoffs(path: Path | str = DEFAULT) -> pd.DataFrame:
    """Every handoff of a run, one a row: agents, phases, decision, stages (``h0_ns`` .. ``h11_ns``), latencies.

    Args:
        path: The report's folder, or its ``handoffs.csv``.

    Returns:
        Latencies are float milliseconds (NaN where a stage did not happen), stages nullable integers of nanoseconds.

    Raises:
        ReportError: There is no such file, or it has other columns.
    """
    return _read(Path(path), "handoffs.csv", HANDOFF_COLUMNS)


def calls(path: Path | str = DEFAULT) -> pd.DataFrame:
    """Every call of a run with its verdict.

    Raises:
        ReportError: There is no such file, or it has other columns.
    """
    return _read(Path(path), "calls.csv", CALL_COLUMNS)


def findings(path: Path | str = DEFAULT) -> pd.DataFrame:
    """Every finding of a run.

    Raises:
        ReportError: There is no such file, or it has other columns.
    """
    return _read(Path(path), "findings.csv", FINDING_COLUMNS)


def _read(path: Path, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    file = path / name if path.is_dir() else path
    try:
        # Empty cells are missing; a text such as "NA" or "None" is a text.
        frame = pd.read_csv(file, keep_default_na=False, na_values=[""], dtype={c: _dtype(c, name) for c in columns})
    except FileNotFoundError as error:
        raise ReportError(f"{file} is not there: run the scenarios first (pytest scenarios/)") from error
    except (OSError, ValueError) as error:
        raise ReportError(f"{file}: not a table of a report: {error}") from error
    if tuple(frame.columns) != columns:
        raise ReportError(f"{file}: its columns are not those of metric set v2; it was written by another version")
    return frame


def _dtype(column: str, table: str) -> str:
    if column == "accepted":
        return "boolean" if table == "handoffs.csv" else "Int64"
    if column.endswith("_ns") or column in ("n", "seed", "handoffs", "completed"):
        return "Int64"
    return "float64" if column.endswith("_ms") else "str"
