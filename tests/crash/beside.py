"""A process beside the core on a data directory: started, killed, stopped for a while under load."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from cmatch._core import LoadGenerator, ReportReader
from exchange.bench.flow import Load, Planned, plan_load
from exchange.bench.market import Market
from tests.crash.lives import LIMITS, SEGMENT_BYTES

_WAIT_S = 240.0


class Beside:
    """The process of a shard or a stage; one life after the other.

    Args:
        directory: The data directory.
        process: As in `exchange run PROCESS`.
        number: Of a shard; else 0.
        settings: Of the exchange, as `--set` takes them.
    """

    def __init__(self, directory: Path, process: str, number: int, settings: tuple[str, ...]) -> None:
        self.name = f"{process}-{number}" if number else process
        self._status = directory / "run" / f"{self.name}.json"
        self._path = directory / f"{self.name}.log"
        self._log = self._path.open("ab")
        words = [sys.executable, "-m", "exchange.cli", "run", process, "--shard", str(number)]
        pairs = [f"limits.segment_bytes={SEGMENT_BYTES}", *settings]
        pairs += [f"limits.{name}={value}" for name, value in LIMITS.items()]
        self._words = [
            *words,
            "--data",
            str(directory),
            *(word for pair in pairs for word in ("--set", pair)),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def told(self) -> str:
        """The end of its log."""
        return self._path.read_text()[-500:]

    def start(self) -> None:
        """Starts it; returns once it follows."""
        self.launch()
        self.wait_until_it_follows()

    def launch(self) -> None:
        """Starts it; it is not waited for."""
        self._process = subprocess.Popen(self._words, stdout=self._log, stderr=self._log)

    def wait_until_it_follows(self) -> None:
        """Returns once it said so, and the core hears it."""
        assert self._process is not None
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            status = json.loads(self._status.read_bytes()) if self._status.exists() else {}
            if status.get("pid") == self._process.pid and status["logged_on"]:
                return
            time.sleep(0.02)
        raise AssertionError(self.told)

    def strike(self, kind: str, pause_s: float) -> None:
        """Kills it and starts another after a pause, or stops it for so long."""
        assert self._process is not None
        if kind == "kill":
            self._process.kill()
            self._process.wait()
            time.sleep(pause_s)
            self.launch()
            return
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(pause_s)
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> int:
        """Ends it in order; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(_WAIT_S)
        self._log.close()
        return code


def strike_under_load(
    market: Market, load: Load, victim: Beside, choose: random.Random
) -> tuple[Planned, ReportReader, LoadGenerator]:
    """Sends a load while one process is killed or stopped; what was sent, what came of it, who sent it."""
    planned = plan_load(load)
    kind = choose.choice(["kill", "stop"])
    after_s, pause_s = choose.uniform(0.1, 1.0), choose.uniform(0.05, 1.0)

    def strike() -> None:
        time.sleep(after_s)
        victim.strike(kind, pause_s)

    hand = threading.Thread(target=strike)
    hand.start()
    generator = LoadGenerator([socket.underlying for socket in market.sockets], owner=market.sockets)
    reader = ReportReader()
    generator.run(
        planned.plan, planned.arena, reader, linger_ns=30_000_000_000
    )  # at most: until all is answered
    hand.join()
    victim.wait_until_it_follows()
    market.beat()
    return planned, reader, generator
