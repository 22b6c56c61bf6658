"""An exchange to test clients against: in this program, or as the real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from exchange.client import Client
from exchange.embedded import Exchange
from tests.exchange.clients import Connector, WaitingClient

WAIT_S = 20.0


class World(Protocol):
    """An exchange, and the means to hurt it."""

    def client(self, name: str, **options: Any) -> Any:
        """A client; options as of `Client.connect`."""
        ...

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something has happened."""
        ...

    def kill_core(self) -> None:
        """Kill the core; it comes back from its journal."""
        ...

    def cut(self, name: str) -> None:
        """Break the connection of a client, which may come back."""
        ...

    def close(self) -> None:
        """End it all."""
        ...


class EmbeddedWorld:
    """`Exchange.embedded`."""

    def __init__(self, kind: str) -> None:
        self.exchange = Exchange.embedded()
        self._connector = Connector(kind)

    def client(self, name: str, **options: Any) -> Any:
        """A client of either kind."""

        async def make() -> Any:
            return self.exchange.async_client(name, **options)

        return self._connector.adopt(lambda: self.exchange.client(name, **options), make)

    def until(self, happened: Callable[[], bool]) -> None:
        """Let time pass until it has."""
        for _ in range(2_000):
            if happened():
                return
            self.exchange.clock.advance(seconds=0.01)
        raise AssertionError("it did not happen within 20 s")

    def kill_core(self) -> None:
        """Kill and restart."""
        self.exchange.crash()
        self.exchange.restart()

    def cut(self, name: str) -> None:
        """Break a connection."""
        self.exchange.link(name).cut()

    def close(self) -> None:
        """See that a replay gives what the live exchange is, then end it."""
        self.exchange.settle()
        self.exchange.replay()
        self._connector.close()
        self.exchange.close()


class ProcessWorld:
    """`exchange up`: a supervisor with a core and a replica."""

    def __init__(self, kind: str, directory: Path) -> None:
        self._directory = directory
        self._connector = Connector(kind)
        self._log = (directory / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "exchange.cli", "up", "--data", str(directory / "data"), "--metrics", ""],
            stdout=self._log,
            stderr=self._log,
        )
        self._run = directory / "data" / "run"
        probe = Client.connect(self._endpoint, tenant=0, name="probe", user="probe", connect_ms=60_000)
        probe.query.status()
        probe.close()

    def client(self, name: str, **options: Any) -> Any:
        """A client of either kind, over a socket."""
        options = {"user": "user", "tenant": 0, "timeout_ms": 30_000} | options
        return self._connector.connect(self._endpoint, name=name, **options)

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait until it has."""
        deadline = time.monotonic() + WAIT_S
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not happen within {WAIT_S} s")
            time.sleep(0.005)

    def kill_core(self) -> None:
        """Kill the core process; the supervisor starts another."""
        os.kill(self._pid("core"), signal.SIGKILL)

    def cut(self, name: str) -> None:
        """Break a connection."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop in an orderly way."""
        self._connector.close()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(60) == 0, (self._directory / "log").read_text()
        self._log.close()

    @property
    def _endpoint(self) -> str:
        return f"ipc://{self._run}/orders.sock"

    def _pid(self, name: str) -> int:
        import json

        return int(json.loads((self._run / "exchange.json").read_text())["processes"][name])


__all__ = ["EmbeddedWorld", "ProcessWorld", "WaitingClient", "World"]
