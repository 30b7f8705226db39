"""A PostgreSQL server for tests, made from the machine's own programs and thrown away afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["PostgresServer", "PostgresUnavailableError", "temporary_postgres"]

PASSWORD = "only-for-tests"
# Where distributions put the server's programs when they are not on the PATH.
FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
ATTEMPTS = 5
AFTER_US = 'read -r _; "$0" stop --pgdata="$1/data" --mode=immediate --wait >/dev/null 2>&1; rm -rf "$1"'


class PostgresUnavailableError(Exception):
    """No server can be started here; says why, and what to install."""


class PostgresServer:
    """A running server on a loopback port; its user is ``postgres``, with a password.

    Args:
        port: The TCP port.
        run: Runs one of the server's client programs and gives what it prints.
    """

    def __init__(self, port: int, run: _Programs) -> None:
        self.port = port
        self._run = run
        self._made = 0

    def new_database(self) -> str:
        """Make an empty database.

        Returns:
            Its URL, with user and password.
        """
        self._made += 1
        name = f"test_{self._made}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str = "postgres") -> str:
        """The URL of a database on this server."""
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement by ``psql``, and give its rows as lines."""
        where = ("--host=127.0.0.1", f"--port={self.port}", "--username=postgres", f"--dbname={database}")
        return self._run("psql", *where, "--no-psqlrc", "--tuples-only", "--no-align", f"--command={statement}")


@contextmanager
def temporary_postgres() -> Iterator[PostgresServer]:
    """Start a server in a temporary folder; stop and remove it afterwards.

    It does not wait for the disk (``fsync=off``): it outlives the clients that tests kill, and no power failure.

    Raises:
        PostgresUnavailableError: The programs are not there, or do not run.
    """
    folder = Path(tempfile.mkdtemp(prefix="roomkit-postgres-"))
    try:
        run = _Programs(_find_programs(), folder, _owner())
        data = folder / "data"
        (folder / "password").write_text(PASSWORD)
        shutil.chown(folder / "password", run.user)
        shutil.chown(folder, run.user)
        rules = ("--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--username=postgres")
        run("initdb", f"--pgdata={data}", *rules, "--encoding=UTF8", "--locale=C", "--no-sync")
        with run.cleaning_up_after_us():
            port = _start(run, data)
            try:
                yield PostgresServer(port, run)
            finally:
                run("pg_ctl", "stop", f"--pgdata={data}", "--mode=immediate", "--wait")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(run: _Programs, data: Path) -> int:
    """Start on a free port; another process may take it first, so try again with another."""
    for attempt in range(ATTEMPTS):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off -c max_connections=100"
        try:
            run("pg_ctl", "start", f"--pgdata={data}", f"--log={data}/server.log", f"--options={options}", "--wait")
            return port
        except PostgresUnavailableError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


class _Programs:
    """The server's programs, run as a user whom they accept."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self.user = user if user is not None else pwd.getpwuid(os.geteuid()).pw_name

    def __call__(self, program: str, *arguments: str) -> str:
        # Into a file, not a pipe: the server that pg_ctl leaves behind would hold the pipe open.
        with (self._folder / "output").open("w+b") as output:
            command = [str(self._programs / program), *arguments]
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    check=False,
                    **self._where(),
                )
            except OSError as error:
                raise PostgresUnavailableError(f"{program} cannot be run as user {self.user}: {error}") from error
            output.seek(0)
            text = output.read().decode("utf-8", "replace").strip()
        if done.returncode:
            raise PostgresUnavailableError(f"{program} failed with status {done.returncode}: {text}")
        return text

    @contextmanager
    def cleaning_up_after_us(self) -> Iterator[None]:
        """Should this process be killed, let another one stop the server and remove its folder.

        That one waits for its standard input to end, which it does when this process does, however it ends.
        """
        command = ["/bin/sh", "-c", AFTER_US, str(self._programs / "pg_ctl"), str(self._folder)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **self._where()) as waiting:
            try:
                yield
            finally:
                waiting.kill()

    def _where(self) -> dict[str, Any]:
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGPASSWORD": PASSWORD}
        where: dict[str, Any] = {"cwd": self._folder, "env": environment}
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            where |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return where


def _find_programs() -> Path:
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    for pattern in FOLDERS:
        folders += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    for folder in folders:
        if all((folder / program).exists() for program in ("initdb", "pg_ctl", "psql")):
            return folder
    raise PostgresUnavailableError(
        f"initdb, pg_ctl and psql are neither on the PATH nor in {', '.join(FOLDERS)}: install PostgreSQL "
        f"(Debian: apt-get install postgresql)"
    )


def _owner() -> str | None:
    """Whom to run as: the server refuses root. ``None`` is the current user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise PostgresUnavailableError("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
