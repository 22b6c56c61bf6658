"""Document 003's services as deploy/compose.yaml has them: its words are read, its commands are run.

There is no Docker here. The commands run as plain processes of this machine, with the volume of this test and
an address of the loopback network for the host; the ports are those of the file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from unittest import mock

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from exchange.cli.common import settings_of
from exchange.client.prices import MarketDataClient, Price
from exchange.config import Settings
from exchange.domain.intervals import MINUTE_NS
from exchange.errors import ServiceUnavailableError
from tests.cache import redis_server
from tests.exchange.journals import ALICE, BOB, MARKET, Writer
from tests.exchange.ports import free_address
from tests.exchange.running import SMALL, START_S, until

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "deploy" / "compose.yaml"
HOST, PORT = "market-data", 8001  # of the document
METRICS: Final = 9464
SMALLER: Final = {
    f"EXCHANGE_{key.replace('.', '_').upper()}": value
    for key, value in (pair.split("=") for pair in SMALL if pair.startswith("limits."))
}


def services() -> dict[str, Any]:
    """Those of the file."""
    read: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return read


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """What a service finds in its environment."""
    return dict(pair.split("=", 1) for pair in service["environment"])


def meant(service: dict[str, Any]) -> tuple[argparse.Namespace, Settings]:
    """What the command line makes of a service's command and environment."""
    program, name, *words = service["command"]
    assert program == "exchange"
    parser = argparse.ArgumentParser()
    import_module(f"exchange.cli.{name}").add_arguments(parser)
    options = parser.parse_args(words)
    with mock.patch.dict(os.environ, environment_of(service), clear=True):
        return options, settings_of(options)


@pytest.mark.req("D001", "D047")
def test_file_says_what_the_document_and_the_command_line_say() -> None:
    """Names, ports and variables are those of the document, and every word is one that we take."""
    there = services()
    assert list(there) == ["exchange", HOST, "redis"]
    assert {name: each["ports"] for name, each in there.items()} == {
        "exchange": [f"{METRICS}:{METRICS}"],
        HOST: [f"{PORT}:{PORT}"],
        "redis": ["6379:6379"],
    }
    market = there[HOST]
    assert environment_of(market)["REDIS_URL"] == "redis://redis:6379"
    assert environment_of(market)["COINBASE_API_URL"] == "https://api.exchange.coinbase.com"
    options, settings = meant(market)
    assert (options.process, options.set) == (HOST, ["profile=four-services"])
    assert settings.market_data.enabled
    assert settings.endpoints.prices == f"0.0.0.0:{PORT}"  # in a container others have to reach it
    assert settings.cache.url == environment_of(market)["REDIS_URL"]
    assert settings.market_data.fallback_url == environment_of(market)["COINBASE_API_URL"]
    _, core = meant(there["exchange"])
    assert core.events.publish
    assert not core.market_data.enabled  # it has a container of its own
    assert core.endpoints.metrics == f"0.0.0.0:{METRICS}"
    assert core.data_directory == settings.data_directory == Path("/data")
    assert there["exchange"]["volumes"] == market["volumes"] == ["data:/data"]
    for name, needs in market["depends_on"].items():
        assert needs == {"condition": "service_healthy"}
        assert there[name]["healthcheck"]["test"][0] == "CMD"


