"""YAML with line numbers.

Differs from plain ``yaml.safe_load`` in three ways that scenario files need: every value's line is known, a key given
twice is an error, and ``on``, ``off``, ``yes`` and ``no`` are words (``on: resumed`` is a rule's condition, not a
boolean).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from roomkit_sim.errors import ScenarioError

__all__ = ["Document", "documents"]

Location = tuple[str | int, ...]
MAX_VALUES = 20_000


class _Loader(yaml.SafeLoader):
    """A safe loader whose booleans are ``true`` and ``false`` only."""


_BOOL = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|false)$"), list("tf"))


@dataclass(frozen=True)
class Document:
    """One YAML document of a file.

    Args:
        data: Its content as plain Python values.
        lines: Where each value stands: its path (keys and list indices) to a line counted from 1. A mapping's entry
            has the line of its key.
    """

    data: Any
    lines: Mapping[Location, int]

    def line_of(self, location: Location) -> int:
        """The line of the value at ``location``, or of its nearest enclosing value."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return 1


def documents(path: Path) -> list[Document]:
    """Read all documents of a YAML file.

    Raises:
        ScenarioError: The file cannot be read, is not YAML, or gives a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(
            f"cannot read the file: {error.strerror if isinstance(error, OSError) else error}", path=path
        ) from error
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise ScenarioError(f"not valid YAML: {error}", path=path) from error
    try:
        return list(_read(loader, path))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ScenarioError(f"not valid YAML: {error.problem}", path=path, line=line) from error
    except RecursionError as error:
        raise ScenarioError("an alias contains itself, or the file is nested too deeply", path=path) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ScenarioError(f"not valid YAML: {error}", path=path) from error
    finally:
        loader.dispose()


def _read(loader: _Loader, path: Path) -> Iterator[Document]:
    while loader.check_node():
        node = loader.get_node()
        assert node is not None, "check_node() promised one"
        lines: dict[Location, int] = {}
        _collect_lines(node, (), lines, path)
        yield Document(loader.construct_document(node), lines)


def _collect_lines(node: yaml.Node, location: Location, lines: dict[Location, int], path: Path) -> None:
    if len(lines) > MAX_VALUES:
        raise ScenarioError(f"more than {MAX_VALUES} values: too many, or aliases that multiply", path=path)
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            here = (*location, str(key_node.value))
            line = key_node.start_mark.line + 1
            if here in lines:
                first = lines[here]
                raise ScenarioError(f"key {key_node.value!r} stands here and in line {first}", path=path, line=line)
            lines[here] = line
            _collect_lines(value_node, here, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect_lines(item, (*location, index), lines, path)
