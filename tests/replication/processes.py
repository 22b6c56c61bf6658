"""Exchanges as processes: a leader and its standby, each under its own supervisor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.client import Client
from tests.exchange.commands import Done, exchange
from tests.exchange.worlds import SMALL

_WAIT_S = 240.0
_PATIENT = "replication.timeout_ms=20000"  # nobody is given up because the machine has much to do


class Running:
    """One `exchange up` or `exchange standby`; its log is beside its data directory."""

    def __init__(self, data: Path, *words: str) -> None:
        self.data = data
        self.log = data.with_suffix(".log")
        settings = [word for pair in (*SMALL, "endpoints.metrics=", _PATIENT) for word in ("--set", pair)]
        command = [sys.executable, "-m", "exchange.cli", words[0], "--data", str(data), *settings, *words[1:]]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.until((data / "run" / "exchange.json").exists)

    @classmethod
    def leader(cls, data: Path, *words: str) -> Running:
        """Whose answers wait for a standby."""
        return cls(data, "up", "--set", "durability=replica", *words)

    @classmethod
    def standby(cls, data: Path, of: Path, *words: str) -> Running:
        """Which follows that one."""
        return cls(data, "standby", "--of", str(of), *words)

    def until(self, happened: Callable[[], bool]) -> None:
        """Waits until it has."""
        deadline = time.monotonic() + _WAIT_S
        while not happened():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.005)

    def said(self, words: str) -> bool:
        """Whether its log has these words."""
        return words in self.log.read_text()

    def client(self, name: str = "me", **options: Any) -> Client:
        """A client of it."""
        settings: dict[str, Any] = {
            "tenant": 0,
            "user": "me",
            "connect_ms": 60_000,
            "timeout_ms": 60_000,
            "heartbeat_ms": 30_000,
        } | options
        return Client.connect(f"ipc://{self.data}/run/orders.sock", name=name, **settings)

    def pid(self, process: str) -> int:
        """Of one of its processes."""
        content = json.loads((self.data / "run" / "exchange.json").read_text())
        return int(content["processes"][process])

    def is_there(self, process: str) -> bool:
        """Whether one of its processes runs, as it says."""
        pids = json.loads((self.data / "run" / "exchange.json").read_text())["processes"]
        return pids[process] is not None and Path(f"/proc/{pids[process]}").exists()

    def kill(self) -> None:
        """All of it, without warning: the machine is gone."""
        pids = [self.pid("core"), self.pid("replica")]
        self.process.kill()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """In order; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_WAIT_S)


def promote(data: Path) -> Done:
    """`exchange promote`, which may be refused."""
    return exchange("promote", str(data), check=None)


def open_market(operator: Client) -> None:
    """Two assets, an instrument, and an account with money."""
    answers = [
        operator.admin.define_asset(1, "A", 0),
        operator.admin.define_asset(2, "B", 0),
        operator.admin.define_instrument(
            1, "A-B", base="A", quote="B", price_scale=0, qty_scale=0, max_price=1_000
        ),
        operator.admin.open_account(1, tenant=5),
        operator.admin.deposit("A", 10_000, account=1),
    ]
    assert [answer for answer in answers if not answer.ok] == []
