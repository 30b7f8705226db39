"""Commands for recordings and reports: record, import, show, compare, make scenarios of them, scan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from roomkit_sim.cli.application import FAILED, app, stop
from roomkit_sim.errors import ReportError, RoomkitSimError, ScenarioError
from roomkit_sim.sim.scenario.mode import RECORDINGS, Against, Clock, Mode, Recording

DEFAULT_REPORT = Path("reports/latest")

__all__ = ["diff", "import_file", "record", "scan", "scenario_from", "show"]


@app.command()
def record(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
    provider: Annotated[Against, typer.Option(help="Who is recorded: the service, or our own server.")] = "live",
    recording: Annotated[Recording, typer.Option("--mode", help="Which calls, in the manner of vcrpy.")] = "once",
    recordings: Annotated[Path, typer.Option(help="The folder of recordings.")] = RECORDINGS,
    clock: Annotated[
        Clock, typer.Option(help="With --provider fake: simulated time, or this machine's over loopback sockets.")
    ] = "virtual",
    seeds: Annotated[str, typer.Option(help="7, 10x, 1,5,9 or 0-99.")] = "0",
    live_minutes: Annotated[float, typer.Option(help="How long all live calls may last.")] = 10.0,
    output: Annotated[Path, typer.Option(help="The report's folder.")] = Path("reports/latest"),
) -> None:
    """Play scenarios and record their calls. Exit code 0: all passed, nothing secret in recordings; 1: not so."""
    from roomkit_sim.sim.runner.batch import play_files
    from roomkit_sim.sim.runner.live_allowance import LiveAllowance
    from roomkit_sim.sim.scenario.minutes import parse_minutes

    try:
        if recording == "none":
            raise ScenarioError("--mode none records nothing: choose once, new_episodes or all")
        mode = Mode(clock=clock, against=provider, recording=recording, recordings=recordings)
        allowance = LiveAllowance(parse_minutes(live_minutes, "--live-minutes"))
        passed = play_files(paths, seeds, output, "retain-on-failure", typer.echo, mode=mode, allowance=allowance)
        leaks = _leaks([recordings]) if recordings.exists() else []
    except RoomkitSimError as error:
        stop(error)
    for leak in leaks:
        typer.echo(leak)
    raise typer.Exit(0 if passed and not leaks else FAILED)


@app.command(name="import")
def import_file(
    path: Annotated[Path, typer.Argument(help="YAML with 'interactions': messages sent and received, without times.")],
    recordings: Annotated[Path, typer.Option(help="The folder of recordings.")] = RECORDINGS,
) -> None:
    """Make a cassette of messages that something else recorded. It says of itself that it was imported."""
    from roomkit_sim.sim.cassette.importing import import_messages
    from roomkit_sim.sim.cassette.library import Library
    from roomkit_sim.sim.cassette.rules import read_rules
    from roomkit_sim.sim.cassette.scrubbing import SecretScrubber

    try:
        cassette = import_messages(path, SecretScrubber(read_rules(recordings, os.environ)))
        written = Library(recordings).save(cassette.header.provider, path.stem, cassette)
    except RoomkitSimError as error:
        stop(error)
    typer.echo(f"wrote {written}")


@app.command()
def show(
    path: Annotated[
        Path, typer.Argument(help="A report's folder; or a cassette: its folder, or its file.")
    ] = DEFAULT_REPORT,
) -> None:
    """Show the handoffs of a report with their latencies, or a recorded call as a conversation with its times."""
    from roomkit_sim.sim.cassette.library import FILE, open_cassette
    from roomkit_sim.sim.cassette.showing import show as show_cassette

    is_cassette = path.name == FILE or (path / FILE).is_file()
    try:
        if not is_cassette and not (path / "handoffs.csv").is_file() and path != DEFAULT_REPORT:
            raise ReportError(
                f"{path}: expected a report's folder, with handoffs.csv in it, or a cassette: its folder, with {FILE} "
                f"in it, or that file. For a report, run the scenarios first (pytest scenarios/)"
            )
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
    try:
        leaks = _leaks(paths)
    except RoomkitSimError as error:
        stop(error)
    for leak in leaks:
        typer.echo(leak)
    typer.echo(f"{len(leaks)} found")
    raise typer.Exit(FAILED if leaks else 0)


def _leaks(paths: list[Path]) -> list[str]:
    from roomkit_sim.sim.cassette.rules import nearest_rules
    from roomkit_sim.sim.cassette.scanning import scan_files

    return [str(leak) for leak in scan_files(paths, lambda folder: nearest_rules(folder, os.environ))]
