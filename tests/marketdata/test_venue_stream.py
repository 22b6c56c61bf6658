"""Another venue's WebSocket feed: its messages folded, and connections that break in every way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.client import coinbase_feed
from exchange.client.coinbase import VenueTicker
from exchange.client.coinbase_feed import FeedParted, ProductFeed, message_of
from exchange.client.coinbase_stream import CoinbaseStream
from exchange.config import load
from exchange.errors import ConfigError, ExchangeError, RpcError, RpcStatus, WireError
from exchange.services.marketdata.fallback import Fallback
from tests.marketdata.other_stream import BOOK, GREETING, SUBSCRIBED, OtherStream, heartbeat, ticker, update

SYMBOL = "BTC-USD"
LIVE = VenueTicker(
    SYMBOL,
    Decimal("131.375"),
    Decimal("0.0025"),
    Decimal("131.25"),
    Decimal("131.50"),
    1_759_487_400_250_000_000,
)
LIMIT_S = 60.0
PRICES = st.integers(1, 12).map(str)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), PRICES, st.integers(0, 3).map(str)), max_size=8
)


def fed(*texts: str) -> ProductFeed:
    """A feed that was told these."""
    feed = ProductFeed(SYMBOL)
    for text in texts:
        feed.take(message_of(text))
    return feed


@given(st.lists(CHANGES, max_size=8))
def test_book_is_what_was_told_last_of_each_price(told: list[list[tuple[str, str, str]]]) -> None:
    """Its best prices are the ticker's; where a side is empty there is none."""
    plain: dict[str, dict[str, str]] = {"buy": {"131.25": "1", "131.00": "2"}, "sell": {"131.50": "1"}}
    begin: dict[str, Any] = {"type": "snapshot", "product_id": SYMBOL}
    begin |= {"bids": [*plain["buy"].items()], "asks": [*plain["sell"].items()]}
    feed = fed(ticker(), json.dumps(begin), *(update(*changes) for changes in told))
    for changes in told:
        for side, price, qty in changes:
            plain[side][price] = qty
    for side, name, sign in (("buy", "bids", -1), ("sell", "asks", 1)):
        wanted = [(Decimal(price), Decimal(qty)) for price, qty in plain[side].items() if qty != "0"]
        assert feed.levels(name) == sorted(wanted, key=lambda level: sign * level[0])
    assert feed.ticker is not None
    assert feed.ticker.bid == (feed.levels("bids")[0][0] if feed.levels("bids") else None)
    assert feed.ticker.ask == (feed.levels("asks")[0][0] if feed.levels("asks") else None)


def test_ticker_is_the_newest_whatever_order_they_come_in() -> None:
    """Before the book it has the venue's own best prices; a kind that is new says nothing."""
    assert ProductFeed(SYMBOL).ticker is None
    assert fed(ticker()).ticker == LIVE
    feed = fed(ticker("140", sequence=9, trade_id=9), ticker("139", sequence=8, trade_id=8), BOOK)
    assert feed.ticker is not None
    assert feed.ticker.price == 140
    feed.take({"type": "auction", "product_id": SYMBOL})
    assert feed.ticker.price == 140


def test_trade_that_two_heartbeats_lack_is_a_gap() -> None:
    """One may be under way; so may the first ticker."""
    fed(heartbeat(7), heartbeat(8), ticker(trade_id=8, sequence=1), heartbeat(8))
    feed = fed(ticker(trade_id=8, sequence=1), heartbeat(9), ticker(trade_id=9, sequence=2), heartbeat(10))
    with pytest.raises(FeedParted, match="trade 10 of BTC-USD did not come"):
        feed.take(message_of(heartbeat(10)))
    with pytest.raises(FeedParted, match="changes before it began"):
        fed(update(("buy", "1", "1")))
    with pytest.raises(FeedParted, match="not a valid product"):
        message_of('{"type":"error","message":"Failed to subscribe","reason":"X is not a valid product"}')


