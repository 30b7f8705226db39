"""Commands for recordings and reports: show, compare, scan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from roomkit_sim.cli.application import FAILED, app, stop
from roomkit_sim.errors import RoomkitSimError

__all__ = ["diff", "scan", "scenario_from", "show"]


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A report's folder; or a cassette: its folder, or its file.")] = Path(
        "reports/latest"
    ),
) -> None:
    """Show the handoffs of a report with their latencies, or a recorded call as a conversation with its times."""
    from roomkit_sim.sim.cassette.library import FILE, open_cassette
    from roomkit_sim.sim.cassette.showing import show as show_cassette

    is_cassette = path.name == FILE or (path / FILE).is_file()
    try:
        if not is_cassette:
            typer.echo(f"report {path}")
            _show_report(path)
            return
        lines = show_cassette(open_cassette(path))
    except RoomkitSimError as error:
        stop(error)
    typer.echo("\n".join([f"cassette {path}", *lines]))


def _show_report(report: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from roomkit_sim.sim.metrics.latencies import ADDITIVE
    from roomkit_sim.sim.report.frames import handoffs

    columns = ("ear_ms", "gap_ms", *ADDITIVE, "split_brain_ms")
    frame = handoffs(report)
    table = Table("call", "seed", "#", "from", "to", "accepted", *(name.removesuffix("_ms") for name in columns))
    for row in frame.to_dict("records"):
        numbers = ("-" if row[name] != row[name] else f"{row[name]:.0f}" for name in columns)
        table.add_row(*(str(row[key]) for key in ("call", "seed", "n", "from_agent", "to_agent", "accepted")), *numbers)
    Console(width=160).print(table)


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(help="A cassette: its folder, or its file.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Show where two cassettes first differ, side by side; times do not count. Exit code 0: nowhere; 1: somewhere."""
    from roomkit_sim.sim.cassette.comparing import compare
    from roomkit_sim.sim.cassette.library import open_cassette

    try:
        lines = compare(open_cassette(first), open_cassette(second))
    except RoomkitSimError as error:
        stop(error)
    typer.echo("\n".join(lines or ["no difference"]))
    raise typer.Exit(FAILED if lines else 0)


@app.command()
def scenario_from(
    cassette: Annotated[Path, typer.Argument(help="A cassette: its folder, or its file.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The file; its sound goes into a folder beside it.")
    ] = (Path("recorded.scenario.yaml")),
    application: Annotated[str, typer.Option("--app", help="The application under test, module:function.")] = "",
) -> None:
    """Make a scenario of a recorded call: its script with sound, a mind that does what the model did, expectations."""
    from roomkit_sim.sim.cassette.library import open_cassette
    from roomkit_sim.sim.cassette.scenario_files import write_scenario

    try:
        written = write_scenario(open_cassette(cassette), output, application)
    except RoomkitSimError as error:
        stop(error)
    for path in written:
        typer.echo(f"wrote {path}")


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
