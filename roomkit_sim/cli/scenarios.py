"""Commands for scenarios: play them, prepare their speech, explain what they found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from roomkit_sim.cli.application import FAILED, app, stop
from roomkit_sim.errors import RoomkitSimError
from roomkit_sim.sim.report.folder import ArtifactPolicy
from roomkit_sim.sim.scenario.mode import RECORDINGS, Against, Clock, Mode, Recording

__all__ = ["explain", "run", "speech"]


@app.command()
def run(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
    seeds: Annotated[str, typer.Option(help="7, 10x, 1,5,9 or 0-99.")] = "0",
    provider: Annotated[
        Against, typer.Option(help="Who answers: our server with the scenario's mind, a recording, or the service.")
    ] = "fake",
    recording: Annotated[
        Recording, typer.Option("--record", help="Which calls are recorded, in the manner of vcrpy.")
    ] = "none",
    recordings: Annotated[Path, typer.Option(help="The folder of recordings.")] = RECORDINGS,
    live_minutes: Annotated[float, typer.Option(help="With --provider live: how long all calls may last.")] = 10.0,
    clock: Annotated[Clock, typer.Option(help="Simulated time, or this machine's over loopback sockets.")] = "virtual",
    faults: Annotated[str, typer.Option(help="What goes wrong: none, matrix, or a file with faults.")] = "none",
    output: Annotated[Path, typer.Option(help="The report's folder.")] = Path("reports/latest"),
    artifacts: Annotated[ArtifactPolicy, typer.Option(help="Calls that keep audio and page.")] = "retain-on-failure",
) -> None:
    """Play scenarios and write a report. Exit code 0: all passed; 1: some failed; 2: a scenario is wrong."""
    from roomkit_sim.sim.runner.batch import play_files
    from roomkit_sim.sim.runner.live_allowance import LiveAllowance
    from roomkit_sim.sim.scenario.minutes import parse_minutes

    try:
        allowance = LiveAllowance(parse_minutes(live_minutes, "--live-minutes"))
        mode = Mode(clock=clock, against=provider, recording=recording, recordings=recordings)
        passed = play_files(paths, seeds, output, artifacts, typer.echo, mode=mode, faults=faults, allowance=allowance)
    except RoomkitSimError as error:
        stop(error)
    raise typer.Exit(0 if passed else FAILED)


@app.command()
def speech(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
) -> None:
    """Speak the callers' utterances that have no committed sound, and write them to the nearest 'audio' folder."""
    from roomkit_sim.sim.runner.batch import speak_files

    try:
        written = speak_files(paths)
    except RoomkitSimError as error:
        stop(error)
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"{len(written)} new files")


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="A finding's code, such as INV004, or a switch.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All codes, as Markdown.")] = False,
    switches: Annotated[bool, typer.Option(help="All misbehaviours of services, as Markdown.")] = False,
) -> None:
    """Say what a finding means, what usually causes it, and what to do; or what a switch does."""
    from roomkit_sim.sim.checks.codes import CODES
    from roomkit_sim.sim.report.markdown import codes_markdown, switches_markdown
    from roomkit_sim.sim.scenario.strict import nearest
    from roomkit_sim.sim.scenario.switches import SWITCHES

    if every or switches:
        typer.echo(codes_markdown() if every else switches_markdown(), nl=False)
        return
    if code in SWITCHES:
        typer.echo(f"{code}: {SWITCHES[code].does}\n\n  known from  {SWITCHES[code].basis}")
        return
    known = CODES.get(code.upper())
    if known is None:
        raise typer.BadParameter(f"no finding has the code {code!r}: {nearest(code.upper(), CODES)}")
    typer.echo(f"{code.upper()}: {known.title}\n\n  cause  {known.cause}\n  cure   {known.cure}")
