"""Market data of a running exchange: real processes, the one that keeps it and the one that answers apart."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pyarrow.parquet
import pytest

from exchange.bus.context import new_context
from exchange.bus.rpc import NO_CONTEXT, Metadata, RpcClient, SocketChannel, Stub
from exchange.cli import main
from exchange.client import AsyncClient, Client
from exchange.client.market_records import CANDLE_NAMES, TICKER_NAMES, TRADE_NAMES
from exchange.client.order_book import BookDelta, BookSnapshot, OrderBook
from exchange.client.prices import MarketDataClient, Price
from exchange.config import Settings, load
from exchange.domain.contracts import GET_HISTORY, GET_MARK_PRICE, GET_ORDER_BOOK, GET_SNAPSHOT
from exchange.domain.contracts.marketdata import (
    GetHistoryRequest,
    GetMarkPriceRequest,
    GetOrderBookRequest,
    GetSnapshotRequest,
    MarketTick,
    MarkPrice,
)
from exchange.domain.enums import PriceSourceState, Side
from exchange.domain.intervals import MINUTE_NS
from exchange.errors import ConfigError, RpcError, RpcStatus, ServiceUnavailableError, WireError
from exchange.resilience import Policies
from exchange.storage.sql import open_store
from exchange.storage.venue_limits import limits_of
from exchange.topology.handover import endpoints_of
from exchange.topology.services import spec_of
from tests.exchange.running import SMALL, Up, until
from tests.exchange.running import settings as settings_words
from tests.marketdata.oracle import candles_of, stored_candles, stored_trades, trades_of
from tests.marketdata.other_stream import ticker
from tests.marketdata.other_venue import OtherVenue

T = TypeVar("T")
WAIT_MS = 60_000
MARKET, OTHER = 7, 8
HUGE = OtherVenue.TICKER.replace("131.375", "1E+999999")


@pytest.fixture(scope="module")
def other() -> Iterator[OtherVenue]:
    """The venue that stands in."""
    made = OtherVenue()
    yield made
    made.close()


@pytest.fixture(scope="module")
def port() -> int:
    """A free one."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, other: OtherVenue, port: int) -> Iterator[Up]:
    """An exchange with market data, and two markets of two accounts."""
    made = Up.start(
        tmp_path_factory.mktemp("market") / "data",
        "market_data.enabled=true",
        "market_data.query_process=true",
        f"market_data.fallback_url={other.url}",
        f"market_data.fallback_stream_url={other.stream.url}",
        "market_data.index=BTC-USD=book*2+coinbase+static:125.00+static:900",
        "market_data.index_sources_min=2",
        "market_data.index_outlier_bps=1000",
        "market_data.index_stale_ms=3600000",  # the other venue's feed tells of one trade, when it begins
        f"endpoints.prices=127.0.0.1:{port}",
        "endpoints.metrics=127.0.0.1:0",
    )
    try:
        until(made.announcement, "it did not start")
        with connect(made, 0) as client:
            client.admin.define_asset(1, "BTC", 8)
            client.admin.define_asset(2, "USD", 6)
            for number, symbol in ((MARKET, "BTC-USD"), (OTHER, "BTC-USD.2")):
                client.admin.define_instrument(
                    number, symbol, base="BTC", quote="USD", price_scale=2, qty_scale=4
                )
            for account in (11, 12):
                client.admin.open_account(account, tenant=1)
                client.admin.deposit("BTC", "1000", account=account)
                client.admin.deposit("USD", "100000000", account=account)
        yield made
    finally:
        made.process.kill()
        made.process.wait()


def connect(up: Up, tenant: int, account: int | None = None) -> Client:
    """A session."""
    client = Client.connect(f"ipc://{up.data}/run/orders.sock", **words(tenant, account))
    if tenant:
        client.load_instruments()
    return client


def words(tenant: int, account: int | None) -> dict[str, Any]:
    """What a session says of itself."""
    return {
        "tenant": tenant,
        "name": f"tester-{tenant}-{account}",
        "user": "tester",
        "account": account,
        "connect_ms": WAIT_MS,
        "timeout_ms": WAIT_MS,
    }


def say(up: Up, *words: str, check: int = 0) -> str:
    """The output of a command about it, in this process."""
    with redirect_stdout(io.StringIO()) as printed:
        code = main([*words, "--data", str(up.data), *settings_words()])
    assert code == check, (words, printed.getvalue())
    return printed.getvalue()


