"""Where two JSON values differ, and both of them side by side. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice

from roomkit_sim.sim.trace.events import Json

__all__ = ["ABSENT", "Difference", "around", "differences", "side_by_side"]

ABSENT = "(absent)"
_WIDTH = 58
_CONTEXT = 2
_MOST_ROWS = 40
_AROUND = 40


@dataclass(frozen=True, slots=True)
class Difference:
    """One place.

    Args:
        path: Such as ``setup.tools[0].name``.
        recorded: What stands there in the recording; :data:`ABSENT` is nothing.
        actual: What stands there now.
    """

    path: str
    recorded: Json
    actual: Json


def differences(recorded: Json, actual: Json, path: str = "") -> Iterator[Difference]:
    """The innermost places at which two values differ, in the order of the recorded one."""
    if isinstance(recorded, dict) and isinstance(actual, dict):
        for key in [*recorded, *(key for key in actual if key not in recorded)]:
            inner = f"{path}.{key}" if path else key
            if key not in actual:
                yield Difference(inner, recorded[key], ABSENT)
            elif key not in recorded:
                yield Difference(inner, ABSENT, actual[key])
            else:
                yield from differences(recorded[key], actual[key], inner)
    elif isinstance(recorded, list) and isinstance(actual, list) and len(recorded) == len(actual):
        for index, (one, other) in enumerate(zip(recorded, actual, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif recorded != actual or isinstance(recorded, bool) != isinstance(actual, bool):
        yield Difference(path or "(message)", recorded, actual)


def around(difference: Difference) -> tuple[str, str]:
    """Both values as short texts; of long strings, what surrounds the first place at which they differ."""
    one, other = difference.recorded, difference.actual
    if isinstance(one, str) and isinstance(other, str) and ABSENT not in (one, other):
        pairs = enumerate(zip(one, other, strict=False))
        common = next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
        return _cut(one, common), _cut(other, common)
    return _short(one), _short(other)


def side_by_side(recorded: Json, actual: Json) -> list[str]:
    """Both values as indented JSON in two columns; ``|`` marks the rows that differ, what is equal is shortened."""
    left, right = _rows(recorded), _rows(actual)
    rows: list[str] = []
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            equal = list(zip(left[a:b], right[c:d], strict=True))
            rows += [_row(one, " ", other) for one, other in _shortened(equal)]
            continue
        for index in range(max(b - a, d - c)):
            one = left[a + index] if a + index < b else ""
            other = right[c + index] if c + index < d else ""
            rows.append(_row(one, "|", other))
    return list(islice(rows, _MOST_ROWS)) + (["..."] if len(rows) > _MOST_ROWS else [])


def _rows(value: Json) -> list[str]:
    return json.dumps(value, indent=1, ensure_ascii=False).splitlines()


def _shortened(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if len(rows) <= 2 * _CONTEXT + 1:
        return rows
    return [*rows[:_CONTEXT], ("...", "..."), *rows[-_CONTEXT:]]


def _row(left: str, mark: str, right: str) -> str:
    return f"{_fit(left):{_WIDTH}} {mark} {_fit(right)}".rstrip()


def _fit(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def _cut(text: str, place: int) -> str:
    start, end = max(0, place - _AROUND), place + _AROUND
    head, tail = "..." if start else "", "..." if end < len(text) else ""
    return json.dumps(f"{head}{text[start:end]}{tail}", ensure_ascii=False)


def _short(value: Json) -> str:
    text = ABSENT if value == ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 3 * _AROUND else f"{text[: 3 * _AROUND]}..."
