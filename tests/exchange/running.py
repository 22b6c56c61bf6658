"""A real exchange in a directory of its own, under a supervisor; and how tests wait for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from tests.exchange.commands import exchange

SMALL = [
    "limits.segment_bytes=16777216",
    "limits.accounts=100",
    "limits.orders=1000",
    "limits.client_order_ids=1000",
    "events.publish=true",
]
START_S = 120.0


def settings(*pairs: str) -> list[str]:
    """Settings as words of a command line."""
    return [word for pair in (*SMALL, *pairs) for word in ("--set", pair)]


def fetch(url: str) -> bytes:
    """A page of the metrics server."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 (our own server)
            content: bytes = answer.read()
    except HTTPError as refused:  # health that is none has a page, too
        with refused:
            content = refused.read()
    return content


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of a condition of other processes."""
    deadline = time.monotonic() + START_S
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


@dataclass
class Up:
    """An `exchange up`."""

    data: Path
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, data: Path, *pairs: str) -> Up:
        """Started, not yet ready; on no port that is not asked for."""
        given = settings("endpoints.metrics=", *pairs)
        words = [sys.executable, "-m", "exchange.cli", "up", "--data", str(data), *given]
        with data.with_suffix(".log").open("a") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, text=True)
        return cls(data, process)

    @property
    def log(self) -> str:
        """What it wrote."""
        return self.data.with_suffix(".log").read_text()

    def announcement(self) -> dict[str, Any]:
        """What it says of itself; empty before it is ready."""
        try:
            content: dict[str, Any] = json.loads((self.data / "run" / "exchange.json").read_bytes())
        except FileNotFoundError:
            assert self.process.poll() is None, self.log[-3000:]
            return {}
        return content

    def say(self, *words: str, check: int | None = 0) -> str:
        """The output of a command about it."""
        return exchange(*words, "--data", str(self.data), *settings(), check=check).stdout

    def ask(self, *words: str) -> Any:
        """The same as data."""
        return json.loads(self.say(*words, "--json"))

    def stop(self) -> int:
        """Ends it in order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)

    def end(self) -> None:
        """Ends it, whatever became of it: none of its processes is left behind to disturb others."""
        try:
            if self.process.poll() is None:
                self.stop()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
