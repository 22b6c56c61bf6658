"""An exchange with a gateway, in one process, for the tests of those who use it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from exchange.client import Client
from exchange.runtime.registry import Registry
from tests.exchange.ports import free_ports
from tests.exchange.running import Up, settings, until
from tests.gateway.door import WAIT_MS, Open, open_market

LARGE = tuple(
    f"gateway.{who}_{what}=1000000" for who in ("key", "tenant", "ip") for what in ("per_s", "burst")
)


@contextlib.contextmanager
def running(data: Path, *pairs: str) -> Iterator[Open]:
    """It runs with history and market data while the block does, and ends well.

    Args:
        data: Its directory.
        pairs: Further settings.
    """
    (port,) = free_ports(1)
    words = [sys.executable, "-m", "exchange.cli", "up", "--all-in-one", "--data", str(data)]
    words += settings(
        "gateway.enabled=true", f"gateway.port={port}", "gateway.answer_timeout_ms=60000",
        "gateway.operator_tenant=1",
        "history.enabled=true", "market_data.enabled=true", "endpoints.metrics=", *pairs,
    )  # fmt: skip
    data.parent.mkdir(parents=True, exist_ok=True)
    with data.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        registry = Registry({}, data / "run" / "instances")
        until(lambda: [each.ready for each in registry.instances("gateway")] == [True], "it did not start")
        open_market(data)
        yield Open(data, port)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(120)
    assert code == 0, data.with_suffix(".log").read_text()[-3000:]


@contextlib.contextmanager
def watched(data: Path, *pairs: str) -> Iterator[tuple[Up, Open]]:
    """It runs under a supervisor while the block does: the gateway is a process of its own.

    Args:
        data: Its directory.
        pairs: Further settings.
    """
    (port,) = free_ports(1)
    up = Up.start(
        data, "gateway.enabled=true", f"gateway.port={port}", "security.audit=false", "endpoints.metrics=",
        *LARGE, *pairs,
    )  # fmt: skip
    try:
        until(up.announcement, "it did not start")
        open_market(data)
        yield up, Open(data, port)
    finally:
        up.end()


@contextlib.contextmanager
def operator(data: Path) -> Iterator[Client]:
    """Who may change and stop all of it, past the gateway."""
    with Client.connect(
        f"ipc://{data}/run/orders.sock", tenant=0, name="op", user="op", timeout_ms=WAIT_MS,
        connect_ms=WAIT_MS,
    ) as client:  # fmt: skip
        client.load_instruments()
        yield client
