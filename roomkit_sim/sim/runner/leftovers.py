"""What a run left of the recordings: cassettes that no call used, and frames that no call came to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.manifest import MANIFEST, read_manifest
from roomkit_sim.sim.runner.recordings import cassette_of, near
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.scenario.plan import Plan

__all__ = ["note_use", "recording_lines", "uses"]

_USED = "used-recordings"
_MOST = 10


def note_use(staging: Path, plan: Plan) -> None:
    """Note, for all processes of a run, that a plan used its recording.

    Args:
        staging: Where the run collects its calls.
        plan: A plan that was played.
    """
    folder = staging / _USED
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{plan.provider}--{plan.undisturbed.slug}").write_text(cassette_of(plan), encoding="utf-8")


def uses(staging: Path) -> list[str]:
    """The cassettes that a run used, of all processes. Forgets them: they are no part of the report."""
    folder = staging / _USED
    found = sorted(folder.glob("*"))
    used = [path.read_text(encoding="utf-8") for path in found]
    for path in found:
        path.unlink()
    if found:
        folder.rmdir()
    return used


def recording_lines(mode: Mode, used: Iterable[str], unplayed: Iterable[str]) -> list[str]:
    """The lines for the end of a run.

    Args:
        mode: How it was played.
        used: The cassettes that were replayed or recorded, as the manifest calls them.
        unplayed: What calls left of their recordings, for people.
    """
    lines = [f"not played to the end: {text}" for text in unplayed]
    if mode.against != "replay":
        # Who records a call says nothing of the others.
        return lines
    folder, known = near(mode.recordings), {*used}
    try:
        unused = [key for key in sorted(read_manifest(folder).cassettes) if key not in known]
    except CassetteError as error:
        return [*lines, str(error)]
    if not unused:
        return lines
    shown = [f"  {folder / key}" for key in unused[:_MOST]]
    more = [f"  and {len(unused) - _MOST} more"] if len(unused) > _MOST else []
    what = "1 recording was" if len(unused) == 1 else f"{len(unused)} recordings were"
    return [
        *lines,
        f"{what} not used in this run; what no scenario uses any more can go, with its entry in {folder / MANIFEST}:",
        *shown,
        *more,
    ]