def trade(client: Client, market: int, qty: str, price: str) -> int:
    """One; the sequence of the command that made it."""
    client.limit(market, "sell", qty, price)
    return client.limit(market, "buy", qty, price, account=12).sequence


def market(up: Up, number: int) -> tuple[int, str]:
    """A market of a test's own: its number and symbol."""
    symbol = f"BTC-USD.{number}"
    with connect(up, 0) as client:
        client.load_instruments()
        client.admin.define_instrument(number, symbol, base="BTC", quote="USD", price_scale=2, qty_scale=4)
    return number, symbol


@pytest.fixture
def clear(up: Up) -> None:
    """Nobody's order rests, and the last trade is live, at 127.00."""
    with connect(up, 1, 11) as client:
        for account in (11, 12):
            client.mass_cancel(account=account)
        last = trade(client, MARKET, "0.1", "127.00")
        client.ask(client.make.market_data.ticker("BTC-USD", min_seq=last), WAIT_MS)
        with client.market_data.ticks("BTC-USD") as ticks:
            upto(ticks, lambda tick: tick.last_price == 12_700 and not tick.stale)


def upto(stream: Iterable[T], wanted: Callable[[T], bool]) -> list[T]:
    """What comes, up to the first that is wanted; no longer than anybody waits here."""
    found: list[T] = []
    ended: list[BaseException] = []

    def read() -> None:
        try:
            for each in stream:
                found.append(each)
                if wanted(each):
                    return
            ended.append(AssertionError(f"it ended after {found[-3:]}"))
        except BaseException as error:  # noqa: BLE001
            ended.append(error)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(WAIT_MS / 1_000)
    assert not reading.is_alive(), found[-3:]
    for error in ended:
        raise error
    return found


def contract(up: Up, method: Any, request: Any) -> Any:
    """What MarketDataService answers."""

    async def ask() -> Any:
        context = new_context()
        try:
            channel = SocketChannel(context, f"ipc://{up.data}/run/marketdata.sock")
            async with RpcClient(channel, Policies().of("client", "marketdata")) as client:
                metadata = Metadata("corr-1", "1", "tester", NO_CONTEXT)
                return await Stub(client).ask(method, request, metadata=metadata, timeout_ms=WAIT_MS)
        finally:
            context.destroy(linger=0)

    return asyncio.run(ask())


@pytest.mark.req("B016", "E044", "E096")
def test_rows_are_the_fold_of_the_journal_although_the_process_is_killed(up: Up) -> None:
    """SIGKILL while trades come, of the one that keeps them; the one that answers goes on."""
    before = up.announcement()["processes"]
    with connect(up, 1, 11) as client:
        had = {row.instrument_id: row.trades for row in client.market_data.tickers()}
        last = 0
        for k in range(40):
            last = trade(client, MARKET + k % 2, "0.01", f"100.{k:02}")
            if k == 20:
                os.kill(before["marketdata"], signal.SIGKILL)
        rows = client.ask(client.make.market_data.trades(oldest_first=True, most=None, min_seq=last), WAIT_MS)
        tickers = client.ask(client.make.market_data.tickers(min_seq=last), WAIT_MS)
    said = dict(pair.removeprefix("limits.").split("=") for pair in SMALL if pair.startswith("limits."))
    numbers = {name: int(value) for name, value in said.items()}
    settings = load(environment={}, data_directory=up.data, limits=numbers)
    wanted = trades_of(up.data / "journal", dict(limits_of(settings)))
    assert list(rows) == wanted
    assert {row.instrument_id: row.trades - had.get(row.instrument_id, 0) for row in tickers} == {
        **dict.fromkeys(had, 0), MARKET: 20, OTHER: 20
    }  # fmt: skip
    spec = spec_of("marketdata")
    with open_store(up.data / "stores", spec.name, spec.tables) as store:
        assert stored_trades(store) == wanted
        end = wanted[-1].timestamp + 1
        assert stored_candles(store, MARKET, MINUTE_NS, end) == candles_of(wanted, MARKET, MINUTE_NS, end)
    now = up.announcement()["processes"]
    assert now["marketquery"] == before["marketquery"]
    until(
        lambda: up.announcement()["processes"]["marketdata"] not in {None, before["marketdata"]},
        "market data was not started again",
    )


