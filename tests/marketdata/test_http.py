"""Document 003's contract, literally: prices and candles by HTTP, of an exchange that has a past."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from json import loads
from typing import Any, NamedTuple

import httpx
import pytest

from exchange.domain.intervals import MINUTE_NS
from tests.exchange.journals import ALICE, BOB, MARKET, Writer
from tests.exchange.ports import free_ports
from tests.exchange.running import Up, until

ZULU = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
# Minutes of the past, from the first: what was traded in them, as ticks and lots.
TRADED = {
    0: ((10_050, 300),),
    1: ((10_000, 100), (10_275, 50), (9_925, 5), (10_100, 45)),
    40: ((10_200, 10_000),),
}
MINUTES = 90


class Past(NamedTuple):
    """An exchange with prices by HTTP, and its first trade's minute."""

    url: str
    first: int


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Which began to trade an hour and a half ago, and has been quiet for 50 minutes."""
    data = tmp_path_factory.mktemp("past") / "data"
    writer = Writer(data / "journal")
    first = time.time_ns() // MINUTE_NS - MINUTES
    writer.now = (first - 1) * MINUTE_NS
    writer.open_market()
    orders = writer.make.orders
    for minute, trades in TRADED.items():
        writer.now = (first + minute) * MINUTE_NS
        for price, qty in trades:
            writer.write(orders.limit(MARKET, "sell", qty, price, account=ALICE))
            writer.write(orders.limit(MARKET, "buy", qty, price, account=BOB))
    writer.close()
    (port,) = free_ports(1)
    up = Up.start(data, "market_data.enabled=true", f"endpoints.prices=127.0.0.1:{port}")
    try:
        until(up.announcement, "it did not start")
        made = Past(f"http://127.0.0.1:{port}/api/v1", first)
        until(lambda: get(made, "/ohlcv/BTC-USD?periods=1000")["data"], "no candle came")
        yield made
    finally:
        up.end()


def get(past: Past, path: str) -> Any:
    """The body, whose numbers are Decimals and ints, and whose strings are strings."""
    with httpx.Client(trust_env=False, timeout=60) as http:
        answer = http.get(past.url + path)
    assert answer.headers["content-type"].startswith("application/json")
    return loads(answer.content, parse_float=Decimal)


def at(minute: int) -> str:
    """Its beginning, as the document writes times."""
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.req("D056", "D057")
def test_price_has_the_fields_of_the_document_and_no_others(past: Past) -> None:
    """A symbol, a number, a time with a Z, and whose price it is."""
    price = until(lambda: found if "price" in (found := get(past, "/price/BTC-USD")) else None, "no price")
    assert list(price) == ["symbol", "price", "timestamp", "source"]
    assert {name: type(value) for name, value in price.items()} == {
        "symbol": str,
        "price": Decimal,
        "timestamp": str,
        "source": str,
    }
    assert (price["symbol"], price["price"], price["source"]) == ("BTC-USD", Decimal("102.00"), "exchange")
    assert ZULU.fullmatch(price["timestamp"])


@pytest.mark.req("D058", "D059", "D060")
def test_candles_have_the_fields_of_the_document_and_are_as_many_as_were_asked_for(past: Past) -> None:
    """One-minute bars, sixty where nothing is said, the last of them this minute's; numbers, not strings."""

    def bars(query: str) -> list[dict[str, Any]]:
        """Of one minute, as it may end while it is asked."""

        def asked() -> Any:
            before = time.time_ns() // MINUTE_NS
            body = get(past, f"/ohlcv/BTC-USD{query}")
            return (body, before) if before == time.time_ns() // MINUTE_NS else None

        body, minute = until(asked, "no answer within a minute")
        assert list(body) == ["symbol", "data"]
        assert body["symbol"] == "BTC-USD"
        found: list[dict[str, Any]] = body["data"]
        wanted = [at(each) for each in range(minute - len(found) + 1, minute + 1)]
        assert [each["timestamp"] for each in found] == wanted
        names = ("open", "high", "low", "close", "volume")
        for each in found:
            assert list(each) == ["timestamp", *names]
            assert {type(each[name]) for name in names} == {Decimal}
        return found

    assert [len(bars(query)) for query in ("", "?periods=60", "?periods=1", "?periods=85")] == [60, 60, 1, 85]
    everything = bars("?periods=1000")  # from the first trade on
    assert everything[0]["timestamp"] == at(past.first)

    def values(minute: int) -> tuple[str, ...]:
        (found,) = [each for each in everything if each["timestamp"] == at(past.first + minute)]
        return tuple(str(found[name]) for name in ("open", "high", "low", "close", "volume"))

    assert values(0) == ("100.50", "100.50", "100.50", "100.50", "0.0300")
    assert values(1) == ("100.00", "102.75", "99.25", "101.00", "0.0200")
    assert values(2) == values(39) == ("101.00", "101.00", "101.00", "101.00", "0.0000")
    assert values(40) == ("102.00", "102.00", "102.00", "102.00", "1.0000")
    assert values(41) == values(MINUTES) == ("102.00", "102.00", "102.00", "102.00", "0.0000")
