"""Reads fault plans: files with a list of faults that every scenario is played with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim.scenario.faults import Fault
from roomkit_sim.sim.scenario.loader import error_location, explained
from roomkit_sim.sim.scenario.strict import nearest
from roomkit_sim.sim.scenario.yaml_source import documents

__all__ = ["FaultPlan", "load_fault_plan"]

_FAULTS: TypeAdapter[tuple[Fault, ...]] = TypeAdapter(tuple[Fault, ...])


@dataclass(frozen=True)
class FaultPlan:
    """Faults that come together.

    Args:
        name: What the runs with them are called.
        faults: The faults.
        places: Where each stands, as ``file:line``.
    """

    name: str
    faults: tuple[Fault, ...]
    places: tuple[str, ...] = ()


def load_fault_plan(path: Path, shown: str | None = None) -> FaultPlan:
    """Read a fault plan; it is named after its file.

    Args:
        path: The file: YAML, a list of faults as under a scenario's ``faults``.
        shown: How to call the file in errors.

    Raises:
        ScenarioError: With file and line.
    """
    named = Path(shown or path)
    if not path.is_file():
        hint = nearest(named.name, ("none", "matrix"))
        raise ScenarioError(
            "cannot read the file: No such file or directory; give none, matrix or the file of a fault plan"
            + (f"; {hint}" if hint.startswith("did you mean") else ""),
            path=named,
        )
    try:
        found = [document for document in documents(path) if document.data is not None]
    except ScenarioError as error:
        raise ScenarioError(str(error).replace(str(path), str(named))) from error
    if len(found) != 1 or not isinstance(found[0].data, list) or not found[0].data:
        raise ScenarioError("a fault plan is one list of faults: '- {do: cut, stage: H4}'", path=named)
    (document,) = found
    try:
        faults = _FAULTS.validate_python(tuple(document.data))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = error_location(first, ())
        place = ".".join(str(part) for part in where)
        raise ScenarioError(f"{place}: {explained(first)}", path=named, line=document.line_of(where)) from None
    name = re.sub(r"[^A-Za-z0-9]+", "-", path.name.partition(".")[0]).strip("-") or "faults"
    return FaultPlan(name, faults, tuple(f"{named}:{document.line_of((index,))}" for index in range(len(faults))))