def test_candles_tickers_and_trades_by_command_and_client(up: Up, tmp_path: Path) -> None:
    """As a table, JSON, Arrow and Parquet; nothing found, and questions that make no sense."""
    number, symbol = market(up, 21)
    with connect(up, 1, 11) as client:
        trade(client, number, "0.5", "101.25")
        last = trade(client, number, "0.25", "99.75")
        client.limit(number, "buy", "0.0100", "98.00")
        client.limit(number, "sell", "0.0200", "140.00")
        client.ask(client.make.market_data.ticker(symbol, min_seq=last), WAIT_MS)
        [candle] = client.market_data.candles(symbol, "1d", most=1)
        ticker = client.market_data.ticker(symbol)
        assert ticker is not None
        assert (ticker.last_price, ticker.last_qty, ticker.last_side) == (9_975, 2_500, Side.BUY)
        assert candle.close_price == ticker.last_price
        assert (ticker.high_price, ticker.low_price) == (10_125, 9_975)
        assert (ticker.bid_price, ticker.bid_qty, ticker.ask_price, ticker.ask_qty) == (
            9_800, 100, 14_000, 200,
        )  # fmt: skip
        assert client.market_data.ticker(99) is None
        with pytest.raises(ValueError, match="no candles of '2m': expected one of 1s, 1m"):
            client.market_data.candles(symbol, "2m")
        seconds = client.market_data.candles(symbol, "1s", most=3)
        assert [row.start_ns % 1_000_000_000 for row in seconds] == [0] * len(seconds)
    [line] = json.loads(say(up, "market", "ticker", symbol, "--json"))
    assert tuple(line) == TICKER_NAMES
    assert [line[name] for name in ("symbol", "last_price", "high_price", "bid_price", "ask_qty")] == [
        symbol, "99.75", "101.25", "98.00", "0.0200",
    ]  # fmt: skip
    [found] = json.loads(say(up, "market", "candles", symbol, "--interval", "1d", "--most", "1", "--json"))
    assert tuple(found) == CANDLE_NAMES
    assert (found["close_price"], found["interval"]) == ("99.75", "1d")
    table = say(up, "market", "trades", symbol, "--most", "2").splitlines()
    assert [row.split()[1::2] for row in table[1:]] == [
        [symbol, "99.75", "buy"], [symbol, "101.25", "buy"], ["trades"],
    ]  # fmt: skip
    file = tmp_path / "trades.parquet"
    assert say(up, "market", "trades", "--most", "2", "--arrow", str(file)) == f"2 trades in {file}\n"
    whole = pyarrow.parquet.read_table(file)
    assert tuple(whole.column_names) == TRADE_NAMES
    assert (str(whole["price"][0]), whole["auction"][0].as_py()) == ("99.75", False)
    assert json.loads(say(up, "market", "trades", "--to", "2020-01-01", "--json")) == []
    assert "1 ticker" in say(up, "market", "ticker", str(number))
    say(up, "market", "candles", "NO-SUCH", check=78)
    assert "marketdata process" in say(up, "status", "--seconds", "0")


@pytest.mark.req("E014")
def test_service_of_the_documents_answers(up: Up) -> None:
    """A tick of each symbol in their order; bars page by page; what there is not is told."""
    with connect(up, 1, 11) as client:
        last = trade(client, MARKET, "0.1", "120.00")
        client.ask(client.make.market_data.ticker("BTC-USD", min_seq=last), WAIT_MS)
    request = GetSnapshotRequest(symbols=("BTC-USD.2", "BTC-USD"))

    def shown() -> tuple[MarketTick, ...] | None:
        ticks: tuple[MarketTick, ...] = contract(up, GET_SNAPSHOT, request).ticks
        return ticks if ticks[1].last_price == 12_000 and not ticks[0].stale else None

    ticks = until(shown, "the board has no trade")
    assert [(tick.symbol, tick.instrument_id, tick.venue) for tick in ticks] == [
        ("BTC-USD.2", OTHER, "exchange"),
        ("BTC-USD", MARKET, "exchange"),
    ]
    asked = GetHistoryRequest(symbol="BTC-USD", interval_ns=MINUTE_NS, limit=1)
    reply = contract(up, GET_HISTORY, asked)
    bars = list(reply.bars)
    while reply.more:
        asked = GetHistoryRequest(
            symbol="BTC-USD", interval_ns=MINUTE_NS, limit=1, from_ns=bars[-1].start_ns + MINUTE_NS
        )
        reply = contract(up, GET_HISTORY, asked)
        bars += reply.bars
    with connect(up, 1, 11) as client:
        rows = client.market_data.candles("BTC-USD", from_ns=1, most=len(bars))
    assert [(bar.start_ns, bar.open_price, bar.volume, bar.trades) for bar in bars] == [
        (row.start_ns, row.open_price, row.volume, row.trades) for row in rows
    ]
    for method, wrong, code in (
        (GET_SNAPSHOT, GetSnapshotRequest(), RpcStatus.INVALID_ARGUMENT),
        (GET_SNAPSHOT, GetSnapshotRequest(symbols=("NO-SUCH",)), RpcStatus.NOT_FOUND),
        (GET_HISTORY, GetHistoryRequest(symbol="BTC-USD", interval_ns=7), RpcStatus.INVALID_ARGUMENT),
    ):
        with pytest.raises(RpcError) as caught:
            contract(up, method, wrong)
        assert caught.value.code is code


