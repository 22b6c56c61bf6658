"""A PostgreSQL server of the tests' own, in a temporary directory, reached by a socket in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import create_engine, text

_USER: Final = "postgres"
_REQUIRED: Final = "CMATCH_POSTGRES"
"""In the environment as `required`: without a server the tests fail instead of being left out."""


def binaries() -> Path | None:
    """Where the newest server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


class Server:
    """A running server; `url` is of a new database each time."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._directory = directory
        self._count = 0
        # It refuses to run as root; Debian's package made a user for it.
        self._as = {"user": _USER, "group": _USER} if os.geteuid() == 0 else {}

    def make(self) -> None:
        """Makes its files. The tests kill clients, never the machine: no need to wait for the disk."""
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={_USER}", "--no-sync"]
        self._run("initdb", "-D", str(self._data), *options)
        with (self._data / "postgresql.conf").open("a", encoding="ascii") as file:
            file.write(
                f"listen_addresses = ''\nunix_socket_directories = '{self._directory}'\n"
                "fsync = off\nshared_buffers = 16MB\nmax_connections = 40\n"
            )

    def start(self) -> None:
        """Runs it."""
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._directory / "log"), "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Ends it; `immediate` is a crash."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def database(self) -> str:
        """The URL of a new database."""
        self._count += 1
        name = f"test{os.getpid()}_{self._count}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
        finally:
            engine.dispose()
        return self._url(name, "postgresql")

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def _url(self, database: str, driver: str = "postgresql+psycopg") -> str:
        return f"{driver}://{_USER}@/{database}?host={self._directory}"

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            cwd=self._directory,
            check=False,
            **self._as,  # type: ignore[call-overload]
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {(done.stderr or b'').decode()}")


@contextmanager
def running() -> Iterator[Server]:
    """A server, while the block lasts."""
    programs = binaries()
    if programs is None:
        if os.environ.get(_REQUIRED) == "required":
            pytest.fail("there is no PostgreSQL: install Debian's package postgresql")
        pytest.skip("there is no PostgreSQL: install Debian's package postgresql")
    with tempfile.TemporaryDirectory(prefix="pg") as directory:  # sockets have short paths
        root = Path(directory)
        if os.geteuid() == 0:
            shutil.chown(root, _USER, _USER)
        server = Server(programs, root)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
