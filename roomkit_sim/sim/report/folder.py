"""The folder of a report: where a run collects its calls, and what may be replaced. Imports nothing heavy."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Literal

__all__ = ["ArtifactPolicy", "staging_folder", "why_not_replaceable"]

ArtifactPolicy = Literal["retain-on-failure", "on", "off"]


def staging_folder(output: Path) -> Path:
    """A folder of this run's own beside the report, so that a rename puts it in place.

    The process id alone would not do: containers give the same one again, with what a crashed run has left.
    """
    output = output.absolute()
    return output.parent / f".{output.name}.{os.getpid()}-{secrets.token_hex(4)}.part"


def why_not_replaceable(output: Path) -> str | None:
    """Why ``output`` cannot become the report; nothing if it can.

    A report replaces its folder as a whole, which deletes what is in it: it must be a report, or empty, or not there.
    """
    if not output.exists():
        return None
    if not output.is_dir():
        return "there is a file of this name"
    if any(output.iterdir()) and not (output / "run.json").is_file():
        return "the folder holds something else than a report; it would be deleted"
    return None