@pytest.mark.req("B058", "E015", "E029", "E030")
def test_ticks_of_several_instruments_come_in_one_stream(up: Up) -> None:
    """First each as it is; then every trade, numbered without a gap, and quotes; awaited or waited for."""
    (one, its), (two, other) = market(up, 31), market(up, 32)
    with connect(up, 1, 11) as client:
        client.limit(one, "buy", "0.0100", "98.00")
        with client.market_data.ticks(its, two) as ticks:
            first = [next(ticks), next(ticks)]
            assert [tick.symbol for tick in first] == [its, other]
            assert first[0].bid_price == 9_800
            seen: dict[int, list[MarketTick]] = {one: [first[0]], two: [first[1]]}
            wanted = {one: [11_000, 11_002, 11_004], two: [11_001, 11_003, 11_005]}

            def complete(tick: MarketTick) -> bool:
                seen[tick.instrument_id].append(tick)
                prices = {
                    key: [tick.last_price for tick in of if tick.last_price in wanted[key]]
                    for key, of in seen.items()
                }
                return {key: list(dict.fromkeys(of)) for key, of in prices.items()} == wanted

            for k in range(6):
                trade(client, (one, two)[k % 2], "0.1", f"110.0{k}")
            upto(ticks, complete)
            for of in seen.values():
                begun = of[0].sequence
                assert [tick.sequence for tick in of] == list(range(begun, begun + len(of)))
            client.limit(one, "buy", "0.0300", "98.50")
            tick = upto(ticks, lambda tick: tick.bid_price == 9_850)[-1]
            assert (tick.instrument_id, tick.bid_qty) == (one, 300)

    async def paced() -> list[MarketTick]:
        async with await AsyncClient.connect(f"ipc://{up.data}/run/orders.sock", **words(1, 11)) as client:
            await client.load_instruments()
            async with client.market_data.ticks(its, interval_ms=50) as stream:
                found = [await anext(stream)]
                for k in range(5):
                    await client.limit(one, "sell", "0.1", f"111.0{k}")
                    await client.limit(one, "buy", "0.1", f"111.0{k}", account=12)
                async with asyncio.timeout(WAIT_MS / 1_000):
                    while found[-1].last_price != 11_104:
                        found.append(await anext(stream))
                return found

    found = asyncio.run(paced())
    numbers = [tick.sequence for tick in found]
    assert numbers == sorted(set(numbers))


