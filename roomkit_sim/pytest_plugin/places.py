"""Where a run puts its files. Imports nothing heavy: it is asked in every pytest run."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomkit_sim.sim.report import folder

__all__ = ["WORKER_STAGING", "output_of", "shown", "staging_of", "why_not_replaceable"]

DEFAULT_OUTPUT = "reports/latest"

WORKER_STAGING = "roomkit_sim_staging"
"""The key of an xdist worker's input that names where the run collects its calls."""

_staging: pytest.StashKey[Path] = pytest.StashKey()


def output_of(config: pytest.Config) -> Path:
    """The report's folder: below the rootdir, unless the user named one, which is relative to where pytest runs."""
    chosen = config.getoption("--sim-output")
    return config.rootpath / DEFAULT_OUTPUT if chosen is None else (config.invocation_params.dir / chosen).absolute()


def staging_of(config: pytest.Config) -> Path:
    """Where the calls of this run are collected, by all of its processes."""
    if _staging not in config.stash:
        given = getattr(config, "workerinput", {}).get(WORKER_STAGING)
        config.stash[_staging] = folder.staging_folder(output_of(config)) if given is None else Path(given)
    return config.stash[_staging]


def why_not_replaceable(config: pytest.Config) -> str | None:
    """Why the folder that the user named cannot become the report; nothing if it can."""
    output = output_of(config)
    why = folder.why_not_replaceable(output)
    return None if why is None else f"--sim-output={output}: {why}"


def shown(path: Path, config: pytest.Config) -> str:
    """A path as the user would type it."""
    for base in (config.invocation_params.dir, config.rootpath):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)
