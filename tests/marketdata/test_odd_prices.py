"""What another venue says is as old as its trade; what is odd is no price."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from exchange.client.coinbase import CoinbaseClient, VenueTicker
from exchange.client.coinbase_feed import ProductFeed, message_of
from exchange.config.index_sources import index_sources
from exchange.domain.contracts.marketdata import GetMarkPriceRequest, MarketTick, MarkPrice
from exchange.domain.enums import PriceSourceState
from exchange.domain.intervals import SECOND_NS
from exchange.domain.prices import IndexRules
from exchange.domain.queries import InstrumentRow
from exchange.errors import ServiceUnavailableError, WireError
from exchange.resilience import Policies
from exchange.schema.codec import decode_message, encode_message
from exchange.services.marketdata.fallback import Fallback
from exchange.services.marketdata.pricing import PriceServer
from tests.marketdata.other_stream import ticker

ROW = InstrumentRow(instrument_id=7, symbol="BTC-USD", price_scale=2, qty_scale=4)
DAY_S = 86_400
SAID = {"price": "131.375", "size": "0.0025", "bid": "131.25", "ask": "131.50"}


class Other:
    """A venue that says what it is given."""

    def __init__(self, price: str, age_s: float = 0.0, **more: Decimal) -> None:
        self.said = VenueTicker(
            ROW.symbol,
            Decimal(price),
            more.get("qty", Decimal("0.5")),
            more.get("bid"),
            more.get("ask"),
            time.time_ns() - round(age_s * SECOND_NS),
        )

    async def ticker(self, _: str) -> VenueTicker:
        """The same."""
        return self.said

    async def close(self) -> None:
        """Nothing."""


def marked(other: Other) -> MarkPrice:
    """The mark of that venue and a price that the settings say, 131.25, as it comes to a client."""

    async def known(_: str) -> InstrumentRow:
        return ROW

    async def run() -> MarkPrice:
        sources = index_sources("BTC-USD=coinbase*3+static:131.25")
        server = PriceServer(sources, IndexRules(), known, lambda _: None, lambda _: None, Fallback(other))
        sampling = asyncio.create_task(server.run())
        try:
            await asyncio.sleep(0.05)
            call: Any = None
            mark = await server.mark(GetMarkPriceRequest(symbol=ROW.symbol), call)
            return decode_message(MarkPrice, encode_message(mark))
        finally:
            sampling.cancel()

    return asyncio.run(run())


@pytest.mark.parametrize("price", ["999999999999999999", "92233720368.54775808", "0.001", "0.0099"])
def test_price_that_does_not_fit_is_none_of_that_source(price: str) -> None:
    """The others make the mark, and it can be told."""
    mark = marked(Other(price))
    assert (mark.mark_price, mark.stale) == (13_125, False)
    assert [each.state for each in mark.sources] == [PriceSourceState.ABSENT, PriceSourceState.USED]
    assert mark.sources[0].micro_ticks == 0


@pytest.mark.parametrize("price", ["0.01", "92233720368.54775807"])
def test_smallest_and_largest_price_count(price: str) -> None:
    """A tick, and what a message just has room for."""
    mark = marked(Other(price))
    assert mark.sources[0].micro_ticks == Decimal(price).scaleb(8)
    assert mark.sources[0].state is PriceSourceState.USED


def test_source_is_as_old_as_the_trade_of_the_venue() -> None:
    """It answers with a price of yesterday: that is none of now. A clock that is ahead makes none younger."""
    mark = marked(Other("140.00", age_s=DAY_S))
    assert mark.mark_price == 13_125
    assert mark.sources[0].state is PriceSourceState.STALE
    assert DAY_S * SECOND_NS <= mark.sources[0].age_ns < (DAY_S + 60) * SECOND_NS
    mark = marked(Other("140.00", age_s=-20))
    assert (mark.mark_price, mark.sources[0].state) == (14_000, PriceSourceState.USED)
    assert mark.sources[0].age_ns < 20 * SECOND_NS


def shown(other: Other) -> MarketTick:
    """What stands in, as it comes to a client."""
    return decode_message(MarketTick, encode_message(asyncio.run(Fallback(other).tick(ROW, 3))))


def test_tick_of_another_venue_is_as_old_as_its_trade() -> None:
    """Live while that is a moment ago."""
    tick = shown(Other("140.00"))
    assert (tick.stale, tick.age_ns, tick.last_price) == (False, 0, 14_000)
    tick = shown(Other("140.00", age_s=DAY_S))
    assert (tick.stale, tick.last_price) == (True, 14_000)
    assert DAY_S * SECOND_NS <= tick.age_ns < (DAY_S + 60) * SECOND_NS


def test_tick_has_what_fits() -> None:
    """Without a price there is none; without a quote there is no quote."""
    huge, tiny = Decimal(999999999999999999), Decimal("0.001")
    tick = shown(Other("140.00", bid=tiny, ask=huge))
    assert (tick.bid_price, tick.ask_price, tick.last_price) == (None, None, 14_000)
    for other in (Other(str(huge)), Other(str(tiny)), Other("1", qty=huge)):
        with pytest.raises(ServiceUnavailableError, match="is no tick"):
            shown(other)


def asked(**said: object) -> VenueTicker:
    """What the client of the venue makes of an answer."""
    now = datetime.now(UTC).isoformat()
    body = json.dumps(SAID | {"time": now} | said)

    async def run() -> VenueTicker:
        client = CoinbaseClient("http://other", Policies().of("client", "coinbase"))
        await client._http.aclose()
        transport = httpx.MockTransport(lambda _: httpx.Response(200, text=body))
        client._http = httpx.AsyncClient(base_url="http://other", transport=transport)
        try:
            return await client.ticker(ROW.symbol)
        finally:
            await client.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    "said",
    [
        {"bid": "-5"},
        {"ask": "-0.01"},
        {"ask": "131.24"},
        {"bid": "NaN"},
        {"time": "2099-01-01T00:00:00Z"},
        {"time": "9999-12-31T23:59:59Z"},
        {"time": "1969-12-31T23:59:59Z"},
        {"time": "0001-01-01T00:00:00Z"},
    ],
)
def test_odd_answer_of_the_venue_is_no_ticker(said: dict[str, object]) -> None:
    """Quotes below 0 or crossed, and times that are not yet, or were before 1970."""
    with pytest.raises(WireError, match="no ticker of BTC-USD"):
        asked(**said)


def test_side_that_is_empty_is_none() -> None:
    """It may be left out, empty, or 0; a price may stand on both sides."""
    for empty in ("", "0", "0.00", None):
        assert (asked(bid=empty).bid, asked(ask=empty).ask) == (None, None)
    assert asked(bid="131.50").bid == asked(bid="131.50").ask


def test_feed_has_no_quotes_below_zero() -> None:
    """As the answers to questions."""
    with pytest.raises(WireError, match="no ticker of BTC-USD"):
        ProductFeed(ROW.symbol).take(message_of(ticker().replace('"131.25"', '"-131.25"')))
