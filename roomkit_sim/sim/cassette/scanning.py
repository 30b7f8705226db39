"""Looks for secrets and persons in files: whatever a scrubber would take out of them is one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.lines import DEEPEST, depth_exceeds
from roomkit_sim.sim.cassette.model import Event, Frame, Plain
from roomkit_sim.sim.cassette.rules import Rules
from roomkit_sim.sim.cassette.scrubbing import SecretScrubber
from roomkit_sim.sim.cassette.secrets import KINDS

__all__ = ["Leak", "scan_file", "scan_files", "scan_lines"]

_READABLE = re.compile(rb"[\x20-\x7e]{12,}")
_SURE = frozenset({"key", "jwt", "pem", "bearer", "login", "email"})
"""Kinds that do not come about by chance among bytes that are no text."""

_SPLIT = "over several messages"


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that should not be there. What it is is not said, or it would be in a log next.

    Args:
        path: The file.
        line: Where, from 1; in a file that is no text, 1.
        kind: One of ``KINDS``.
        where: What else helps to find it.
    """

    path: Path
    line: int
    kind: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {KINDS[self.kind]}{self.where and f', {self.where}'}"


def scan_files(paths: Iterable[Path], rules: Callable[[Path], Rules]) -> Iterator[Leak]:
    """Look through files and folders.

    Args:
        paths: What is looked through.
        rules: The rules that hold for one of them.

    Raises:
        CassetteError: One of them does not exist, or cannot be read.
    """
    for root in paths:
        if not root.exists():
            raise CassetteError("there is no such file or folder", path=root)
        files = [path for path in sorted(root.rglob("*")) if path.is_file()] if root.is_dir() else [root]
        known = rules(root if root.is_dir() else root.parent)
        for path in files:
            yield from scan_file(path, known)


def scan_file(path: Path, rules: Rules) -> list[Leak]:
    """Look through one file: its text, and what is readable in it when it is none.

    Raises:
        CassetteError: It cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CassetteError(f"cannot be read: {error.strerror}", path=path) from error
    try:
        text = data.decode()
    except UnicodeDecodeError:
        found = _Found(rules)
        return [Leak(path, 1, kind) for run in _READABLE.findall(data) for kind in found.in_text(run.decode(), _SURE)]
    if path.suffix in (".yaml", ".yml"):
        return _in_yaml(path, text, rules)
    return scan_lines(path, text, rules)


def scan_lines(path: Path, text: str, rules: Rules) -> list[Leak]:
    """Look through a text, line by line; lines that are JSON field by field."""
    found = _Found(rules)
    leaks: list[Leak] = []
    frames: dict[Any, list[Event]] = {}
    for at, line in enumerate(text.split("\n"), start=1):
        values = _json_object(line)
        if values is None:
            leaks += [Leak(path, at, kind) for kind in found.in_text(line)]
            continue
        leaks += [Leak(path, at, kind) for kind in found.in_json(values)]
        if values.get("kind") in ("frame", "audio") and isinstance(values.get("json"), dict):
            frame = Frame("received", 0, binary=False, body=Plain(values["json"]), line=at)
            frames.setdefault(values.get("conn"), []).append(frame)
    if "\n-----END" in text:
        leaks += [Leak(path, 1, kind) for kind in found.in_text(text, {"pem"})]
    known = {leak.line for leak in leaks}
    for events in frames.values():
        leaks += [Leak(path, at, kind, _SPLIT) for at, kind in _Split(rules).in_events(events) if at not in known]
    return sorted(leaks, key=lambda leak: leak.line)


class _Found:
    """What a scrubber takes out."""

    def __init__(self, rules: Rules) -> None:
        self._kinds: list[str] = []
        self._rules = rules

    def in_text(self, text: str, kinds: Iterable[str] = KINDS) -> list[str]:
        """The kinds of what is in a text."""
        self._scrubber().text(text)
        return [kind for kind in self._kinds if kind in kinds]

    def in_json(self, values: dict[str, Any], key: str = "") -> list[str]:
        """The kinds of what is in a JSON object."""
        self._scrubber().note("", values if not key else {key: values})
        return list(self._kinds)

    def in_field(self, key: str, value: str) -> list[str]:
        """The kinds of what is in a field."""
        self._scrubber().headers({key: value})
        return list(self._kinds)

    def _scrubber(self) -> SecretScrubber:
        # A new one each time: one that remembers a text does not find anything in it again.
        self._kinds.clear()
        return SecretScrubber(_without_hashes(self._rules), on_found=self._kinds.append)


class _Split:
    """What is in messages only when they are read one after the other."""

    def __init__(self, rules: Rules) -> None:
        self._kinds: list[str] = []
        self._scrubber = SecretScrubber(_without_hashes(rules), on_found=self._kinds.append)

    def in_events(self, events: list[Event]) -> Iterator[tuple[int, str]]:
        """The lines where something begins, with its kind."""
        after = self._scrubber.whole(events)
        changed = [event.line for event, clean in zip(events, after, strict=True) if event != clean]
        yield from zip(changed, self._kinds, strict=False)


def _without_hashes(rules: Rules) -> Rules:
    """Words that are not hashed are no leak in a cassette of before."""
    return Rules(rules.values, rules.fields, rules.patterns, rules.keep)


def _json_object(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) and not depth_exceeds(values, DEEPEST) else None


def _in_yaml(path: Path, text: str, rules: Rules) -> list[Leak]:
    """YAML breaks long texts into lines, so it is looked through value by value."""
    found = _Found(rules)
    leaks: list[Leak] = [
        Leak(path, at, kind)
        for at, line in enumerate(text.splitlines(), start=1)
        if line.lstrip().startswith("#")
        for kind in found.in_text(line)
    ]
    try:
        for key, scalar in _scalars(yaml.compose(text, Loader=yaml.SafeLoader)):
            leaks += [Leak(path, scalar.start_mark.line + 1, kind) for kind in found.in_field(key, str(scalar.value))]
    except (yaml.YAMLError, RecursionError):
        return scan_lines(path, text, rules)
    return sorted(leaks, key=lambda leak: leak.line)


def _scalars(root: yaml.Node | None) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """All values, each once, with the names of their fields."""
    left: list[tuple[str, yaml.Node | None]] = [("", root)]
    seen: set[int] = set()
    while left:
        key, node = left.pop()
        if isinstance(node, yaml.ScalarNode):
            yield key, node
        elif isinstance(node, yaml.CollectionNode) and id(node) not in seen:
            seen.add(id(node))
            for item in node.value:
                if isinstance(item, tuple):
                    left += [("", item[0]), (str(item[0].value), item[1])]
                else:
                    left.append((key, item))
