"""Reads scenario files; every error names the file and the line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim.scenario.caller import STEPS
from roomkit_sim.sim.scenario.consistency import problems
from roomkit_sim.sim.scenario.faults import FAULTS
from roomkit_sim.sim.scenario.model import Scenario
from roomkit_sim.sim.scenario.strict import nearest
from roomkit_sim.sim.scenario.yaml_source import Document, Location, documents

__all__ = ["SUFFIX", "ScenarioSource", "error_location", "explained", "load", "parse"]

SUFFIX = ".scenario.yaml"


@dataclass(frozen=True)
class ScenarioSource:
    """A scenario and where it stands.

    Args:
        scenario: The scenario.
        path: Its file; relative sound files are looked for beside it.
        line: Its first line.
        lines: Lines of its parts (see :class:`~roomkit_sim.sim.scenario.yaml_source.Document`).
    """

    scenario: Scenario
    path: Path
    line: int
    lines: Mapping[Location, int]


def load(path: Path | str) -> list[ScenarioSource]:
    """Read all scenarios of a file (several are separated by ``---``).

    Raises:
        ScenarioError: With file and line; nothing of the file is used then.
    """
    path = Path(path)
    sources = [_load_one(document, path) for document in documents(path) if document.data is not None]
    if not sources:
        raise ScenarioError("the file holds no scenario", path=path)
    names: set[str] = set()
    for source in sources:
        name = source.scenario.scenario
        if name in names:
            raise ScenarioError(f"two scenarios of this file are named {name!r}", path=path, line=source.line)
        names.add(name)
    return sources


def parse(data: Mapping[str, Any]) -> Scenario:
    """Make a scenario from plain values, as a test in Python would.

    Raises:
        ScenarioError: What is wrong; there is no file to name.
    """
    return _checked(Document(data, {}), None)


def _load_one(document: Document, path: Path) -> ScenarioSource:
    if not isinstance(document.data, dict):
        raise ScenarioError(
            "a scenario is a mapping: 'scenario: name', 'app: ...'", path=path, line=document.line_of(())
        )
    scenario = _checked(document, path)
    return ScenarioSource(scenario, path, document.line_of(()), document.lines)


def _checked(document: Document, path: Path | None) -> Scenario:
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _located(explained(first), error_location(first, ("faults",)), document, path) from None
    for problem in problems(scenario):
        raise _located(problem.message, problem.location, document, path)
    return scenario


def _located(message: str, location: Location, document: Document, path: Path | None) -> ScenarioError:
    where = _as_written(location, document)
    place = ".".join(str(part) for part in where)
    line = document.line_of(where) if path else None
    return ScenarioError(f"{place}: {message}" if place else message, path=path, line=line)


def _as_written(location: Location, document: Document) -> Location:
    """A file with a single call has its ``caller`` and ``expect`` at the top."""
    data = document.data
    if location[:2] == ("calls", 0) and isinstance(data, dict) and "calls" not in data:
        return location[2:]
    return location


def error_location(error: ErrorDetails, faults_at: Location) -> Location:
    """Where in a file an error stands: keys and list indices.

    Args:
        error: The error.
        faults_at: Where the file has its list of faults: their kind is in the error's location, and in no file.
    """
    key = error.get("ctx", {}).get("key")
    word = _unknown_word(error)
    if word is not None:
        key = "do" if error["type"] == "unknown_fault" else word
    where = (*error["loc"], key) if key is not None else tuple(error["loc"])
    kind_at = len(faults_at) + 1
    if where[: len(faults_at)] == faults_at and len(where) > kind_at and where[kind_at] in FAULTS:
        where = (*where[:kind_at], *where[kind_at + 1 :])
    return where


def explained(error: ErrorDetails) -> str:
    """What is wrong with a value, for people."""
    if error["type"] == "missing":
        return "is missing"
    word = _unknown_word(error)
    if word is not None:
        known = FAULTS if error["type"] == "unknown_fault" else STEPS
        return f"nothing is called {word!r} here: {nearest(word, known)}"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("unknown_key", "value_error", "unknown_step", "unknown_fault"):
        return message
    if error["type"] == "tuple_type":
        message = "expected a list"
    return f"{message} (got {error['input']!r})"


def _unknown_word(error: ErrorDetails) -> str | None:
    """The word that should say what a fault or a step does, where it is one that nobody knows."""
    written = error["input"]
    match error["type"]:
        case "unknown_fault" if isinstance(written, dict):
            word = written.get("do")
        case "unknown_step" if isinstance(written, dict) and len(written) == 1:
            word = next(iter(written))
        case "unknown_step":
            word = written
        case _:
            return None
    return word if isinstance(word, str) else None
