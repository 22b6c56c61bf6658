"""Document 003's client takes no answer for a price that is none: then it asks the venue that stands in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest

from exchange.client.prices import MarketDataClient, Price
from exchange.errors import RpcError, RpcStatus
from exchange.observability.server import Answer, PageServer, Request

BODY = {"symbol": "BTC-USD", "price": "45000.50", "timestamp": "2025-10-03T10:30:00Z", "source": "exchange"}
NOT_FOUND = '{"code": 6, "name": "NOT_FOUND", "message": "there is no instrument", "transient": false}'


class Both:
    """Market data, which answers what it is told to, and a venue that has every product at 7."""

    def __init__(self) -> None:
        self.answer = Answer(200, "application/json", "")
        self.asked: list[str] = []
        self._server = PageServer(self._page, ("127.0.0.1", 0))
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.port}"

    def _page(self, request: Request) -> Answer:
        self.asked.append(request.path)
        if not request.path.startswith("/products/"):
            return self.answer
        now = datetime.now(UTC).isoformat()
        return Answer(200, "application/json", json.dumps({"price": "7", "size": "1", "time": now}))

    def price(self, symbol: str = "BTC-USD") -> Price:
        """What the client makes of both."""

        async def run() -> Price:
            async with MarketDataClient(self.url, self.url) as client:
                return await client.get_price(symbol)

        return asyncio.run(run())

    def close(self) -> None:
        """Nobody is there any more."""
        self._server.close()


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    """One server."""
    made = Both()
    yield made
    made.close()


def said(**more: Any) -> str:
    """The body of a price."""
    return json.dumps(BODY | more)


ANSWERS = {
    "html": Answer(200, "text/html", "<html>"),
    "empty": Answer(200, "application/json", ""),
    "list": Answer(200, "application/json", "[]"),
    "deep": Answer(200, "application/json", "[" * 100_000),
    "moved": Answer(302, "text/html", "", (("Location", "/elsewhere"),)),
    "no content": Answer(204, "application/json", ""),
    "denied": Answer(401, "application/json", '{"error": "who are you"}'),
    "denied with a price": Answer(401, "application/json", said()),
    "busy": Answer(429, "application/json", '{"error": "later"}'),
    "wrong server": Answer(404, "text/html", "nginx"),
    "wrong page": Answer(404, "application/json", '{"error": "no such page"}'),
    "down": Answer(500, "application/json", said()),
    "age": Answer(200, "application/json", said(), (("Age", "soon"),)),
    "age below 0": Answer(200, "application/json", said(), (("Age", "-1"),)),
}
VALUES: tuple[dict[str, Any], ...] = (
    {"price": float("nan")},
    {"price": "NaN"},
    {"price": "Infinity"},
    {"price": -5},
    {"price": 0},
    {"price": "1E+400"},
    {"price": None},
    {"price": True},
    {"symbol": "ETH-USD"},
    {"source": None},
    {"timestamp": "soon"},
    {"timestamp": 5},
)


@pytest.mark.parametrize(
    "answer",
    [*ANSWERS.values(), *(Answer(200, "application/json", said(**each)) for each in VALUES)],
    ids=[*ANSWERS, *(str(each) for each in VALUES)],
)
def test_answer_that_is_no_price_is_as_none(both: Both, answer: Answer) -> None:
    """Whatever stands at that port."""
    both.answer = answer
    found = both.price()
    assert (found.symbol, found.price, found.source) == ("BTC-USD", Decimal(7), "coinbase")


def test_price_is_taken_as_it_was_said(both: Both) -> None:
    """With its age."""
    both.answer = Answer(200, "application/json", said(), (("Age", "4"),))
    assert both.price() == Price("BTC-USD", Decimal("45000.50"), 1_759_487_400_000_000_000, "exchange", 4)


def test_instrument_that_market_data_does_not_have_is_not_asked_for_elsewhere(both: Both) -> None:
    """It says so itself."""
    both.answer = Answer(404, "application/json", NOT_FOUND)
    with pytest.raises(RpcError) as caught:
        both.price()
    assert caught.value.code is RpcStatus.NOT_FOUND


@pytest.mark.parametrize("symbol", ["EUR/USD", "a?b=c", "a b", "ü", "a%2Fb", "../../x", "#"])
def test_symbol_is_one_part_of_the_path(both: Both, symbol: str) -> None:
    """Of market data's and the venue's."""
    both.answer = Answer(200, "application/json", said(symbol=symbol))
    assert both.price(symbol).symbol == symbol
    path = both.asked[-1].removeprefix("/api/v1/price/")
    assert (unquote(path), "/" in path) == (symbol, False)
    both.answer = ANSWERS["empty"]
    assert both.price(symbol).source == "coinbase"
    path = both.asked[-1].removeprefix("/products/").removesuffix("/ticker")
    assert (unquote(path), "/" in path) == (symbol, False)
