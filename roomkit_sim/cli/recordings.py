"""Commands for recordings and reports: show, compare, scan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from roomkit_sim.cli.application import FAILED, app, stop
from roomkit_sim.errors import RoomkitSimError

__all__ = ["scan", "show"]


@app.command()
def show(report: Annotated[Path, typer.Argument(help="The report's folder.")] = Path("reports/latest")) -> None:
    """Show the handoffs of a report with their latencies."""
    from rich.console import Console
    from rich.table import Table

    from roomkit_sim.sim.metrics.latencies import ADDITIVE
    from roomkit_sim.sim.report.frames import handoffs

    columns = ("ear_ms", "gap_ms", *ADDITIVE, "split_brain_ms")
    try:
        frame = handoffs(report)
    except RoomkitSimError as error:
        stop(error)
    table = Table("call", "seed", "#", "from", "to", "accepted", *(name.removesuffix("_ms") for name in columns))
    for row in frame.to_dict("records"):
        numbers = ("-" if row[name] != row[name] else f"{row[name]:.0f}" for name in columns)
        table.add_row(*(str(row[key]) for key in ("call", "seed", "n", "from_agent", "to_agent", "accepted")), *numbers)
    Console(width=160).print(table)


@app.command()
def scan(
    paths: Annotated[list[Path], typer.Argument(help="Recordings: files, or folders of them.")],
) -> None:
    """Look for secrets and persons in recordings. Exit code 0: none; 1: some, as file:line and kind."""
    from roomkit_sim.sim.cassette.rules import nearest_rules
    from roomkit_sim.sim.cassette.scanning import scan_files

    try:
        leaks = list(scan_files(paths, lambda folder: nearest_rules(folder, os.environ)))
    except RoomkitSimError as error:
        stop(error)
    for leak in leaks:
        typer.echo(str(leak))
    typer.echo(f"{len(leaks)} found")
    raise typer.Exit(FAILED if leaks else 0)
