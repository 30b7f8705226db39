"""For all tests: a PostgreSQL server for those that want one, and examples that are the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from roomkit_sim.testing.postgres import PostgresServer, PostgresUnavailableError, temporary_postgres
from tests.sim.servers.fidelity import NOT_COMPARED

# A gate must say the same twice. To look for new examples: pytest --hypothesis-profile=default
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

NOT_TESTED = "NOT TESTED ON POSTGRESQL: "


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server of this session's own: each worker starts one at the first test that wants it."""
    running = temporary_postgres()
    try:
        server = running.__enter__()
    except PostgresUnavailableError as error:
        pytest.skip(f"{NOT_TESTED}{error}")
    try:
        yield server
    finally:
        running.__exit__(None, None, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it in every run, not only with ``-rs``, what was not tested because something is not on this machine."""
    skipped = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    for title, words in (("PostgreSQL", NOT_TESTED), ("recordings of the services", NOT_COMPARED)):
        reasons = [reason for reason in skipped if words in reason]
        if reasons:
            terminalreporter.section(title, yellow=True)
            why = reasons[0].partition(words)[2].removesuffix("')")
            terminalreporter.line(f"{words}{len(reasons)} tests skipped: {why}", yellow=True)
