"""The pages of the specification, where they are at hand, and the examples that they print."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PAGES = HERE.parents[2] / "shared" / "spec"

NOT_HELD = "NOT HELD AGAINST THE SPECIFICATION: "


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it in every run, not only with ``-rs``, when there was nothing to hold the table against."""
    skipped = [report for report in terminalreporter.getreports("skipped") if NOT_HELD in str(report.longrepr)]
    if skipped:
        terminalreporter.section("specification", yellow=True)
        terminalreporter.line(f"{NOT_HELD}{len(skipped)} tests skipped: its pages are not at {PAGES}", yellow=True)


def _code(name: str) -> str:
    """An example as printed, with the package's name changed."""
    printed = (HERE / "printed" / f"{name}.txt").read_text()
    return printed.replace("from roomkit", "from roomkit_sim")


@pytest.fixture
def pages() -> str:
    """All pages, one after the other."""
    if not PAGES.is_dir():
        pytest.skip(f"{NOT_HELD}its pages are not at {PAGES}")
    return "\n".join(page.read_text() for page in sorted(PAGES.glob("*.txt")))


@pytest.fixture
def run_printed() -> Any:
    """Run an example in a namespace; what it defines is in the namespace afterwards."""

    async def run(name: str, **names: Any) -> dict[str, Any]:
        program = compile(_code(name), f"{name}.txt", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        # Not an attack: the text is committed beside this file, and is the point of the test.
        running = eval(program, names)
        if inspect.isawaitable(running):
            await running
        return names

    return run
