"""The fault matrix: what goes wrong, at which stages. docs/faults.md has it as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roomkit_sim.sim.scenario.condition import Condition
from roomkit_sim.sim.scenario.faults import (
    Close,
    Corrupt,
    Cut,
    Drop,
    Duplicate,
    Fault,
    Flip,
    GoAway,
    Refuse,
    Reorder,
    Slow,
    Stall,
)
from roomkit_sim.sim.scenario.switches import SWITCHES
from roomkit_sim.sim.trace.handoff_stages import STAGES

__all__ = ["MATRIX", "Row", "matrix", "split"]

FOR_EVER = 1_000
"""Dials; nobody tries so often."""


@dataclass(frozen=True)
class Row:
    """A fault of the matrix.

    Args:
        name: In ids, such as ``cut@H4``.
        means: For people.
        faults: Makes the faults for a stage.
        stages: At which it is tried. A fault that cannot differ by stage is tried at one.
        requires: Stages without which there is nothing to disturb.
    """

    name: str
    means: str
    faults: Callable[[str], tuple[Fault, ...]]
    stages: tuple[str, ...] = STAGES
    requires: tuple[str, ...] = ()


_DIALS = ("H7",)


def _misbehaviour(name: str) -> Row:
    return Row(name, SWITCHES[name].does, lambda at: (Flip(switch=name, stage=at),), ("H0",))


MATRIX: Sequence[Row] = (
    Row("cut", "both ends see a reset", lambda at: (Cut(stage=at),)),
    Row("fin", "TCP is closed in order, without a close frame", lambda at: (Cut(how="close", stage=at),)),
    Row("silent", "nothing arrives any more, and nobody is told", lambda at: (Cut(how="silent", stage=at),)),
    Row("deaf", "the same towards the provider only", lambda at: (Cut(how="silent", direction="up", stage=at),)),
    Row("stall", "nothing arrives for 3 s, then all of it", lambda at: (Stall(ms=3_000, stage=at),)),
    Row("slow", "300 ms more each way, for 5 s", lambda at: (Slow(ms=5_000, latency_ms=300, stage=at),)),
    Row("drop", "the server's next message is lost", lambda at: (Drop(stage=at),)),
    Row("double", "the server's next message comes twice", lambda at: (Duplicate(stage=at),)),
    Row("swap", "the server's next two messages change places", lambda at: (Reorder(stage=at),)),
    Row("no-json", "the server's next message is other text", lambda at: (Corrupt(how="no_json", stage=at),)),
    Row("half", "the server's next message breaks off", lambda at: (Corrupt(how="truncated", stage=at),)),
    Row("garbled", "the server's next frame is none", lambda at: (Corrupt(how="bad_frame", stage=at),)),
    Row("go-away", "the server closes in 1.5 s, and says so", lambda at: (GoAway(time_left_ms=1_500, stage=at),)),
    Row("1000", "the server ends the session", lambda at: (Close(code=1000, stage=at),)),
    Row("1001", "the server goes away", lambda at: (Close(code=1001, stage=at),)),
    Row("1008", "the server refuses what it was sent", lambda at: (Close(code=1008, stage=at),)),
    Row("1011", "the server fails", lambda at: (Close(code=1011, stage=at),)),
    Row(
        "cut+503", "cut, and the next upgrade answered with 503", lambda at: (Refuse(how=503, stage=at), Cut(stage=at))
    ),
    Row(
        "cut+gone",
        "cut, and nobody listens any more",
        lambda at: (Refuse(how="refused", times=FOR_EVER, stage=at), Cut(stage=at)),
    ),
    Row("no-dns", "the next dial finds no address", lambda at: (Refuse(how="dns", stage=at),), ("H4",), _DIALS),
    Row("refused", "the next dial finds nobody", lambda at: (Refuse(how="refused", stage=at),), ("H4",), _DIALS),
    Row("401", "the next upgrade is answered with 401", lambda at: (Refuse(how=401, stage=at),), ("H4",), _DIALS),
    Row("403", "the next upgrade is answered with 403", lambda at: (Refuse(how=403, stage=at),), ("H4",), _DIALS),
    Row("429", "the next upgrade is answered with 429", lambda at: (Refuse(how=429, stage=at),), ("H4",), _DIALS),
    Row("503", "the next upgrade is answered with 503", lambda at: (Refuse(how=503, stage=at),), ("H4",), _DIALS),
    Row(
        "gone",
        "nobody listens from now on",
        lambda at: (Refuse(how="refused", times=FOR_EVER, stage=at),),
        ("H4",),
        _DIALS,
    ),
    *(_misbehaviour(name) for name in SWITCHES),
)
"""All of it, in the order of the heat map. Handoff 1 is the one that is disturbed."""


def matrix() -> tuple[Condition, ...]:
    """The conditions under which a scenario is played."""
    return tuple(
        Condition(
            f"{row.name}@{stage}",
            row.faults(stage),
            requires=(stage, *row.requires),
            options=("--sim-faults=matrix",),
            may_miss=row.name in SWITCHES,
        )
        for row in MATRIX
        for stage in row.stages
    )


def split(condition: str) -> tuple[str, str]:
    """Fault and stage of a condition; no stage for one that is none of the matrix."""
    name, at, stage = condition.rpartition("@")
    return (name, stage) if at else (condition, "")
