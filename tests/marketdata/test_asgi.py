"""Market data under uvicorn: the process that document 003's developer starts, beside a running exchange."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from exchange.runtime.registry import Registry
from tests.exchange.journals import Writer
from tests.exchange.ports import free_ports
from tests.exchange.running import SMALL, Up, until

VARIABLES = {
    f"EXCHANGE_{key.replace('.', '_').upper()}": value for key, value in (pair.split("=") for pair in SMALL)
}
PAGES = ("/api/v1/ohlcv/BTC-USD?periods=3", "/api/v1/ohlcv/NONE", "/api/v1/ohlcv/BTC-USD?periods=0", "/none")


@dataclass
class Uvicorn:
    """A `uvicorn exchange.asgi:market_data`.

    Args:
        data: The data directory of the exchange.
        port: Where it listens.
        process: Of the operating system.
    """

    data: Path
    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, data: Path, *words: str) -> Uvicorn:
        """Started, not yet ready."""
        (port,) = free_ports(1)
        command = [sys.executable, "-m", "uvicorn", "exchange.asgi:market_data", "--port", str(port), *words]
        environment = os.environ | VARIABLES | {"EXCHANGE_DATA_DIRECTORY": str(data)}
        with data.with_suffix(".uvicorn").open("ab") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        return cls(data, port, process)

    @property
    def log(self) -> str:
        """What all of them wrote."""
        return self.data.with_suffix(".uvicorn").read_text()

    def ask(self, path: str, method: str = "GET") -> httpx.Response | None:
        """The answer; None where nobody listens yet."""
        try:
            return httpx.request(
                method, f"http://127.0.0.1:{self.port}{path}", trust_env=False, timeout=60,
                headers={"X-Trace-ID": "t-1"},
            )  # fmt: skip
        except httpx.TransportError:
            assert self.process.poll() is None, self.log[-3_000:]
            return None

    def end(self) -> int:
        """Ends it in order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of an exchange that keeps no market data itself, and has traded."""
    place = tmp_path_factory.mktemp("asgi") / "data"
    writer = Writer(place / "journal")
    writer.open_market()
    writer.trade(3)
    writer.close()
    up = Up.start(place, "endpoints.metrics=127.0.0.1:0")
    try:
        until(up.announcement, "it did not start")
        yield place
    finally:
        up.end()


def test_uvicorn_serves_what_exchange_run_serves(data: Path) -> None:
    """The same process of the registry, the same pages; a second one is refused; it ends in order."""
    served = Uvicorn.start(data)
    try:
        until(lambda: (found := served.ask(PAGES[0])) and found.json().get("data"), "no candles")
        registry = Registry({}, data / "run" / "instances")
        until(lambda: registry.instances("marketdata"), "it is not in the registry")
        assert [each.pid for each in registry.instances("marketdata")] == [served.process.pid]
        health = served.ask("/health")
        assert health is not None
        assert health.json()["status"] == "healthy"
        assert 'exchange_process_up{process="marketdata"} 1' in (served.ask("/metrics") or health).text
        by_uvicorn = [told(served.ask(page)) for page in PAGES]
        assert [each[0] for each in by_uvicorn] == [200, 404, 400, 404]
        second = Uvicorn.start(data)
        assert second.process.wait(120) == 3  # uvicorn's: the application did not start
        assert f"marketdata runs already, as process {served.process.pid}" in second.log
        assert served.ask("/health/ready") is not None
    finally:
        code = served.end()
    # uvicorn ends as the signal says once it has shut down.
    assert (code, registry.instances("marketdata")) == (-signal.SIGTERM, [])
    assert "Application shutdown complete." in served.log
    (port,) = free_ports(1)
    words = ["run", "marketdata", "--data", str(data), "--set", f"endpoints.prices=127.0.0.1:{port}"]
    with data.with_suffix(".run").open("ab") as log:
        own = Uvicorn(data, port, subprocess.Popen(
            [sys.executable, "-m", "exchange.cli", *words, *(w for s in SMALL for w in ("--set", s))],
            stdout=log, stderr=log,
        ))  # fmt: skip
    try:
        until(lambda: (found := own.ask(PAGES[0])) and found.json().get("data"), "no candles")
        assert [told(own.ask(page)) for page in PAGES] == by_uvicorn
    finally:
        own.end()


def told(answer: httpx.Response | None) -> tuple[int, dict[str, str], str]:
    """An answer without what is the server's, and without the times of candles that move on."""
    assert answer is not None
    names = ("content-type", "cache-control", "x-trace-id")
    text = answer.text if answer.status_code != 200 else ",".join(sorted(answer.json()))
    return answer.status_code, {name: answer.headers[name] for name in names}, text
