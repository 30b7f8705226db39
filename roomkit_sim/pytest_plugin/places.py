"""Where a run puts its files. Imports nothing heavy: it is asked in every pytest run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["output_of", "shown", "staging_of"]

DEFAULT_OUTPUT = "reports/latest"


def output_of(config: pytest.Config) -> Path:
    """The report's folder: below the rootdir, unless the user named one, which is relative to where pytest runs."""
    chosen = config.getoption("--sim-output")
    return config.rootpath / DEFAULT_OUTPUT if chosen is None else (config.invocation_params.dir / chosen).absolute()


def staging_of(config: pytest.Config) -> Path:
    """Where the calls of this run are collected: beside the report, so that a rename puts it in place."""
    given = getattr(config, "workerinput", {}).get("roomkit_sim_staging")
    if given is not None:
        return Path(given)
    output = output_of(config)
    return output.parent / f".{output.name}.{os.getpid()}.part"


def shown(path: Path, config: pytest.Config) -> str:
    """A path as the user would type it."""
    for base in (config.invocation_params.dir, config.rootpath):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)
