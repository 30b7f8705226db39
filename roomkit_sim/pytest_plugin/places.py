"""Where a run puts its files. Imports nothing heavy: it is asked in every pytest run."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

__all__ = ["output_of", "shown", "staging_of", "why_not_replaceable"]

DEFAULT_OUTPUT = "reports/latest"
_staging: pytest.StashKey[Path] = pytest.StashKey()


def output_of(config: pytest.Config) -> Path:
    """The report's folder: below the rootdir, unless the user named one, which is relative to where pytest runs."""
    chosen = config.getoption("--sim-output")
    return config.rootpath / DEFAULT_OUTPUT if chosen is None else (config.invocation_params.dir / chosen).absolute()


def staging_of(config: pytest.Config) -> Path:
    """Where the calls of this run are collected, by all of its processes."""
    if _staging not in config.stash:
        given = getattr(config, "workerinput", {}).get("roomkit_sim_staging")
        output = output_of(config)
        # A process id alone would not do: containers give the same one again, with what a crashed run has left.
        own = output.parent / f".{output.name}.{os.getpid()}-{secrets.token_hex(4)}.part"
        config.stash[_staging] = own if given is None else Path(given)
    return config.stash[_staging]


def why_not_replaceable(config: pytest.Config) -> str | None:
    """Why the folder that the user named cannot become the report; nothing if it can.

    A report replaces its folder as a whole, so it must be a report, or empty, or not there.
    """
    output = output_of(config)
    if output.is_dir() and any(output.iterdir()) and not (output / "run.json").is_file():
        return f"--sim-output={output}: the folder holds something else than a report; it would be deleted"
    if output.exists() and not output.is_dir():
        return f"--sim-output={output}: there is a file of this name"
    return None


def shown(path: Path, config: pytest.Config) -> str:
    """A path as the user would type it."""
    for base in (config.invocation_params.dir, config.rootpath):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)