def test_image_has_what_its_services_need() -> None:
    """It is made with extras that there are, by an interpreter that will do, of files that are sent to it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    extras = set(re.findall(r"\[([\w,]+)\]", text))
    assert extras == {"gateway,redis"}
    assert {"gateway", "redis"} < set(project["optional-dependencies"])
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"python:3.12-slim-bookworm"}
    sent = re.findall(r"^!(\S+)$", (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert [name for name in sent if not (ROOT / name).exists()] == []
    assert {"CMakeLists.txt", "pyproject.toml", "python", "src", "bindings"} < set(sent)
    for name in ("exchange", HOST):
        assert services()[name]["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}


@dataclass
class Composed:
    """The services of the file as processes of this machine.

    Args:
        place: What stands for the volume and the logs.
        redis: The address of a server.
        address: Of the host.
    """

    place: Path
    redis: str
    address: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """A word of the file as it is on this machine."""
        text = text.replace("/data", str(self.place / "data")).replace("redis://redis:6379", self.redis)
        # Of another venue there is none here, and nobody else may come in by the ports.
        text = text.replace("https://api.exchange.coinbase.com", "http://127.0.0.1:1")
        return re.sub(r"(?:0\.0\.0\.0|localhost)(?=:\d)", self.address, text)

    def words(self, words: list[str]) -> list[str]:
        """A command of the file."""
        return [str(Path(sys.executable).parent / words[0]), *map(self.here, words[1:])]

    def environment(self, service: dict[str, Any]) -> dict[str, str]:
        """Of a service, and sizes that suit a test."""
        said = {name: self.here(value) for name, value in environment_of(service).items()}
        return {"PATH": os.environ["PATH"], "HOME": str(self.place)} | said | SMALLER

    def start(self, name: str) -> None:
        """A service and, before it, those that it needs; each until its health check passes."""
        service = services()[name]
        for needed in service.get("depends_on", ()):
            if needed not in self.processes and needed != "redis":
                self.start(needed)
        with (self.place / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                self.words(service["command"]), env=self.environment(service), stdout=log, stderr=log
            )
        until(lambda: self.is_healthy(name), f"{name} is not healthy")

    def is_healthy(self, name: str) -> bool:
        """Whether the health check of the file passes."""
        assert self.processes[name].poll() is None, (self.place / f"{name}.log").read_text()[-3_000:]
        service = services()[name]
        check = self.words(service["healthcheck"]["test"][1:])
        done = subprocess.run(
            check, env=self.environment(service), capture_output=True, timeout=START_S, check=False
        )
        return done.returncode == 0

    def stop(self) -> None:
        """All of them, in the opposite order."""
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
            process.wait(120)


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The services of the file, with a market that traded two minutes ago."""
    place = tmp_path_factory.mktemp("composed")
    writer = Writer(place / "data" / "journal")
    writer.now = (time.time_ns() // MINUTE_NS - 2) * MINUTE_NS
    writer.open_market()
    orders = writer.make.orders
    writer.write(orders.limit(MARKET, "sell", 300, 10_050, account=ALICE))
    writer.write(orders.limit(MARKET, "buy", 300, 10_050, account=BOB))
    writer.close()
    with redis_server.running() as redis:
        made = Composed(place, redis.url, free_address(PORT, METRICS))
        try:
            made.start(HOST)
            yield made
        finally:
            made.stop()


@pytest.fixture
def names(composed: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Host names of the file lead to the processes of this machine."""
    ask = socket.getaddrinfo

    def looked_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in services():
            return ask(composed.address, port, *args, **kwargs)
        return ask(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


@pytest.mark.req("D010", "C003")
@pytest.mark.usefixtures("names")
def test_candles_are_asked_for_as_the_document_does() -> None:
    """`GET http://market-data:8001/api/v1/ohlcv/{symbol}` within five seconds; so does the client."""

    async def get_market_data(symbol: str) -> Any:
        async with httpx.AsyncClient(trust_env=False) as http:
            response = await http.get(f"http://market-data:8001/api/v1/ohlcv/{symbol}", timeout=5.0)
        return response.json()

    def asked() -> Any:
        body = asyncio.run(get_market_data("BTC-USD"))
        return body if body.get("data") else None

    body = until(asked, "no candle came")
    assert list(body) == ["symbol", "data"]
    assert body["symbol"] == "BTC-USD"
    first = body["data"][0]
    names = ["open", "high", "low", "close"]
    assert list(first) == ["timestamp", *names, "volume"]
    assert ([first[name] for name in names], first["volume"]) == ([100.5] * 4, 0.03)

    async def price() -> Price | None:
        async with MarketDataClient(f"http://{HOST}:{PORT}", "http://127.0.0.1:1") as market:
            with suppress(ServiceUnavailableError):
                return await market.get_price("BTC-USD")
        return None

    said = until(lambda: asyncio.run(price()), "no price came")
    assert (said.symbol, str(said.price), said.source) == ("BTC-USD", "100.50", "exchange")
