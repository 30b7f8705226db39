"""Which recording belongs to a plan, and what is done about it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.cassette.modes import decide
from roomkit_sim.sim.scenario.plan import Plan

__all__ = ["NO_TAPE", "Tape", "keep", "near", "tape_for"]


@dataclass(frozen=True)
class Tape:
    """What is done about recording in a run.

    Args:
        cassette: Replayed in place of a service.
        records: Whether the run is recorded.
    """

    cassette: Cassette | None = None
    records: bool = False


NO_TAPE = Tape()


def near(folder: Path) -> Path:
    """A folder of recordings as the user would type it now: messages name what is in it."""
    here, there = Path.cwd(), folder.absolute()
    is_near = there.is_relative_to(here) or here.is_relative_to(there.parent)
    return Path(os.path.relpath(there, here)) if is_near else folder


def tape_for(plan: Plan, *, drifted: bool = False) -> Tape:
    """What is replayed, or whether the run is recorded.

    Args:
        plan: The plan.
        drifted: Whether a replay of it has drifted already.

    Raises:
        CassetteError: A recording is needed and is not there, or is damaged.
    """
    mode = plan.mode
    if mode.against != "replay" and mode.recording == "none":
        return NO_TAPE
    library = Library(near(mode.recordings))
    path = library.path(plan.provider, _name(plan))
    action = decide(mode.recording, path, exists=library.has(plan.provider, _name(plan)), drifted=drifted)
    if action == "record":
        # A disturbed call has no recording of its own: its bytes would pass for those of the undisturbed one.
        return NO_TAPE if plan.condition or plan.faults else Tape(records=True)
    return Tape(cassette=library.load(plan.provider, _name(plan)))


def keep(plan: Plan, cassette: Cassette) -> None:
    """Put a recording in its place.

    Raises:
        CassetteError: It cannot be written; what was there is as it was.
    """
    Library(near(plan.mode.recordings)).save(plan.provider, _name(plan), cassette)


def _name(plan: Plan) -> str:
    """A disturbed call is replayed from the recording of the undisturbed one."""
    return plan.undisturbed.slug
