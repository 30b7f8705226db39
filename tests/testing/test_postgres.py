"""The throwaway PostgreSQL server: gone afterwards, and clear about why it cannot start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from roomkit_sim.testing import postgres
from roomkit_sim.testing.postgres import PostgresServer, PostgresUnavailableError, temporary_postgres


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, as the server's user must."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_databases_are_empty_and_separate(postgres_server: PostgresServer) -> None:
    one, other = (postgres_server.new_database().rpartition("/")[2] for _ in range(2))
    postgres_server.sql("CREATE TABLE calls (number INTEGER)", one)
    count = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'calls'"
    assert (postgres_server.sql(count, one), postgres_server.sql(count, other)) == ("1", "0")


def test_a_server_is_gone_with_its_files_afterwards(
    postgres_server: PostgresServer, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session's server is here so that this test is skipped where there can be none."""
    monkeypatch.setattr(tempfile, "tempdir", str(open_folder))
    with temporary_postgres() as server:
        assert server.sql("SELECT 1") == "1"
        assert server.port != postgres_server.port
        assert list(open_folder.iterdir()) != []
    assert list(open_folder.iterdir()) == []
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", server.port))


def test_a_killed_session_leaves_no_server_behind(postgres_server: PostgresServer, open_folder: Path) -> None:
    code = """
import sys, tempfile
from roomkit_sim.testing.postgres import temporary_postgres
tempfile.tempdir = sys.argv[1]
with temporary_postgres() as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, open_folder], stdin=pipe, stdout=pipe, text=True) as session:
        assert session.stdout is not None
        port = int(session.stdout.readline())
        session.kill()
        session.stdout.read()  # ends when all who hold it have ended, the one that cleans up among them
    assert list(open_folder.iterdir()) == []
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "FOLDERS", ("/nowhere/*/bin",))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PostgresUnavailableError, match=r"initdb.* neither on the PATH .*install PostgreSQL"):
        temporary_postgres().__enter__()


def test_a_program_that_fails_is_quoted(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{_programs(open_folder, '#!/bin/sh')}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(PostgresUnavailableError, match="initdb failed with status 3: no space left"):
        temporary_postgres().__enter__()


def test_a_program_that_does_not_run_is_named(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{_programs(open_folder, '#!/nowhere/sh')}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(PostgresUnavailableError, match=r"initdb cannot be run as user \w+: .*No such file"):
        temporary_postgres().__enter__()


def _programs(folder: Path, shebang: str) -> Path:
    for program in ("initdb", "pg_ctl", "psql"):
        (folder / program).write_text(f"{shebang}\necho no space left\nexit 3\n")
        (folder / program).chmod(0o755)
    return folder
