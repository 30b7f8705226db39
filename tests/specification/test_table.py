"""docs/specification.md is held to the specification's pages, to the package, and to the tests that it names."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "specification.md").read_text()
HOMES = (
    "roomkit_sim",
    "roomkit_sim.channels.agent",
    "roomkit_sim.core.event_router",
    "roomkit_sim.providers.ai.base",
    "roomkit_sim.providers.gemini.ai",
    "roomkit_sim.providers.gemini.realtime",
    "roomkit_sim.providers.openai.realtime",
    "roomkit_sim.voice.backends.local",
    "roomkit_sim.voice.realtime.provider",
)


class Row(NamedTuple):
    """One name of the pages: its default as printed, where it is a parameter, and its test."""

    name: str
    default: str
    test: str


def _rows() -> list[Row]:
    tables = DOCUMENT.split("## Not built")[0]
    found = re.findall(r"^\| `([\w.]+)` \| (.*?) \| `(.+?)` \|$", tables, re.MULTILINE)
    return [Row(name, default.strip("` "), test) for name, default, test in found]


ROWS = _rows()
NAMES = {row.name for row in ROWS}
NOT_BUILT = set(re.findall(r"^\| `([\w.]+)` \|", DOCUMENT.split("## Not built")[1], re.MULTILINE))


def _top(name: str) -> Any:
    for home in HOMES:
        found = getattr(importlib.import_module(home), name, None)
        if found is not None:
            return found
    raise AssertionError(f"{name} is nowhere in the package")


def _parameter(name: str) -> inspect.Parameter | None:
    """The parameter that a dotted name means; ``None`` where it means something else."""
    *owners, last = name.split(".")
    if not owners:
        return None
    owner = _top(owners[0])
    for part in owners[1:]:
        owner = getattr(owner, part)
    return inspect.signature(owner).parameters.get(last) if callable(owner) else None


@cache
def _tests_of(path: str) -> dict[str, str]:
    text = (ROOT / path).read_text()
    return {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("row", [row for row in ROWS if row.default], ids=lambda row: row.name)
def test_every_parameter_has_the_default_that_the_pages_print(row: Row) -> None:
    parameter = _parameter(row.name)
    assert parameter is not None, f"{row.name} is no parameter"
    if row.default == "needed":
        assert parameter.default is inspect.Parameter.empty
    elif row.default == "any":
        assert parameter.kind is inspect.Parameter.VAR_KEYWORD
    else:
        assert parameter.default == ast.literal_eval(row.default)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.default], ids=lambda row: row.name)
def test_every_name_is_in_the_package(row: Row) -> None:
    if _parameter(row.name) is not None:
        return
    first, *parts = row.name.split(".")
    owner = _top(first)
    for part in parts:
        instance_only = part in inspect.getsource(owner) if isinstance(owner, type) else False
        owner = getattr(owner, part, owner if instance_only else None)
        assert owner is not None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_test_that_is_named_exists_and_names_what_it_exercises(row: Row) -> None:
    path, _, test = row.test.partition("::")
    word = row.name.rpartition(".")[2]
    if not test:
        assert (ROOT / path).is_file()
        return
    tests = _tests_of(path)
    assert test in tests, f"{path} has no test {test}"
    assert re.search(rf"\b{re.escape(word)}\b", tests[test]), f"{test} does not mention {word}"


def _signatures(pages: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """What the pages print as ``Name(parameter, parameter=default)`` or ``async def name(...)``, in their order."""
    for name, inside in re.findall(r"^([A-Za-z]\w*)\(([^()]*)\)$", pages, re.MULTILINE):
        yield name, _parameters(inside)
    for name, inside in re.findall(r"^async def (\w+)\(\n(.*?)\n\) -> ", pages, re.MULTILINE | re.DOTALL):
        yield name, [(part, default) for part, default in _parameters(inside.replace("\n", " ")) if part != "self"]


def _parameters(inside: str) -> list[tuple[str, str]]:
    tree = ast.parse(f"def f({inside}): ...").body[0]
    assert isinstance(tree, ast.FunctionDef)
    arguments = tree.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [
        *([None] * (len(positional) - len(arguments.defaults))),
        *arguments.defaults,
        *arguments.kw_defaults,
    ]
    named = [
        (argument.arg, "needed" if default is None else ast.unparse(default))
        for argument, default in zip([*positional, *arguments.kwonlyargs], defaults, strict=True)
    ]
    return named + ([(arguments.kwarg.arg, "any")] if arguments.kwarg else [])


def test_every_signature_of_the_pages_is_in_the_table_with_its_parameters_and_defaults(pages: str) -> None:
    signatures = list(_signatures(pages))
    assert len(signatures) > 20, "the pages were read"
    owner = ""
    for name, parameters in signatures:
        owner = name if name[0].isupper() else owner
        qualified = next((n for n in (name, f"{owner}.{name}", *sorted(NAMES)) if _means(n, name)), None)
        assert qualified is not None, f"{name} is not in docs/specification.md"
        for parameter, default in parameters:
            rows = [row for row in ROWS if row.name == f"{qualified}.{parameter}"]
            assert [row.default for row in rows] == [default], f"{qualified}({parameter}={default})"


def _means(known: str, name: str) -> bool:
    return known in NAMES and known.rpartition(".")[2] == name


def test_every_property_attribute_class_and_import_of_the_pages_is_in_the_table(pages: str) -> None:
    headed = re.findall(r"^(\w+) (?:property|async|module-attribute|class-attribute)\b", pages, re.MULTILINE)
    classes = re.findall(r"^(\w+)\n\nBases: ", pages, re.MULTILINE)
    hooks = re.findall(r"\b(ON_HANDOFF|BEFORE_\w+)\b", pages)
    imported = re.findall(r"^from roomkit[\w.]* import (\w+)$", pages, re.MULTILINE)
    imported += re.findall(r"\w+", re.findall(r"^from roomkit import \(\n(.*?)\)", pages, re.MULTILINE | re.DOTALL)[0])
    private = re.findall(r"\b(_[a-zA-Z]\w+)\b", pages)
    last_words = {name.rpartition(".")[2] for name in NAMES | NOT_BUILT}
    wanted = {*headed, *classes, *hooks, *imported, *(word for word in private if word != "_conversation")}
    assert len(wanted) > 30, "the pages were read"
    assert sorted(wanted - last_words) == []


def test_every_call_that_an_example_of_the_pages_makes_is_in_the_table(pages: str) -> None:
    called = set(re.findall(r"\b(?:kit|voice|pipeline|router|handler|rtv)\.(\w+)\(", pages))
    assert {"install", "start_session", "attach_channel"} <= called
    last_words = {name.rpartition(".")[2] for name in NAMES | NOT_BUILT}
    assert sorted(called - last_words) == []
