"""Which recording belongs to a plan, and what is done about it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.drift import record_anew
from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.cassette.modes import decide
from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.scenario.faults import Fault
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.trace.events import Json

__all__ = [
    "NO_TAPE",
    "UNPLAYED",
    "Tape",
    "cassette_of",
    "faults_as_json",
    "is_mutated",
    "is_rehearsed",
    "keep",
    "near",
    "tape_for",
    "why_not_kept",
]

UNPLAYED = "WIRE081"


@dataclass(frozen=True)
class Tape:
    """What is done about recording in a run.

    Args:
        cassette: Replayed in place of a service.
        records: Whether the run is recorded.
        has_faults: Whether what the scenario lets go wrong is in the recording already.
    """

    cassette: Cassette | None = None
    records: bool = False
    has_faults: bool = False


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
        is_disturbed = plan.condition or plan.faults or (drifted and is_mutated(plan, tape_for(plan)))
        return NO_TAPE if is_disturbed else Tape(records=True)
    cassette = library.load(plan.provider, _name(plan))
    return Tape(cassette=cassette, has_faults=_has_faults(plan, cassette))


def is_mutated(plan: Plan, tape: Tape) -> bool:
    """Whether something goes wrong in a replay that is not in the recording."""
    return tape.cassette is not None and bool(plan.placed_faults(is_replay=tape.has_faults)[0])


def faults_as_json(faults: Iterable[Fault]) -> list[dict[str, Json]]:
    """Faults as a scenario's file says them."""
    return [{"do": fault.do, **fault.model_dump(mode="json", exclude_defaults=True)} for fault in faults]


def _has_faults(plan: Plan, cassette: Cassette) -> bool:
    """Whether the recording has in it what the scenario lets go wrong; what it has in it cannot be taken out."""
    recorded = [dict(fault) for fault in cassette.header.faults]
    own = faults_as_json(fault for fault in plan.scenario.faults if fault.concerns(plan.provider))
    if recorded and recorded != own:
        raise CassetteError(
            f"it was recorded with other faults than the scenario has now, and these cannot be taken out of it.\n"
            f"  recorded    {json.dumps(recorded)}\n  now         {json.dumps(own)}\n  what to do  undo the change, or "
            f"{record_anew(cassette.header.origin)}",
            path=cassette.path,
            line=1,
        )
    return bool(recorded)


def is_rehearsed(plan: Plan) -> bool:
    """Whether a recording is replayed before it is kept.

    In real time, our own server and the application share a machine: where it was busy, both were late and the caller
    heard nothing of it, but in a replay only what the server sent is late.
    """
    return plan.mode.against == "fake" and plan.mode.clock == "real"


def why_not_kept(plan: Plan, findings: Sequence[Finding], replayed: Sequence[Finding]) -> str | None:
    """Why a recording is not worth keeping, for people; nothing if it is.

    A call that proves nothing, because the machine was behind real time for example, would prove nothing for ever. One
    that went wrong with a service is worth it: that is what the service did.

    Args:
        plan: What was recorded.
        findings: Of the call.
        replayed: Of its replay, if it was replayed.
    """
    wrong = [finding for finding in findings if finding.severity is Severity.INVALID]
    if is_rehearsed(plan):
        wrong += [finding for finding in findings if finding.fails]
    if wrong:
        return f"not recorded, what was there is as it was: {wrong[0].message}"
    unlike = [finding for finding in replayed if finding.fails or finding.code == UNPLAYED]
    return f"not recorded, as its replay goes otherwise: {unlike[0].message}" if unlike else None


def keep(plan: Plan, cassette: Cassette) -> None:
    """Put a recording in its place.

    Raises:
        CassetteError: It cannot be written; what was there is as it was.
    """
    Library(near(plan.mode.recordings)).save(plan.provider, _name(plan), cassette)


def cassette_of(plan: Plan) -> str:
    """A plan's recording as the manifest calls it, whether it is there or not."""
    library = Library(plan.mode.recordings)
    return library.path(plan.provider, _name(plan)).relative_to(library.root).as_posix()


def _name(plan: Plan) -> str:
    """A disturbed call is replayed from the recording of the undisturbed one."""
    return plan.undisturbed.slug
