"""The quick start against a running exchange, and the recipes that go on from its market."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import blocks, outputs, printed, programs, run
from tests.exchange.ports import free_pair
from tests.exchange.running import Up, until
from tests.inbox.postgres import Server

PAGE = "quick-start.md"
BIN = Path(sys.executable).parent
LIMITS = [f"{who}_{what}" for who in ("key", "tenant", "ip") for what in ("per_s", "burst")]
CHANGES = re.compile(r"(?<=sequence )\d+|(?<=order )\d+|(?<=gk-)\w+|(?<=us-)\w+|(?<=once: )\w+")


def same(text: str) -> list[str]:
    """Lines without what is another one each time."""
    return [CHANGES.sub("#", line).rstrip() for line in text.splitlines()]


@dataclass
class QuickStart:
    """A reader of the page, beside an exchange that is theirs.

    Args:
        up: The exchange; its data directory is `exchange-data` of where the reader is.
        port: Of the first gateway.
    """

    up: Up
    port: int
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def here(self) -> Path:
        """Where the reader is."""
        return self.up.data.parent

    def moved(self, text: str) -> str:
        """With the ports of this exchange."""
        return text.replace(":8080", f":{self.port}").replace(":8081", f":{self.port + 1}")

    def type(self, command: str) -> str:
        """What a command of a page prints."""
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", self.moved(command)],
            cwd=self.here, env=os.environ | self.environment | {"PATH": f"{BIN}:{os.environ['PATH']}"},
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, program: str) -> list[str]:
        """What a program of a page prints."""
        return run(self.moved(program), cwd=self.here, environment=self.environment)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickStart]:
    """Who typed what the page says, up to the first order; with two gateways, as a recipe has them."""
    port = free_pair()
    up = Up.start(
        tmp_path_factory.mktemp("reader") / "exchange-data",
        "gateway.enabled=true", f"gateway.port={port}", "gateway.instances=2",
        "gateway.answer_timeout_ms=60000",
        "history.enabled=true", "market_data.enabled=true", "endpoints.metrics=127.0.0.1:0",
        *(f"gateway.{name}=1000000" for name in LIMITS),
    )  # fmt: skip
    try:
        until(up.announcement, "it did not start")
        made = QuickStart(up, port)
        for command, shown in commands():
            output = made.type(command)
            assert same(output) == same(shown), command
            if command.startswith("exchange apikeys"):
                key, secret = re.findall(r"gk-\w+|(?<=once: )\w+", output)
                made.environment = {"KEY": key, "SECRET": secret}
        for at in range(2):
            address = f"http://127.0.0.1:{port + at}/.well-known/jwks.json"
            until(partial(answers, address), f"{address} does not answer")
        yield made
    finally:
        up.end()


def commands() -> list[tuple[str, str]]:
    """Of the blocks of the page that show a console: each command, and what it prints there."""
    found = []
    for block in blocks(PAGE, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found.append((command, shown))
    return found


def answers_in(output: str) -> list[Any]:
    """JSON that follows on JSON."""
    found, at, decoder = [], 0, json.JSONDecoder()
    while at < len(output.rstrip()):
        value, at = decoder.raw_decode(output, at)
        found.append(value)
    return found


def answers(address: str) -> bool:
    """Whether something answers well there."""
    words = ["/usr/bin/env", "curl", "-sf", "-m", "30", address]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_quick_start_embedding_prints_what_it_says() -> None:
    """The eight lines."""
    assert run(programs(PAGE)[0]) == outputs(PAGE)[2].splitlines()


def test_quick_start_curl_trades(reader: QuickStart) -> None:
    """The offer is met, and the money has moved."""
    (script,) = blocks(PAGE, "sh", "# runs")
    book, order, balances = answers_in(reader.type(script))
    assert (book["bids"], book["asks"]) == ([], [{"price": "64000.00", "qty": "5.0000", "orders": 1}])
    assert (order["execType"], order["orderStatus"], order["account"]) == ("accepted", "open", 11)
    money = {each["asset"]: each["total"] for each in balances["balances"]}
    assert money["BTC"] == "0.20000000"
    assert money["USD"] == "87200.000000"


@pytest.mark.parametrize("number", [1, 2, 3], ids=["rest", "stream", "zeromq"])
def test_quick_start_client_prints_what_it_says(reader: QuickStart, number: int) -> None:
    """An order by each of the three clients."""
    program = programs(PAGE)[number]
    assert reader.run(program) == printed(program) != []


def test_two_gateways_are_one_exchange(reader: QuickStart) -> None:
    """The order of one is at the other, and the same again is the same order."""
    (program,) = programs("recipes/two-gateways.md")
    assert reader.run(program) == printed(program) != []


def test_journal_and_event_log_are_followed(reader: QuickStart) -> None:
    """The book as the core has it; each trade once, and none again to the same group."""
    journal, log = programs("recipes/follow.md")
    assert [line for line in reader.run(journal) if not line.startswith("at ")] == printed(journal) != []
    assert reader.run(log) == outputs("recipes/follow.md")[0].splitlines()
    assert reader.run(log) == []
    assert "report" in reader.type("exchange log topics")


def test_quick_start_ends_with_what_became_of_it(reader: QuickStart) -> None:
    """History, candles, events and status tell of the orders of the page."""
    (block,) = blocks(PAGE, "sh", "exchange history")
    history, candles, trades, status = block.splitlines()
    until(lambda: "filled" in reader.type(history), "the history does not have the orders")
    until(lambda: "64000.00" in reader.type(candles), "there is no candle")
    assert reader.type(trades).count('"TradeExecuted"') == 3
    assert "journal" in reader.type(status)


def test_stores_are_schemas_of_postgresql(postgres: Server, tmp_path: Path) -> None:
    """With the setting of the recipe the history's tables are there, and no file."""
    url = postgres.database()
    up = Up.start(
        tmp_path / "exchange-data",
        f"stores.url={url}",
        "history.enabled=true",
        "endpoints.metrics=127.0.0.1:0",
    )
    try:
        until(up.announcement, "it did not start")
        (program,) = programs("recipes/postgresql.md")

        def is_there() -> bool:
            assert up.process.poll() is None, up.log
            return run(program, environment={"STORES_URL": url}) == printed(program)

        until(is_there, "there is no schema of the history")
        assert list((up.data / "stores").glob("*.sqlite")) == []
    finally:
        up.end()
