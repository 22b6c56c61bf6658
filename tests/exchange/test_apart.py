"""Every participant of an order by itself: started, stopped and started again by its name."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exchange.runtime.registry import Registry
from tests.exchange.ports import free_ports
from tests.exchange.running import settings, until
from tests.gateway.door import ANN, SELL, Open, open_market
from tests.gateway.running import operator

# What `exchange run` calls them, and the service that each is.
PARTICIPANTS = {
    "orders": "orders",
    "accounts": "accounts",
    "risk": "risk",
    "matching": "matching",
    "trading-gateway": "gateway",
}
SHARD = 1


@dataclass
class Apart:
    """Processes that nobody watches over."""

    data: Path
    words: list[str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """One of them; waits until it says of itself that it is ready."""
        number = ["--shard", str(SHARD)] if name == "matching" else []
        with (self.data.parent / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "exchange.cli", "run", name, *number, *self.words],
                stdout=log,
                stderr=log,
            )

    def stop(self, name: str) -> None:
        """One of them, in order."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, (self.data.parent / f"{name}.log").read_text()[-2_000:]

    def is_ready(self, name: str, service: str) -> bool:
        """Whether the registry has a process as one that hosts a service."""
        there = Registry({}, self.data / "run" / "instances").instances(service)
        return self.processes[name].pid in {each.pid for each in there if each.ready}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Apart, Open]]:
    """All of them, and the replica, with a market that the shard matches."""
    (port,) = free_ports(1)
    data = tmp_path_factory.mktemp("apart") / "data"
    words = ["--data", str(data), *settings(
        "gateway.enabled=true", f"gateway.port={port}", "gateway.answer_timeout_ms=60000",
        "accounts.process=true", "risk.process=true", "matching.shards=1", "events.publish=false",
        "stages.proposal_timeout_ms=30000", "stages.heartbeat_timeout_ms=30000",
        "matching.heartbeat_timeout_ms=30000", "security.audit=false",
    )]  # fmt: skip
    made = Apart(data, words)
    try:
        for name in ("orders", "replica", "accounts", "risk", "matching", "trading-gateway"):
            made.start(name)
            if name == "orders":  # which makes the directories
                until((data / "run" / "orders.sock").exists, "the core did not start")
        until(lambda: made.is_ready("trading-gateway", "gateway"), "the gateway did not start")
        open_market(data)
        with operator(data) as client:
            assert client.admin.assign_shard("BTC-USD", SHARD).ok
        door = Open(data, port)
        door.add(ANN)
        yield made, door
    finally:
        for name in list(made.processes):
            made.processes[name].send_signal(signal.SIGTERM)
        for process in made.processes.values():
            process.wait(120)


def entered(door: Open) -> tuple[int, Any]:
    """An order by HTTP: its status, and what it is, or why it is none."""
    answer = door.ann.ask("POST", "/v1/orders", SELL)
    return answer.status, answer.body["orderStatus" if answer.status == 201 else "name"]


def test_participants_are_processes_of_their_own_that_know_each_other(apart: tuple[Apart, Open]) -> None:
    """Each service is found by its name in the registry, as the process that was started by it."""
    processes, door = apart
    for name, service in PARTICIPANTS.items():
        if name != "orders":  # it runs no thread that would say so
            until(partial(processes.is_ready, name, service), f"{name} is not there")
    assert len({each.pid for each in processes.processes.values()}) == len(PARTICIPANTS) + 1
    until(lambda: entered(door) == (201, "open"), "no order is taken")


@pytest.mark.req("A004", "C002")
@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("accounts", (503, "ACCOUNTS_UNAVAILABLE")),
        ("risk", (503, "RISK_UNAVAILABLE")),
        ("matching", (201, "pending_new")),
        ("orders", None),
        ("trading-gateway", None),
    ],
)
def test_participant_that_is_stopped_is_missed_and_started_again_by_its_name(
    apart: tuple[Apart, Open], name: str, without: tuple[int, str] | None
) -> None:
    """An order needs each of them: what it lacks is said by its code, and it passes when that is back."""
    processes, door = apart
    until(lambda: entered(door) == (201, "open"), "no order is taken")
    processes.stop(name)
    if without is not None:
        until(lambda: entered(door) == without, f"{name} is not missed")
    elif name == "trading-gateway":
        with pytest.raises(ConnectionRefusedError):
            entered(door)
    else:
        until(lambda: entered(door)[0] in {503, 504}, "the core is not missed")
    processes.start(name)

    def passes() -> bool:
        try:
            return entered(door) == (201, "open")
        except OSError:
            return False

    until(passes, f"{name} is not back")