@pytest.mark.req("A028", "B060")
def test_books_of_clients_are_the_exchanges_after_every_change(up: Up) -> None:
    """Levels and orders, waited for and awaited: what reserves, pegs and trades leave to be seen."""
    number, symbol = market(up, 41)

    def shown(client: Client) -> list[list[tuple[int, int, int]]]:
        book = client.query.book(number, 0)
        return [[(row.price, row.qty, row.count) for row in side] for side in (book.bids, book.asks)]

    def levels(book: OrderBook) -> list[list[tuple[int, int, int]]]:
        return [[(each.price, each.qty, each.count) for each in side] for side in (book.bids, book.asks)]

    def work(client: Client) -> int:
        client.new_order(number, "buy", "0.05", "90.00", display_qty="0.01")
        client.limit(number, "sell", "0.03", "150.00")
        client.new_order(number, "buy", "0.02", type="pegged", peg="primary")
        client.new_order(number, "buy", "0.01", "90.01", hidden=True)
        return client.limit(number, "sell", "0.15", "90.00", account=12, time_in_force="ioc").sequence

    with connect(up, 1, 11) as client:
        with (
            client.market_data.order_book(symbol) as by_level,
            client.market_data.order_book(number, view="orders") as by_order,
        ):
            for stream in (by_level, by_order):
                assert isinstance(next(stream), BookSnapshot)
            last = work(client)
            client.cancel(client.limit(number, "buy", "0.01", "89.00").order_id, account=11)
            last = client.limit(number, "buy", "0.01", "89.50").sequence
            for stream in (by_level, by_order):
                reads = upto(stream, partial(lambda stream, _: stream.book.sequence >= last, stream))
                assert {type(read) for read in reads} == {BookDelta}
            assert levels(by_level.book) == levels(by_order.book) == shown(client)
        assert by_order.book.orders(Side.BUY, 1)[0].price == 8_950
        reply = contract(up, GET_ORDER_BOOK, GetOrderBookRequest(symbol=symbol, depth=1, min_seq=last))
        best = OrderBook()
        best.apply(reply)
        assert levels(best) == [side[:1] for side in shown(client)]
        with pytest.raises(ValueError, match="view"):
            client.market_data.order_book(symbol, view="depth")
        with pytest.raises(RpcError), client.market_data.order_book("NO-SUCH") as nowhere:
            next(nowhere)

    async def awaited() -> OrderBook:
        async with await AsyncClient.connect(f"ipc://{up.data}/run/orders.sock", **words(1, 11)) as client:
            await client.load_instruments()
            async with client.market_data.order_book(symbol, view="orders") as stream:
                first = await anext(stream)
                stream.book.sequence -= 1  # as if an update had been lost
                last = (await client.limit(number, "buy", "0.01", "89.25")).sequence
                reads = [first]
                async with asyncio.timeout(WAIT_MS / 1_000):
                    while stream.book.sequence < last:
                        reads.append(await anext(stream))
                assert [type(read) for read in reads] == [BookSnapshot, BookSnapshot]
                assert stream.mended == 1
                return stream.book

    book = asyncio.run(awaited())
    with connect(up, 1, 11) as client:
        assert levels(book) == shown(client)
        client.mass_cancel(account=11)


@pytest.mark.req("A028", "B060")
def test_audit_holds_the_books_that_clients_have_against_the_journal(up: Up) -> None:
    """Beside orders that come and go; the books are of records in the middle of the journal."""
    with connect(up, 1, 11) as bob:
        instruments = len(bob.query.instruments().instruments)
        stop, entered = threading.Event(), deque[int]()

        def trade() -> None:
            while not stop.is_set():
                for side, price in (("buy", "60.00"), ("sell", "190.00")):
                    entered.append(bob.limit(MARKET, side, "0.1", price).order_id)
                if len(entered) > 8:
                    bob.cancel(entered.popleft())
                    bob.cancel(entered.popleft())

        trading = threading.Thread(target=trade)
        trading.start()
        try:
            body = json.loads(up.say("audit", "--json", "--set", "market_data.enabled=true"))
        finally:
            stop.set()
            trading.join()
        bob.mass_cancel(account=11)
    (check,) = (each for each in body["checks"] if each["name"] == "mirrors")
    assert (check["good"], check["wrong"]) == (True, [])
    books, rows, changes = re.findall(r"[\d,]+(?= (?:books|rows|changes))", check["says"])
    assert int(books) == 2 * instruments  # by level, by order
    assert (int(rows.replace(",", "")) > 0, int(changes.replace(",", "")) > 2) == (True, True)


