"""The application that the commands belong to, and how they end."""

from __future__ import annotations

from typing import NoReturn

import typer

from roomkit_sim.errors import RoomkitSimError

__all__ = ["FAILED", "USAGE", "app", "stop"]

FAILED, USAGE = 1, 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Play simulated phone calls to voice agents and prove their handoffs. With pytest: pytest scenarios/",
)


def stop(error: RoomkitSimError) -> NoReturn:
    """Say what is wrong, and end with exit code 2."""
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(USAGE) from error
