"""What is to be done about a cassette: the record modes of vcrpy, as a decision. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from roomkit_sim.errors import CassetteError

__all__ = ["Action", "RecordMode", "decide"]

RecordMode: TypeAlias = Literal["none", "once", "new_episodes", "all"]
"""
``none``: replay, and reach no network. ``once``: record what has no cassette yet. ``new_episodes``: record that, and
anew what the application no longer does as recorded; an episode is a whole call, because nobody can go on with half a
conversation. ``all``: record everything anew.
"""

Action: TypeAlias = Literal["replay", "record"]


def decide(mode: RecordMode, path: Path, *, exists: bool, drifted: bool = False) -> Action:
    """Whether a call is replayed or recorded.

    Args:
        mode: As chosen for the run.
        path: The cassette.
        exists: Whether it is there.
        drifted: Whether a replay of it has drifted in this run.

    Raises:
        CassetteError: There is nothing to replay, and recording is not allowed.
    """
    match mode:
        case "all":
            return "record"
        case "new_episodes":
            return "replay" if exists and not drifted else "record"
        case "once":
            return "replay" if exists else "record"
        case "none":
            if not exists:
                raise CassetteError(
                    "there is no such cassette, and record mode 'none' makes none: record it with "
                    "--sim-record=once, and --sim-provider=live if from the service itself",
                    path=path,
                )
            return "replay"