BAD = (
    "", "no JSON", "[]", "{}", '{"type":7}', "[" * 100_000, '{"type":"ticker","product_id":"BTC-USD"}',
    ticker("NaN"), ticker("-1"), ticker("0"), ticker("1E+999999"), ticker(trade_id=-1),
    ticker().replace('"131.25"', "[1]"), ticker().replace("Z", ""), ticker().replace("37475248783", "NaN"),
    ticker().replace("37475248783", "9" * 5_000), heartbeat(1).replace("1,", "true,", 1),
    BOOK.replace('"132.00", "1"', '"132.00"'), BOOK.replace("132.00", "-1"), BOOK.replace("asks", "x"),
    update(("hold", "1", "1")), update(("buy", "1", "-1")), update(("buy", "x", "1")),
)  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_garbage_is_refused_and_named(text: str) -> None:
    """Whatever is wrong in a message is one error."""
    with pytest.raises(WireError, match=r"no (ticker|heartbeat|snapshot|l2update) of BTC-USD|a message"):
        fed(*GREETING, text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("sequence", "trade_id", "price", "last_size", "time", "last_trade_id", "bids", "asks", "changes")
KINDS = st.sampled_from(["ticker", "heartbeat", "snapshot", "l2update", "other"])


@given(KINDS, st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_message_raises_anything_else(kind: str, fields: dict[str, Any]) -> None:
    """Any JSON in any field of any kind."""
    feed = fed(*GREETING)
    try:
        feed.take(message_of(json.dumps({"product_id": SYMBOL, **fields, "type": kind})))
    except (WireError, FeedParted):
        return
    assert feed.ticker is not None


def test_book_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """More levels than that are refused."""
    monkeypatch.setattr(coinbase_feed, "LEVELS_MAX", 2)
    with pytest.raises(WireError, match="more than 2 levels"):
        fed(BOOK, update(("buy", "1", "1")))


@pytest.fixture
def other() -> Iterator[OtherStream]:
    """The venue."""
    made = OtherStream()
    yield made
    made.close()


class Watch:
    """A stream that runs, and what it says of its connection."""

    def __init__(self, url: str, silence_s: float) -> None:
        self.said: list[ExchangeError | None] = []
        self.stream = CoinbaseStream(
            url, self.said.append, first_pause_s=0.05, longest_pause_s=0.2, silence_s=silence_s
        )

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Its first true value."""
        while not (found := condition()):  # noqa: ASYNC110 (what it waits for is a server's thread)
            await asyncio.sleep(0.01)
        return found

    async def live(self) -> VenueTicker:
        """The product, once it is."""
        found: VenueTicker = await self.until(lambda: self.stream.ticker(SYMBOL))
        return found

    async def broke(self, word: str) -> None:
        """Waits until it said why."""
        await self.until(lambda: [each for each in self.said if each is not None and word in str(each)])


@asynccontextmanager
async def watching(url: str, silence_s: float = 30.0) -> AsyncIterator[Watch]:
    """A stream of BTC-USD."""
    made = Watch(url, silence_s)
    made.stream.watch(SYMBOL)
    running = asyncio.create_task(made.stream.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()  # nothing else ended it


def test_products_are_asked_for_once_and_again_after_a_cut(other: OtherStream) -> None:
    """Those that are wanted later, too; between two connections nothing is said of them."""

    async def run() -> None:
        async with watching(other.url) as watch:
            assert await watch.live() == LIVE
            watch.stream.watch(SYMBOL)
            watch.stream.watch("ETH-USD")
            await watch.until(lambda: len(other.requests) == 2)
            other.say(update(("buy", "131.25", "0"), ("buy", "131.30", "1")))
            await watch.until(lambda: (said := watch.stream.ticker(SYMBOL)) and said.bid == Decimal("131.30"))
            other.open = False
            other.cut()
            await watch.broke("ended")
            assert watch.stream.ticker(SYMBOL) is None
            other.open = True
            assert await watch.live() == LIVE
            channels = ["ticker", "heartbeat", "level2_batch"]
            wanted = [[SYMBOL], ["ETH-USD"], [SYMBOL, "ETH-USD"]]
            assert other.requests == [
                {"type": "subscribe", "product_ids": products, "channels": channels} for products in wanted
            ]
            assert watch.said[0] is watch.said[-1] is None

    asyncio.run(run())


@pytest.mark.parametrize(
    ("say", "word"),
    [
        ("no JSON", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (ticker("NaN"), "no ticker of BTC-USD"),
        ('{"type":"error","message":"Failed to subscribe","reason":"slow"}', "slow"),
        ('{"type":"ticker","product_id":["BTC-USD"]}', ""),
    ],
)
def test_feed_that_says_nonsense_is_begun_anew(other: OtherStream, say: str | bytes, word: str) -> None:
    """Or ignored where it is of no product that is watched; a gap likewise."""

    async def run() -> None:
        async with watching(other.url) as watch:
            await watch.live()
            other.say(say)
            if word:
                await watch.broke(word)
            assert await watch.live() == LIVE
            other.last_trade_id += 1
            await watch.broke("did not come")
            other.last_trade_id -= 1
            assert await watch.live() == LIVE

    asyncio.run(run())


def test_silent_feed_is_left_and_one_that_is_slow_is_not_live(other: OtherStream) -> None:
    """Who says nothing, who is not there, and who takes connections and answers nobody."""

    async def run() -> None:
        async with watching(other.url, silence_s=0.5) as watch:
            await watch.live()
            other.beats = False
            await watch.broke("silent for 0.5 s")
            other.beats = True
            assert await watch.live() == LIVE
            other.greeting = (SUBSCRIBED,)
            other.cut()
            await watch.until(lambda: watch.stream.ticker(SYMBOL) is None)
            await asyncio.sleep(0.3)
            assert watch.stream.ticker(SYMBOL) is None  # heartbeats alone are no price
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with watching(f"ws://127.0.0.1:{port}") as watch:
            await watch.broke("cannot be reached")
            assert watch.stream.ticker(SYMBOL) is None

    asyncio.run(run())


def test_venue_is_asked_where_its_feed_is_away(other: OtherStream) -> None:
    """The first time, too; what the venue does not have is not watched."""

    class Asked:
        def __init__(self) -> None:
            self.asked: list[str] = []

        async def ticker(self, symbol: str) -> VenueTicker:
            self.asked.append(symbol)
            if symbol != SYMBOL:
                raise RpcError(RpcStatus.NOT_FOUND, "no such product")
            return VenueTicker(SYMBOL, Decimal(1), Decimal(1), None, None, 1)

        async def close(self) -> None:
            """Nothing is open."""

    async def run() -> None:
        watch, asked = Watch(other.url, 30.0), Asked()
        fallback = Fallback(asked, watch.stream)
        running = asyncio.create_task(watch.stream.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                with pytest.raises(ExchangeError, match="no such product"):
                    await fallback.ticker("NO-SUCH")
                assert (await fallback.ticker(SYMBOL)).price == 1
                await watch.live()
                assert await fallback.ticker(SYMBOL) == LIVE
                assert asked.asked == ["NO-SUCH", SYMBOL]
                other.open = False
                other.cut()
                await watch.broke("ended")
                assert (await fallback.ticker(SYMBOL)).price == 1
                assert [request["product_ids"] for request in other.requests] == [[SYMBOL]]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())


def test_settings_of_a_feed_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """An address of another kind, and a feed of a venue that cannot be asked; the variable counts."""
    for url, venue in (("http://127.0.0.1:1", "http://127.0.0.1:1"), ("ws://127.0.0.1:1", "")):
        market = {"fallback_stream_url": url, "fallback_url": venue}
        with pytest.raises(ConfigError, match=r"market_data\.fallback_stream_url .*expected"):
            load(environment={}, data_directory=tmp_path, market_data=market)
    settings = load(
        environment={"COINBASE_API_URL": "http://127.0.0.1:1", "COINBASE_WS_URL": "ws://127.0.0.1:2"},
        data_directory=tmp_path,
    )
    assert settings.market_data.fallback_stream_url == "ws://127.0.0.1:2"
