"""What became of disturbed calls, in one picture: faults down, stages across."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from roomkit_sim.sim.faults.matrix import MATRIX
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.handoff_stages import STAGES

__all__ = ["Cell", "HeatMap", "HeatRow", "Paint", "heat_map_lines", "heat_map_markdown", "heat_maps"]

Paint: TypeAlias = Callable[..., str]
"""Colours a text for a terminal: ``paint("R", yellow=True)``."""

_LETTERS: Mapping[str, str] = {"survived": "S", "recovered": "R", "ended": "E", "corrupted": "C", "invalid": "?"}
_WORDS: Mapping[str, str] = {"ended": "ended cleanly"}
_COLOURS: Mapping[str, Mapping[str, bool]] = {
    "survived": {"green": True},
    "recovered": {"yellow": True},
    "ended": {"cyan": True},
    "corrupted": {"red": True, "bold": True},
    "invalid": {"purple": True},
}
_WORST_FIRST = ("corrupted", "invalid", "ended", "recovered", "survived")
_NAME_WIDTH, _CELL_WIDTH = 8, 6
_LEAST_MS = 50.0
_SECONDS_FROM_MS = 9_999.5


@dataclass(frozen=True)
class Cell:
    """What became of the calls that a fault struck at a stage; the worst, where there are several.

    Args:
        outcome: What.
        extra_ms: How much longer the caller waited.
        told: Why, for people.
        slug: The call's.
        kept: Whether it has a page.
    """

    outcome: str
    extra_ms: float | None
    told: str
    slug: str
    kept: bool

    @property
    def text(self) -> str:
        """A letter, and the milliseconds if they are worth it; from ten seconds on the seconds."""
        ms = self.extra_ms
        if ms is None or ms < _LEAST_MS or self.outcome == "corrupted":
            return _LETTERS[self.outcome]
        return f"{_LETTERS[self.outcome]}{f'{ms / 1000:.0f}s' if ms >= _SECONDS_FROM_MS else f'{ms:.0f}'}"


@dataclass(frozen=True)
class HeatRow:
    """A fault.

    Args:
        fault: Its name.
        means: For people.
        cells: By the stage; by nothing where it has none.
    """

    fault: str
    means: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class HeatMap:
    """All faults of a scenario.

    Args:
        title: Scenario and provider.
        rows: In the order of the matrix.
    """

    title: str
    rows: tuple[HeatRow, ...]

    @property
    def summary(self) -> str:
        """How often what came of it."""
        counts = Counter(cell.outcome for row in self.rows for cell in row.cells.values())
        shown = [f"{counts[kind]} {_WORDS.get(kind, kind)}" for kind in reversed(_WORST_FIRST) if counts[kind]]
        return ", ".join(shown)


def heat_maps(rows: Iterable[Mapping[str, Json]]) -> tuple[HeatMap, ...]:
    """The pictures of a run, one a scenario and provider.

    Args:
        rows: Of ``faults.csv``.
    """
    every = [*rows]
    titles = dict.fromkeys((str(row["scenario"]), str(row["provider"])) for row in every)
    return tuple(
        HeatMap(f"{scenario}, {provider}", _rows([row for row in every if _is_of(row, scenario, provider)]))
        for scenario, provider in sorted(titles)
    )


def _is_of(row: Mapping[str, Json], scenario: str, provider: str) -> bool:
    return (row["scenario"], row["provider"]) == (scenario, provider)


def _rows(rows: Sequence[Mapping[str, Json]]) -> tuple[HeatRow, ...]:
    known = {row.name: row.means for row in MATRIX}
    names = {str(row["fault"]) for row in rows}
    ordered = [*(name for name in known if name in names), *sorted(names - known.keys())]
    return tuple(HeatRow(name, known.get(name, "a fault plan"), _cells(rows, name)) for name in ordered)


def _cells(rows: Sequence[Mapping[str, Json]], fault: str) -> Mapping[str, Cell]:
    mine = [row for row in rows if row["fault"] == fault]
    stages = [stage for stage in ("", *STAGES) if any(row["stage"] == stage for row in mine)]
    return {stage: min((_cell(row) for row in mine if row["stage"] == stage), key=_rank) for stage in stages}


def _cell(row: Mapping[str, Json]) -> Cell:
    extra = row["extra_ms"]
    outcome = str(row["outcome"])
    ms = f", {extra:.0f} ms more" if isinstance(extra, int | float) else ""
    told = f"{row['fault']} at {row['stage']}: {_WORDS.get(outcome, outcome)}{ms}. {row['reasons']}"
    number = float(extra) if isinstance(extra, int | float) else None
    return Cell(outcome, number, told, str(row["slug"]), bool(row.get("kept")))


def _rank(cell: Cell) -> tuple[int, float]:
    return _WORST_FIRST.index(cell.outcome), -(cell.extra_ms or 0.0)


def _plain(text: str, **colour: Any) -> str:
    return text


def heat_map_lines(maps: Sequence[HeatMap], paint: Paint = _plain) -> Iterator[str]:
    """The pictures for a terminal of 80 columns.

    Args:
        maps: The pictures.
        paint: Colours texts; they say everything without it, too.
    """
    for picture in maps:
        table = [row for row in picture.rows if len(row.cells) > 1]
        if table:
            yield f"{'':<{_NAME_WIDTH}}" + "".join(f"{stage:>{_CELL_WIDTH}}" for stage in STAGES)
        for row in table:
            yield f"{row.fault:<{_NAME_WIDTH}}" + "".join(_painted(row.cells.get(stage), paint) for stage in STAGES)
        yield from _singles([row for row in picture.rows if len(row.cells) == 1], paint)
        yield f"{picture.title}: {picture.summary}"
    if maps:
        yield "S survived, R recovered, E ended cleanly, C corrupted, ? proves nothing;"
        yield "with the milliseconds that the caller waited longer; · nothing to disturb"


def _painted(cell: Cell | None, paint: Paint) -> str:
    if cell is None:
        return f"{'·':>{_CELL_WIDTH}}"
    return " " * max(0, _CELL_WIDTH - len(cell.text)) + paint(cell.text, **_COLOURS[cell.outcome])


def _singles(rows: Sequence[HeatRow], paint: Paint) -> Iterator[str]:
    """Faults that were tried at one stage, as many in a line as fit."""
    line, width = "", 0
    for row in rows:
        ((stage, cell),) = row.cells.items()
        name = f"{row.fault}@{stage}" if stage else row.fault
        size = len(name) + 1 + len(cell.text)
        if line and width + 2 + size > 80:
            yield line
            line, width = "", 0
        gap = "  " if line else ""
        line += f"{gap}{name} {paint(cell.text, **_COLOURS[cell.outcome])}"
        width += len(gap) + size
    if line:
        yield line


def heat_map_markdown(maps: Sequence[HeatMap]) -> Iterator[str]:
    """The pictures for a page of Markdown."""
    for picture in maps:
        yield f"#### Faults: {picture.title}"
        yield ""
        yield f"{picture.summary}. S survived, R recovered, E ended cleanly, C corrupted; with the milliseconds that"
        yield "the caller waited longer."
        yield ""
        yield f"| fault | {' | '.join(STAGES)} |"
        yield f"|---|{'--:|' * len(STAGES)}"
        for row in picture.rows:
            cells = (row.cells.get(stage) for stage in STAGES)
            yield f"| {row.fault} | {' | '.join(_marked(cell) for cell in cells)} |"
        yield ""


def _marked(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"**{cell.text}**" if cell.outcome == "corrupted" else cell.text
