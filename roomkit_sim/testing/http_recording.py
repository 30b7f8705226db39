"""A fixture for HTTP cassettes, with the names and folders that pytest-recording uses.

In a ``conftest.py`` at the root::

    pytest_plugins = ["roomkit_sim.testing.http_recording"]

A test that takes ``http_tape`` plays ``cassettes/<module>/<test>.yaml`` beside its file, and records it with
``pytest --record-mode=once`` (or ``new_episodes``, or ``all``; ``rewrite`` is ``all``). The option is that of
pytest-recording where that is installed. ``@pytest.mark.default_cassette("name.yaml")`` gives another name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from roomkit_sim.sim.cassette.modes import RecordMode
from roomkit_sim.testing.http_cassette import HttpCassette, http_cassette

__all__ = ["http_tape", "tape_path"]

_UNSAFE = re.compile(r"[^\w\-. \[\]]")
MODES = (*get_args(RecordMode), "rewrite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--record-mode``, unless pytest-recording has it."""
    group = parser.getgroup("recording")
    try:
        group.addoption(
            "--record-mode", choices=MODES, default=None, help="of HTTP cassettes, as in vcrpy; default: none"
        )
    except ValueError:
        return


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "default_cassette(name): the name of the test's HTTP cassette")


def tape_path(node: pytest.Item) -> Path:
    """Where the cassette of a test is."""
    marker = node.get_closest_marker("default_cassette")
    owner = node.getparent(pytest.Class)
    name = f"{owner.name}.{node.name}" if owner is not None else node.name
    file = marker.args[0] if marker is not None else f"{_UNSAFE.sub('-', name)}.yaml"
    return node.path.parent / "cassettes" / node.path.stem / str(file)


@pytest.fixture
def http_tape(request: pytest.FixtureRequest) -> Iterator[HttpCassette]:
    """The cassette of this test: give ``http_tape.transport()`` to the HTTP client of the SDK."""
    chosen: Any = request.config.getoption("--record-mode") or "none"
    mode: RecordMode = "all" if chosen == "rewrite" else chosen
    with http_cassette(tape_path(request.node), mode=mode) as cassette:
        yield cassette
