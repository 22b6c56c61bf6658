"""Port 8001: a price has its trade's time, and whatever is refused has one body."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any, cast

import httpx
import numpy as np
import pytest

from exchange.domain.contracts.marketdata import MarketTick
from exchange.domain.queries import BookTopReply, InstrumentRow, LevelRow, MarketCandleRow
from exchange.errors import RpcError, RpcStatus
from exchange.observability.asgi import PagesApp
from exchange.observability.server import PageServer
from exchange.runtime.vitals import Vitals
from exchange.schema.event_rows import ROW_DTYPES, EventList
from exchange.services.marketdata.board import Board
from exchange.services.marketdata.http import PricePages
from exchange.services.marketdata.server import MarketDataServer
from exchange.services.marketdata.venue import Venue

ROW = InstrumentRow(instrument_id=7, symbol="EUR/USD", price_scale=2, qty_scale=4)
NAMES = ["code", "name", "message", "transient"]


async def shown(symbol: str) -> tuple[MarketTick, InstrumentRow]:
    """Of one instrument."""
    if symbol != ROW.symbol:
        raise RpcError(RpcStatus.NOT_FOUND, f"there is no instrument {symbol!r}")
    return MarketTick(symbol=symbol, instrument_id=7, last_price=12_725, venue="exchange"), ROW


async def minutes(_: str, periods: int) -> tuple[tuple[MarketCandleRow, ...], InstrumentRow, int]:
    """As many as there are; three of them are old."""
    return tuple(MarketCandleRow(start_ns=each) for each in range(periods)), ROW, int(periods == 3)


@pytest.fixture(scope="module")
def pages() -> Iterator[PricePages]:
    """Whose loop runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield PricePages(loop, shown, minutes, Vitals("marketdata").pages)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def url(pages: PricePages) -> Iterator[str]:
    """Where they are served."""
    with PageServer(pages, ("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.port}"


REFUSED = [
    ("POST", "/api/v1/price/EUR%2FUSD", 405, "UNIMPLEMENTED"),
    ("PUT", "/health", 405, "UNIMPLEMENTED"),
    ("DELETE", "/metrics", 405, "UNIMPLEMENTED"),
    ("OPTIONS", "/", 405, "UNIMPLEMENTED"),
    ("GET", "/", 404, "UNIMPLEMENTED"),
    ("GET", "/api/v1/prices/BTC-USD", 404, "UNIMPLEMENTED"),
    ("GET", "/api/v1/price/NONE", 404, "NOT_FOUND"),
    ("GET", "/api/v1/price/", 404, "NOT_FOUND"),
    *(
        ("GET", f"/api/v1/ohlcv/EUR%2FUSD?{query}", 400, "INVALID_ARGUMENT")
        for query in (
            "periods=", "periods", "periods=0", "periods=1001", "periods=x", "periods=-1", "periods=1.5",
            "periods=5&periods=6", "periods=&periods=5", "periods=" + "9" * 5_000,
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status", "name"), REFUSED, ids=lambda value: str(value)[:40])
def test_all_that_is_refused_has_one_body(
    url: str, pages: PricePages, method: str, path: str, status: int, name: str
) -> None:
    """JSON, with a number, its name and a sentence; from our server and from another one."""
    answer = httpx.request(method, url + path, trust_env=False, timeout=60)

    async def mounted() -> httpx.Response:
        transport = httpx.ASGITransport(cast("Any", PagesApp(pages)))
        async with httpx.AsyncClient(transport=transport, base_url="http://other") as client:
            return await client.request(method, path)

    for each in (answer, asyncio.run(mounted())):
        assert each.status_code == status
        assert each.headers["content-type"] == "application/json"
        body = each.json()
        assert list(body) == NAMES
        assert (body["code"], body["name"]) == (RpcStatus[name], name)
        assert ("allow" in each.headers) is (status == 405)


def test_request_that_cannot_be_read_has_that_body_too(url: str) -> None:
    """What http.server refuses by itself."""
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=60)) as connection:
        connection.request("GET", "/" + "x" * 70_000)
        answer = connection.getresponse()
        assert (answer.status, list(json.loads(answer.read()))) == (414, NAMES)


def test_symbols_and_periods_are_as_they_were_asked_for(url: str) -> None:
    """Sixty where nothing is said."""
    assert httpx.get(f"{url}/api/v1/price/EUR%2FUSD", trust_env=False).json()["symbol"] == "EUR/USD"
    for query, count in (("", 60), ("?periods=1000", 1_000), ("?other=&periods=3", 3)):
        found = httpx.get(f"{url}/api/v1/ohlcv/EUR%2FUSD{query}", trust_env=False)
        assert (len(found.json()["data"]), found.headers.get("age")) == (count, "1" if count == 3 else None)


def test_price_has_the_time_of_its_trade(url: str) -> None:
    """Although a quote is newer, which a stream's tick has the time of."""
    board = Board(lambda _: ROW.symbol, lambda: 0)
    rows = np.zeros(1, ROW_DTYPES[EventList.TRADES])
    rows["trade_id"], rows["instrument_id"], rows["price"], rows["timestamp"] = 1, 7, 12_725, 1_000
    board.traded(rows)
    board.quoted({7: BookTopReply(ts_ns=5_000, bid=LevelRow(price=12_700, qty=1))})

    async def row(_: str) -> InstrumentRow:
        return ROW

    async def ask() -> MarketTick:
        server = MarketDataServer(cast("Any", None), cast("Venue", SimpleNamespace(row=row)), board, None)
        return (await server.shown(ROW.symbol))[0]

    tick = asyncio.run(ask())
    assert (tick.ts_ns, tick.last_price, board.tick(7).ts_ns) == (1_000, 12_725, 5_000)
