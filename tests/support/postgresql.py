"""A private PostgreSQL for tests: in a folder of its own, on a Unix socket, ended afterwards.

Use the fixtures by importing them: ``from support.postgresql import postgresql``.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

BINARIES = Path("/usr/lib/postgresql/15/bin")
ACCOUNT = "postgres"
"""The server refuses to run as root."""

START_MAX_S = 120.0


class PostgreSQL:
    """One cluster. ``start`` again after ``kill`` goes on with the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._as: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam(ACCOUNT)
            os.chown(folder, account.pw_uid, account.pw_gid)
            self._as = ["--reuid", ACCOUNT, "--regid", ACCOUNT, "--clear-groups"]
        self._run("initdb", "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-N")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._launch()
        deadline = time.monotonic() + START_MAX_S
        while True:
            try:
                psycopg.connect(self._dsn("postgres")).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.1)
                # It ends at once while processes of one that was killed still hold its memory.
                if self.process is not None and self.process.poll() is not None:
                    self._launch()
            else:
                return

    def _launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                # If the tests are killed, it goes too.
                [
                    *("setpriv", *self._as, "--pdeathsig", "INT", "--"),
                    *(str(BINARIES / "postgres"), "-D", str(self.folder / "data")),
                    *("-k", str(self.folder), "-h", "", "-F"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )

    def is_alive(self) -> bool:
        """Return whether the server runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End the server as a power cut would; its children end with it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End the server at once, with its data written."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(START_MAX_S)

    def new_database(self) -> str:
        """Create an empty database; return its URL."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def _dsn(self, database: str) -> str:
        return f"host={self.folder} user=postgres dbname={database}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            ["setpriv", *self._as, "--", str(BINARIES / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
        )


@contextmanager
def own_cluster() -> Iterator[PostgreSQL]:
    """Run a cluster that may be killed, because nobody else uses it."""
    # Not pytest's folder: the path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-pg-"))
    server = PostgreSQL(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A running cluster, the same for all tests."""
    with own_cluster() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database; a test that takes this runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database().replace("postgresql://", "postgresql+psycopg://")