@pytest.mark.req("C032", "C033", "C034")
def test_events_of_the_market_are_in_the_log_although_the_process_is_killed(up: Up) -> None:
    """Told by the one that keeps market data; what is told last is what is; numbers have no gap."""
    number, symbol = market(up, 51)

    def told(stream: str) -> list[dict[str, Any]]:
        lines = say(up, "log", "show", f"marketdata.{stream}").splitlines()
        return [json.loads(line) for line in lines]

    with connect(up, 1, 11) as client:
        done = 0
        for k in range(30):
            done = trade(client, number, "0.01", f"101.{k:02}")
            if k == 15:
                os.kill(up.announcement()["processes"]["marketdata"], signal.SIGKILL)
        client.limit(number, "buy", "0.02", "88.00")
        client.limit(number, "sell", "0.03", "155.00")
        [newest] = client.ask(client.make.market_data.trades(number, most=1, min_seq=done), WAIT_MS)

    def last(stream: str) -> dict[str, Any]:
        mine = [event for event in told(stream) if event["entity"]["entityId"] == symbol]
        payload: dict[str, Any] = mine[-1]["payload"] if mine else {}
        return payload

    def quoted() -> bool:
        tick = last("ticks")
        return (tick.get("lastPrice"), tick.get("bidPrice"), tick.get("askPrice")) == (
            "10129",
            "8800",
            "15500",
        )

    until(quoted, "the last tick did not come")
    until(lambda: last("bars").get("lastTradeId") == str(newest.trade_id), "the last minute did not come")
    book = until(lambda: found if (found := last("books")).get("bids") else None, "no book came")
    assert (book["bids"][0]["price"], book["asks"][0]["price"]) == ("8800", "15500")
    with connect(up, 1, 11) as client:
        bar = last("bars")["bar"]
        [candle] = client.market_data.candles(number, "1m", from_ns=int(bar["startNs"]), most=1)
        assert (bar["closePrice"], bar["volume"], bar["trades"]) == (
            *(str(value) for value in (candle.close_price, candle.volume, candle.trades)),
        )
        client.mass_cancel(account=11)
    for stream in ("ticks", "books", "bars"):
        sequences = [event["entity"]["sequence"] for event in told(stream)]
        assert sequences == [*range(1, len(sequences) + 1)]
        assert {event["producer"] for event in told(stream)} == {"marketdata"}


@pytest.mark.req("A047", "B061")
@pytest.mark.usefixtures("clear")
def test_mark_price_is_of_the_sources_that_count(up: Up, other: OtherVenue) -> None:
    """Book, another venue and its feed, the settings; who is far is named; too few sources make no mark."""
    with connect(up, 1, 11) as client:
        client.limit(MARKET, "buy", "0.01", "126.00")
        client.limit(MARKET, "sell", "0.01", "128.00")

        def marked() -> MarkPrice | None:
            try:
                mark = client.market_data.mark_price(MARKET)
            except ServiceUnavailableError:
                return None
            shown = [(each.name, each.weight, each.state, each.micro_ticks) for each in mark.sources]
            return mark if shown == wanted else None

        wanted = [
            ("book", 2, PriceSourceState.USED, 12_700_000_000),
            ("coinbase", 1, PriceSourceState.USED, 13_137_500_000),
            ("static", 1, PriceSourceState.USED, 12_500_000_000),
            ("static", 1, PriceSourceState.OUTLIER, 90_000_000_000),
        ]
        mark = until(marked, "there is no mark price of these")
        assert (mark.index_micro_ticks, mark.stale, mark.age_ns) == (12_700_000_000, False, 0)
        assert (mark.last_price, mark.mark_price) == (12_700, 12_700)  # of both, and the book's middle

        def says(price: str) -> bool:
            source = client.market_data.mark_price(MARKET).sources[1]
            return Decimal(source.micro_ticks) / 10**8 == Decimal(price)

        # What the venue's feed says is there when it is asked for; where that is cut the venue is asked.
        until(lambda: other.stream.readers, "its feed is not watched")
        for number, price in enumerate(("133.00", "132.50"), 1):
            other.stream.say(ticker(price, 86_326_522 + number, 37_475_248_783 + number))
            until(partial(says, price), f"{price} of its feed did not come")
        other.stream.open = False
        other.stream.cut()
        until(partial(says, "131.375"), "it was not asked")
        other.stream.open = True
        shown = json.loads(say(up, "market", "mark", "BTC-USD", "--json"))
        assert [(each["name"], each["state"]) for each in shown["sources"]] == [
            *(("book", "used"), ("coinbase", "used"), ("static", "used"), ("static", "outlier")),
        ]
        assert (shown["index_price"], shown["sources"][0]["price"]) == ("127.00000000", "127.00000000")
        lines = say(up, "market", "mark", str(MARKET)).splitlines()
        assert lines[0].split() == ["source", "state", "weight", "price", "age"]
        assert re.fullmatch(r"BTC-USD: mark 127\.00, index 127\.00000000, last 127\.00", lines[-1])
        say(up, "market", "mark", "NO-SUCH", check=78)
        say(up, "market", "mark", "BTC-USD.2", check=1)
        client.mass_cancel(account=11)
        for symbol, code in (
            ("NO-SUCH", RpcStatus.NOT_FOUND),
            ("BTC-USD.2", RpcStatus.FAILED_PRECONDITION),
        ):
            with pytest.raises(RpcError) as caught:
                contract(up, GET_MARK_PRICE, GetMarkPriceRequest(symbol=symbol))
            assert caught.value.code is code


