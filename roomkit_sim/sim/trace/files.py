"""Traces in files: one event a line, canonical, so that equal traces are equal bytes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from roomkit_sim.errors import ReportError
from roomkit_sim.sim.trace.events import SCHEMA_VERSION, TraceEvent, sources

__all__ = ["digest", "parse_line", "read_trace", "to_line", "write_text", "write_trace"]

_HALF_OF_A_PAIR = re.compile("[\ud800-\udfff]")
_KEYS = {"v": int, "t_ns": int, "seq": int, "call": str, "src": str, "kind": str, "data": dict}


def to_line(event: TraceEvent, **more: str) -> str:
    """One event as a line of ``trace.jsonl``, without the line end.

    Args:
        event: The event.
        more: Further keys, for files that hold several calls.
    """
    record = {
        "v": SCHEMA_VERSION,
        "t_ns": event.t_ns,
        "seq": event.seq,
        "call": event.call,
        "src": event.src,
        "kind": event.kind,
        "data": dict(event.data),
        **more,
    }
    try:
        line = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        if _HALF_OF_A_PAIR.search(line):
            # JSON can say it, as an escape, and models do; UTF-8 cannot.
            line = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return line
    except (TypeError, ValueError, RecursionError) as error:
        raise ReportError(
            f"event {event.name} number {event.seq} of call {event.call!r} is not plain JSON: {error}"
        ) from error


def parse_line(line: str, where: str) -> TraceEvent:
    """Read one line of ``trace.jsonl``.

    Args:
        line: The line.
        where: ``path:line``, for the error.

    Raises:
        ReportError: It is not an event of this schema version.
    """
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise ReportError(
            f"{where}: not JSON ({error.msg} at column {error.colno}); a trace has one event a line"
        ) from error
    except RecursionError as error:
        raise ReportError(f"{where}: not JSON that a trace can hold: it is nested too deeply") from error
    if not isinstance(record, dict):
        raise ReportError(f"{where}: expected an event object, found {type(record).__name__}")
    _refuse_foreign(record, where)
    return TraceEvent(record["t_ns"], record["seq"], record["call"], record["src"], record["kind"], record["data"])


def _refuse_foreign(record: Mapping[str, Any], where: str) -> None:
    version = record.get("v")
    if version != SCHEMA_VERSION:
        raise ReportError(
            f"{where}: trace schema version {version!r}, this program reads {SCHEMA_VERSION}; "
            f"read it with the version that wrote it, or run the scenario again"
        )
    for key, kind in _KEYS.items():
        if type(record.get(key)) is not kind:
            raise ReportError(f"{where}: {key!r} must be {kind.__name__}, found {record.get(key)!r}")
    if record["src"] not in sources():
        raise ReportError(f"{where}: unknown source {record['src']!r}; known are {', '.join(sources())}")


def read_trace(path: Path | str) -> tuple[TraceEvent, ...]:
    """Read a trace file.

    Raises:
        ReportError: It is not there, or a line is no event; names file and line.
    """
    return tuple(_read(Path(path)))


def _read(path: Path) -> Iterator[TraceEvent]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: cannot read the trace: {error}") from error
    # Not splitlines(): it also splits at characters that JSON allows inside strings.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield parse_line(line, f"{path}:{number}")


def write_trace(path: Path | str, events: Iterable[TraceEvent]) -> None:
    """Write a trace. The file appears complete or not at all.

    Raises:
        ReportError: It cannot be written, or an event is not plain JSON.
    """
    write_text(path, "".join(f"{to_line(event)}\n" for event in events))


def digest(events: Iterable[TraceEvent]) -> str:
    """SHA-256 (hex) of the canonical lines: equal for runs that did the same thing."""
    state = hashlib.sha256()
    for event in events:
        state.update(to_line(event).encode())
        state.update(b"\n")
    return state.hexdigest()


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file with Unix line ends. It appears complete or not at all.

    Raises:
        ReportError: It cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(text)
            part.chmod(0o644)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"{target}: cannot be written: {error.strerror}") from error
