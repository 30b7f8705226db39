"""Writes files so that they appear whole or not at all."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roomkit_sim.errors import CassetteError

__all__ = ["locked", "replace"]


def replace(path: Path, data: bytes) -> None:
    """Write a file beside, then put it in place of the old one.

    Raises:
        CassetteError: It cannot be written; the old one is as it was.
    """
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        part = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        raise CassetteError(f"cannot be written: {error.strerror}", path=path) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes that do the same.

    Raises:
        CassetteError: The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise CassetteError(f"cannot be written to: {error.strerror}", path=folder) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