def get(port: int, path: str) -> tuple[int, dict[str, Any], str | None]:
    """Status, body with numbers as they are written, and the header Age."""
    with httpx.Client(trust_env=False, timeout=60) as http:
        answer = http.get(f"http://127.0.0.1:{port}{path}")
    return answer.status_code, json.loads(answer.content, parse_float=str), answer.headers.get("Age")


@pytest.mark.req("B058")
@pytest.mark.usefixtures("clear")
def test_prices_and_candles_by_http_have_the_documents_fields(up: Up, port: int) -> None:
    """Exactly these, numbers with all their places; what there is not, and what makes no sense, is told."""
    with connect(up, 1, 11) as client:
        last = trade(client, MARKET, "0.5", "127.25")
        client.ask(client.make.market_data.ticker("BTC-USD", min_seq=last), WAIT_MS)
        row = client.market_data.candles("BTC-USD", "1m", most=1)[0]

    def shown() -> dict[str, Any] | None:
        _, body, _ = get(port, "/api/v1/price/BTC-USD")
        return body if body.get("price") == "127.25" else None

    body = until(shown, "the last trade is not shown")
    assert list(body) == ["symbol", "price", "timestamp", "source"]
    assert (body["symbol"], body["source"]) == ("BTC-USD", "exchange")
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None
    status, body, _ = get(port, "/api/v1/ohlcv/BTC-USD?periods=3")
    assert (status, list(body), body["symbol"]) == (200, ["symbol", "data"], "BTC-USD")
    assert 1 <= len(body["data"]) <= 3
    names = ["timestamp", "open", "high", "low", "close", "volume"]
    assert all(list(each) == names for each in body["data"])
    minute = datetime.fromtimestamp(row.start_ns // 10**9, UTC).isoformat().replace("+00:00", "Z")
    [same] = [each for each in body["data"] if each["timestamp"] == minute]
    assert (same["close"], Decimal(same["volume"])) == ("127.25", Decimal(row.volume) / 10_000)
    for path, wanted in (
        ("/api/v1/price/NO-SUCH", (404, "NOT_FOUND")),
        ("/api/v1/ohlcv/BTC-USD?periods=0", (400, "INVALID_ARGUMENT")),
        ("/api/v1/ohlcv/BTC-USD?periods=x", (400, "INVALID_ARGUMENT")),
    ):
        status, body, _ = get(port, path)
        assert (status, body["name"]) == wanted, path
        assert list(body) == ["code", "name", "message", "transient"]
    status, body, _ = get(port, "/health")
    assert (status, body["status"]) == (200, "healthy")


@pytest.mark.req("D038", "D039", "D040")
@pytest.mark.usefixtures("clear")
def test_price_is_another_venues_where_the_gateway_is_away(up: Up, other: OtherVenue, port: int) -> None:
    """The source says whose it is; where nobody answers, or nobody has it, that is told."""

    async def asked(url: str, symbol: str = "BTC-USD") -> Price:
        async with MarketDataClient(url, other.url) as client:
            return await client.get_price(symbol)

    here, nowhere = f"http://127.0.0.1:{port}", "http://127.0.0.1:9"
    until(lambda: get(port, "/api/v1/price/BTC-USD")[1].get("source") == "exchange", "no price is shown")
    price = asyncio.run(asked(here))
    assert (price.symbol, price.source) == ("BTC-USD", "exchange")
    price = asyncio.run(asked(nowhere))
    assert (price.symbol, price.price, price.source) == ("BTC-USD", Decimal("131.375"), "coinbase")
    assert price.stale_s <= (time.time_ns() - price.ts_ns) // 10**9 < 60
    for url in (here, nowhere):
        with pytest.raises(RpcError) as caught:
            asyncio.run(asked(url, "NO-SUCH"))
        assert caught.value.code is RpcStatus.NOT_FOUND
    other.let(answer=False)
    try:
        with pytest.raises(ServiceUnavailableError, match="coinbase answers 503"):
            asyncio.run(asked(nowhere))
    finally:
        other.let(answer=True)
    try:
        for wrong in ("[]", "{}", OtherVenue.TICKER.replace("131.375", "NaN"), "no JSON", HUGE):
            other.ticker = wrong
            with pytest.raises(WireError, match="no ticker of BTC-USD"):
                asyncio.run(asked(nowhere))
    finally:
        other.ticker = OtherVenue.TICKER


@pytest.mark.req("A042", "A043")
@pytest.mark.usefixtures("clear")
def test_ticks_are_stale_then_another_venues_then_none(up: Up, other: OtherVenue, port: int) -> None:
    """The replica, which says what there is to show, stands still; when it goes on they are live again."""
    replica = up.announcement()["processes"]["replica"]
    with connect(up, 1, 11) as client, client.market_data.ticks("BTC-USD") as ticks:
        upto(ticks, lambda tick: not tick.stale)
        os.kill(replica, signal.SIGSTOP)
        try:
            trade(client, MARKET, "0.1", "130.00")
            # Seen, but by nobody else.
            seen = upto(ticks, lambda tick: tick.stale and tick.last_price == 13_000)
            assert {tick.venue for tick in seen} == {"exchange"}
            assert seen[-1].age_ns > 2_000_000_000
            status, body, age = get(port, "/api/v1/price/BTC-USD")
            assert (status, body["source"]) == (200, "exchange")
            assert 2 <= int(age or 0) <= 10
            *own, tick = upto(ticks, lambda tick: tick.venue != "exchange")
            assert all(0 < each.age_ns <= 10_000_000_000 for each in own)
            assert (
                tick.venue,
                tick.last_price,
                tick.bid_price,
                tick.ask_price,
                tick.last_qty,
            ) == (*("coinbase", 13_138, 13_125, 13_150, 25),)
            assert tick.stale is (tick.age_ns > 2_000_000_000)
            assert get(port, "/api/v1/price/BTC-USD")[1]["source"] == "coinbase"
            other.let(answer=False)
            with pytest.raises(ServiceUnavailableError):
                upto(ticks, lambda _: False)
            status, body, _ = get(port, "/api/v1/price/BTC-USD")
            assert (status, body["name"], body["transient"]) == (503, "UNAVAILABLE", True)
        finally:
            other.let(answer=True)
            os.kill(replica, signal.SIGCONT)
    with connect(up, 1, 11) as client, client.market_data.ticks("BTC-USD") as ticks:
        *_, live = upto(ticks, lambda tick: not tick.stale and tick.last_price == 13_000)
        assert live.age_ns == 0


@pytest.mark.usefixtures("clear")
def test_ticks_do_not_wait_for_the_publisher(up: Up) -> None:
    """It stands still: trades are shown as they are made, live; candles have them when it goes on."""
    publisher = up.announcement()["processes"]["publisher"]
    with connect(up, 1, 11) as client, client.market_data.ticks("BTC-USD") as ticks:
        os.kill(publisher, signal.SIGSTOP)
        try:
            prices, sequence = (12_901, 12_902, 12_903), 0
            for price in prices:
                sequence = trade(client, MARKET, "0.1", f"{price / 100}")
                shown = partial(lambda price, tick: tick.last_price == price and not tick.stale, price)
                tick = upto(ticks, shown)[-1]
                assert tick.last_qty == 1_000
                time.sleep(1)
            assert client.market_data.trades("BTC-USD", most=1)[0].price not in prices
        finally:
            os.kill(publisher, signal.SIGCONT)
        assert client.market_data.trades("BTC-USD", most=1, min_seq=sequence)[0].price == 12_903


def test_settings_of_market_data_publish_events_or_say_why_not(tmp_path: Path) -> None:
    """Implied where nothing is said of it; two that do not fit together are refused."""

    def made(**more: Any) -> Settings:
        return load(environment={}, data_directory=tmp_path, market_data={"enabled": True}, **more)

    settings = made()
    assert settings.events.publish
    assert endpoints_of(settings)["marketdata"] == f"ipc://{tmp_path}/run/marketdata.sock"
    with pytest.raises(ConfigError, match=r"publish is false: expected true beside market_data.enabled"):
        made(events={"publish": False})
