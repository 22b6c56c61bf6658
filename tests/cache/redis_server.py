"""A Redis server of the tests' own, in a temporary directory, reached by a socket in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
import redis

_REQUIRED: Final = "CMATCH_REDIS"
"""In the environment as `required`: without a server the tests fail instead of being left out."""
_START_S: Final = 60.0


class RedisServer:
    """A server that can be killed and started again; it keeps nothing."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{directory}/redis.sock"

    def start(self) -> None:
        """Runs it, until it answers."""
        socket = self.url.removeprefix("unix://")
        words = ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", str(self._directory)]
        self._process = subprocess.Popen(
            [self._program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_S
        with redis.Redis.from_url(self.url) as client:
            while True:
                with suppress(redis.ConnectionError):
                    client.ping()
                    return
                assert time.monotonic() < deadline, "Redis did not start"
                time.sleep(0.02)

    def kill(self) -> None:
        """It is gone, at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running() -> Iterator[RedisServer]:
    """A server, while the block lasts."""
    program = shutil.which("redis-server")
    if program is None:
        missing = "there is no Redis: install Debian's package redis-server"
        if os.environ.get(_REQUIRED) == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="redis") as directory:  # sockets have short paths
        server = RedisServer(program, Path(directory))
        try:
            server.start()
            yield server
        finally:
            server.kill()
