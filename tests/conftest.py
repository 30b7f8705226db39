"""For all tests: a PostgreSQL server for those that want one, and examples that are the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from roomkit_sim.testing.postgres import PostgresServer, PostgresUnavailableError, temporary_postgres

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
    """Say it in every run, not only with ``-rs``, when the tests on PostgreSQL did not run."""
    skipped = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    reasons = [reason for reason in skipped if NOT_TESTED in reason]
    if reasons:
        terminalreporter.section("PostgreSQL", yellow=True)
        why = reasons[0].partition(NOT_TESTED)[2].removesuffix("')")
        terminalreporter.line(f"{NOT_TESTED}{len(reasons)} tests skipped: {why}", yellow=True)
