"""Orders that are held against what market data says the mark price is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from exchange.client import Client
from tests.exchange.ports import free_ports
from tests.exchange.running import Up, until
from tests.gateway.door import ANN, BUY, WAIT_MS, Open, open_market
from tests.gateway.signed import Answer
from tests.marketdata.other_venue import OtherVenue

MARKET, SYMBOL = 7, "BTC-USD"
PRICE = '"price":"131.375"'


@pytest.fixture(scope="module")
def other() -> Iterator[OtherVenue]:
    """Whose price is the index."""
    made = OtherVenue()
    yield made
    made.close()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, other: OtherVenue) -> Iterator[tuple[Up, Open]]:
    """A process each; the core is told marks."""
    (port,) = free_ports(1)
    data = tmp_path_factory.mktemp("edge") / "data"
    made = Up.start(
        data, "gateway.enabled=true", f"gateway.port={port}", "gateway.answer_timeout_ms=20000",
        "market_data.enabled=true", f"market_data.fallback_url={other.url}",
        f"market_data.index={SYMBOL}=coinbase", "risk.marks_ms=100",
    )  # fmt: skip
    try:
        until(made.announcement, "it did not start")
        open_market(data)
        door = Open(data, port)
        door.add(ANN)
        yield made, door
    finally:
        made.end()


def operator(up: Up) -> Client:
    """Of the venue."""
    client = Client.connect(
        f"ipc://{up.data}/run/orders.sock",
        tenant=0,
        name="desk",
        user="desk",
        timeout_ms=WAIT_MS,
        connect_ms=WAIT_MS,
    )
    client.load_instruments()
    return client


def mark_of(client: Client) -> int | None:
    """What the core has."""
    (row,) = client.ask(client.make.query.instruments(), WAIT_MS).instruments
    return row.mark


@pytest.mark.req("C017")
def test_orders_are_held_against_the_mark_of_market_data(up: tuple[Up, Open], other: OtherVenue) -> None:
    """A collar about it: what was beyond is within when the market has moved, and the other way round."""
    exchange, door = up

    def ordered(price: str) -> Answer:
        return door.ann.ask("POST", "/v1/orders", BUY | {"price": price, "qty": "0.01"})

    with operator(exchange) as client:
        assert client.admin.set_limits(instrument=SYMBOL, price_collar="10.00").ok
        until(lambda: mark_of(client) == 13_138, "the mark of market data did not come to the core")
        refused = ordered("141.39")
        assert (refused.status, refused.name) == (422, "PRICE_COLLAR")
        details = refused.body["details"]
        assert (details["limit"], details["asked"]) == ("1000", "1001")  # ticks beyond the mark
        assert ordered("141.38").status == 201

        other.ticker = OtherVenue.TICKER.replace(PRICE, '"price":"100.00"')
        until(lambda: mark_of(client) == 10_000, "the mark did not follow")
        assert ordered("141.38").name == "PRICE_COLLAR"
        assert ordered("110.00").status == 201

        # What is stale changes nothing: the core keeps the mark that it has.
        other.let(answer=False)
        until(lambda: client.market_data.mark_price(SYMBOL).stale, "the mark is not stale")
        assert mark_of(client) == 10_000
        other.let(answer=True)

        # An instrument that is defined anew begins without a mark, and has it again.
        assert door.ann.ask("DELETE", "/v1/orders").body["cancelled"] == 2
        before = client.admin.define_instrument(
            MARKET, SYMBOL, base="BTC", quote="USD", price_scale=2, qty_scale=4, taker_rate=1_000_000
        )
        assert before.ok
        until(lambda: mark_of(client) == 10_000, "the instrument has no mark any more")
        assert client.admin.set_limits(instrument=SYMBOL).ok

        # Killed, it takes up where the core is: a mark that is the same is not told again.
        killed = exchange.announcement()["processes"]["marks"]
        os.kill(killed, signal.SIGKILL)
        other.ticker = OtherVenue.TICKER
        until(lambda: mark_of(client) == 13_138, "nobody tells marks any more")
        assert exchange.announcement()["processes"]["marks"] != killed
