"""Says what tasks wait for: the text of a deadlock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from roomkit_sim.sim.world.places import is_standard_library

__all__ = ["describe_tasks", "describe_waiting"]


def describe_waiting(loop: asyncio.AbstractEventLoop) -> str:
    """One line for each task that has not ended: its name, and where it waits."""
    return describe_tasks(asyncio.all_tasks(loop))


def describe_tasks(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """One line for each of some tasks that has not ended: its name, and where it waits."""
    tasks = sorted((task for task in tasks if not task.done()), key=hash)
    lines = [f"  {task.get_name()}: {_place(task.get_coro())}" for task in tasks]
    return "\n".join(["waiting tasks:", *lines]) if lines else "no task is left"


def _place(coroutine: Any) -> str:
    """Where a coroutine waits: the innermost place, and the outermost where that is another."""
    frames: list[tuple[str, int, str]] = []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            break
        frames.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    # Where asyncio waits says nothing; whose code called it does.
    own = [frame for frame in frames if not is_standard_library(frame[0])] or frames
    places = [f"{Path(filename).name}:{line} in {name}()" for filename, line, name in own]
    if not places:
        return "not started"
    return places[0] if len(places) == 1 else f"{places[-1]}, called from {places[0]}"
