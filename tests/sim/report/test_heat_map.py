from __future__ import annotations

from typing import Any

from roomkit_sim.sim.report.heat_map import heat_map_lines, heat_map_markdown, heat_maps
from roomkit_sim.sim.report.index_page import index_page
from roomkit_sim.sim.report.rows import FAULT_COLUMNS


def row(fault: str, stage: str, outcome: str, extra_ms: float | None = None, **more: Any) -> dict[str, Any]:
    names = {"fault": fault, "stage": stage, "outcome": outcome, "extra_ms": extra_ms, "reasons": "", "slug": "slug"}
    return {**dict.fromkeys(FAULT_COLUMNS), "scenario": "s", "provider": "gemini-live", "seed": 0, **names, **more}


ROWS = [
    row("cut", "H0", "recovered", 7923.4),
    row("cut", "H1", "survived", 12.0),
    row("cut", "H2", "recovered", 26_524.0),
    row("silent", "H0", "corrupted", 34_000, reasons="dead air"),
    row("silent", "H4", "ended"),
    row("refused", "H4", "invalid"),
    row("bad-day", "", "survived", 300.0),
]


def test_the_table_fits_80_columns_and_says_all_without_colour() -> None:
    lines = [*heat_map_lines(heat_maps(ROWS))]
    assert max(map(len, lines)) <= 80
    assert lines[:4] == [
        "            H0    H1    H2    H3    H4    H5    H6    H7    H8    H9   H10   H11",
        "cut      R7923     S  R27s     ·     ·     ·     ·     ·     ·     ·     ·     ·",
        "silent       C     ·     ·     ·     E     ·     ·     ·     ·     ·     ·     ·",
        "refused@H4 ?  bad-day S300",
    ]
    assert lines[4] == "s, gemini-live: 2 survived, 2 recovered, 1 ended cleanly, 1 invalid, 1 corrupted"


def test_each_outcome_has_its_colour() -> None:
    painted = "\n".join(heat_map_lines(heat_maps(ROWS), lambda text, **colour: f"<{'+'.join(colour)}>{text}"))
    for part in ("<yellow>R7923", "<green>S", "<red+bold>C", "<cyan>E", "<purple>?"):
        assert part in painted


def test_of_several_seeds_the_worst_is_shown() -> None:
    rows = [row("cut", "H0", "recovered", 900), row("cut", "H0", "recovered", 1000, seed=1)]
    rows += [row("cut", "H1", "survived"), row("cut", "H1", "corrupted", seed=1)]
    (picture,) = heat_maps(rows)
    assert [cell.text for cell in picture.rows[0].cells.values()] == ["R1000", "C"]


def test_each_scenario_and_provider_has_a_picture_of_its_own() -> None:
    rows = [row("cut", "H0", "survived"), row("cut", "H0", "survived", provider="openai-realtime")]
    assert [picture.title for picture in heat_maps(rows)] == ["s, gemini-live", "s, openai-realtime"]


def test_nothing_is_drawn_of_a_run_without_faults() -> None:
    assert [*heat_map_lines(heat_maps([]))] == []


def test_markdown_has_a_line_for_each_fault() -> None:
    text = "\n".join(heat_map_markdown(heat_maps(ROWS)))
    assert "| cut | R7923 | S | R27s |" in text
    assert "| silent | **C** |" in text


def test_the_page_has_cells_with_what_they_mean() -> None:
    from roomkit_sim.sim.report.run_info import run_info
    from roomkit_sim.sim.report.staging import Collected
    from roomkit_sim.sim.report.totals import totals

    collected = Collected([])
    collected.faults = [{**item, "kept": item["outcome"] == "corrupted"} for item in ROWS]
    page = index_page(totals(collected), collected, run_info("pytest", [], []))
    assert '<td class="corrupted" title="silent at H0: corrupted, 34000 ms more. dead air">' in page
    assert '<a href="calls/slug/index.html">C</a>' in page
    assert "nothing arrives any more, and nobody is told" in page
