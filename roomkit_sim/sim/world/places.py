"""Names places in code as people know them, the same on every machine."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from traceback import FrameSummary

__all__ = ["is_standard_library", "place", "short_path"]

_STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"])


def place(frame: FrameSummary) -> str:
    """A frame as ``file:line in function()``."""
    return f"{short_path(frame.filename)}:{frame.lineno} in {frame.name}()"


def short_path(filename: str) -> Path:
    """A path from the working folder or from the installed package on; else the file's name."""
    path = Path(filename)
    if "site-packages" in path.parts:
        return Path(*path.parts[path.parts.index("site-packages") + 1 :])
    if path.is_relative_to(Path.cwd()):
        return path.relative_to(Path.cwd())
    return Path(path.name)


def is_standard_library(filename: str) -> bool:
    """Whether a file is Python's own."""
    path = Path(filename)
    return path.is_relative_to(_STANDARD_LIBRARY) and "site-packages" not in path.parts
