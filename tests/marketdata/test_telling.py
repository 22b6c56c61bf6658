"""What market data tells in the event log: at most one of a kind from a look, and at the end what is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import text

from cmatch._core import JournalReader
from cmatch._core import Venue as Engine
from exchange.bus.log.events import events_of
from exchange.bus.topics import TopicTable
from exchange.domain.contracts.marketdata import MarketTick
from exchange.domain.enums import BookView, Side
from exchange.domain.events import Event, MarketDataUpdated, OrderBookUpdated
from exchange.domain.intervals import MINUTE_NS
from exchange.domain.queries import MarketCandleRow, MarketTradeRow
from exchange.runtime.consumer import Consumer
from exchange.runtime.service_host import JournalWay
from exchange.services.marketdata import telling
from exchange.services.marketdata.books import BookServer
from exchange.services.marketdata.mirrors import book_of
from exchange.services.marketdata.service import SPEC
from exchange.services.marketdata.telling import Teller
from exchange.services.marketdata.venue import Venue
from exchange.storage.fold import starting_venue
from exchange.storage.sql import Store, StoreUnavailable, open_store
from exchange.storage.venue_limits import limits_of
from tests.event_log.conformance import read_all
from tests.event_log.published import Exchange, load_settings
from tests.exchange.journals import ALICE, BOB, MARKET
from tests.marketdata.oracle import OTHER_MARKET, TABLE, candles_of, consume, trade_now_and_then, trades_of

SYMBOLS = {MARKET: "BTC-USD", OTHER_MARKET: "BTC-USD.2"}
LIMIT_S = 60.0


class Stand:
    """A teller beside a store and a log, which it looks at when it is told to."""

    def __init__(self, exchange: Exchange, store: Store) -> None:
        self.exchange, self.store = exchange, store
        self.way = JournalWay(
            exchange.directory,
            lambda: limits_of(load_settings(exchange.root)),
            lambda: exchange.writer.sequence,
        )

    @asynccontextmanager
    async def teller(self) -> AsyncIterator[Callable[[], Any]]:
        """What takes the log, waits until the books have the journal, and looks; how much was told."""
        books = BookServer(self.way, cast("Venue", None))
        running = asyncio.create_task(books.run())
        with self.exchange.open_log() as log:
            ground: Any = SimpleNamespace(
                store=self.store, event_log=log, topics=TABLE, consumes=lambda: True
            )
            teller = Teller(ground, books)
            teller._go_on()

            async def look() -> int:
                while True:
                    with_books = books._mirrors
                    if with_books and with_books.venue.sequence == self.exchange.writer.sequence:
                        return await teller.step()
                    await asyncio.sleep(0.005)

            try:
                yield look
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    def take(self) -> None:
        """What the journal has, as rows; and what is to go out, into the log."""
        self.exchange.publish()
        consume(self.exchange, self.store)

    def told(self, stream: str) -> list[Event]:
        """All events of a topic."""
        with self.exchange.open_log() as log, Consumer(SPEC, self.store, log, TABLE) as consumer:
            while consumer.step():
                pass
            return [
                event
                for record in read_all(log, TopicTable("dev").full_name(f"marketdata.{stream}"))
                for event in events_of(record)
            ]

    def counts(self) -> dict[str, int]:
        """How many events were ever told, by topic: their sequences have no gap."""
        found = {}
        for stream in ("ticks", "books", "bars"):
            sequences = [event.entity.sequence for event in self.told(stream)]
            assert sequences == [*range(sequences[0], sequences[-1] + 1)] if sequences else True
            found[stream] = sequences[-1] if sequences else 0
        return found

    @property
    def trades(self) -> list[MarketTradeRow]:
        """Of the journal."""
        return trades_of(self.exchange.directory.journal, self.limits)

    @property
    def limits(self) -> dict[str, Any]:
        """Of an empty venue."""
        return dict(limits_of(load_settings(self.exchange.root)))

    def engine(self) -> Engine:
        """The whole journal, applied."""
        venue = starting_venue(self.exchange.directory, self.limits, 0)

        for record in JournalReader(str(self.exchange.directory.journal), venue.sequence + 1):
            venue.apply_payload(record.payload)
        return venue


def minutes(trades: list[MarketTradeRow]) -> dict[tuple[str, int], MarketCandleRow]:
    """Every minute in which something was traded."""
    end = trades[-1].timestamp + 1
    return {
        (SYMBOLS[each], row.start_ns): row
        for each in SYMBOLS
        for row in candles_of(trades, each, MINUTE_NS, end)
        if row.trades
    }


def check_end(stand: Stand) -> None:
    """What was told last is what is: of every minute, every book, every last trade."""
    trades = stand.trades
    bars: dict[tuple[str, int], MarketDataUpdated] = {}
    for event in stand.told("bars"):
        payload = event.payload
        assert isinstance(payload, MarketDataUpdated)
        before = bars.get((payload.symbol, payload.bar.start_ns))
        assert before is None or before.bar.trades < payload.bar.trades
        bars[payload.symbol, payload.bar.start_ns] = payload
    wanted = minutes(trades)
    assert bars.keys() == wanted.keys()
    for key, row in wanted.items():
        bar = bars[key].bar
        assert (bar.open_price, bar.high_price, bar.low_price, bar.close_price, bar.volume, bar.trades) == (
            *(row.open_price, row.high_price, row.low_price, row.close_price, row.volume, row.trades),
        )
        high, low = bars[key].quote_volume_high, bars[key].quote_volume_low
        assert (high, low) == (row.quote_volume_high, row.quote_volume_low)

    engine = stand.engine()
    books = {event.payload.symbol: event.payload for event in stand.told("books")}
    ticks: dict[str, list[MarketTick]] = {symbol: [] for symbol in SYMBOLS.values()}
    for event in stand.told("ticks"):
        ticks[event.entity.entity_id].append(event.payload)
    for instrument_id, symbol in SYMBOLS.items():
        book = books[symbol]
        assert isinstance(book, OrderBookUpdated)
        sides = [
            [(int(row["price"]), int(row["qty"]), int(row["count"])) for row in found]
            for found in (engine.l2(instrument_id, int(side), 10) for side in Side)
        ]
        told = [[(row.price, row.qty, row.count) for row in side] for side in (book.bids, book.asks)]
        assert told == sides
        snapshot = book_of(engine, symbol, instrument_id, BookView.LEVELS, 0)
        assert book.checksum == snapshot.checksum
        sequences = [tick.sequence for tick in ticks[symbol]]  # what is older than a day may be gone
        assert sequences == [*range(sequences[0], sequences[-1] + 1)]
        last = [trade for trade in trades if trade.instrument_id == instrument_id][-1]
        tick = ticks[symbol][-1]
        assert (tick.last_price, tick.last_qty, tick.stale) == (last.price, last.qty, False)
        best = [side[0][:2] if side else (None, 0) for side in sides]
        assert [(tick.bid_price, tick.bid_qty), (tick.ask_price, tick.ask_qty)] == best


@pytest.mark.req("C032", "C033", "C034")
@pytest.mark.parametrize("most", [2, telling.EVENTS_MAX])
def test_what_is_told_last_is_the_fold_of_the_journal_however_seldom_it_is_looked(
    exchange: Exchange, store_url: str, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """A look tells a tick and a book of an instrument at most; redelivery nothing; a new start the books."""
    monkeypatch.setattr(telling, "EVENTS_MAX", most)
    monkeypatch.setattr(telling, "BARS_MAX", 8 * most)
    numbers = random.Random(most)

    async def run() -> None:
        with open_store(store_url, SPEC.name, SPEC.tables) as store:
            stand = Stand(exchange, store)
            async with stand.teller() as look:
                for part in range(12):
                    trade_now_and_then(exchange.writer, 20 + part, numbers.randrange(1, 40))
                    if numbers.random() < 0.7:
                        stand.take()
                    before = stand.counts()
                    await look()
                    more = {name: count - before[name] for name, count in stand.counts().items()}
                    assert max(more["ticks"], more["books"]) <= len(SYMBOLS)
                stand.take()
                while await look():
                    pass
                check_end(stand)
                with store.begin() as tx:
                    tx.execute(text("UPDATE cursors SET next_offset = 0"))
                stand.take()
                assert await look() == 0
            counts = stand.counts()
            async with stand.teller() as look:
                while await look():
                    pass
            check_end(stand)
            more = {name: count - counts[name] for name, count in stand.counts().items()}
            assert more == {"ticks": 2, "books": 2, "bars": 0}
            causes = {event.causation_id for event in stand.told("bars")}
            assert causes <= {event.event_id for event in exchange.events("execution.trades")}

    asyncio.run(asyncio.wait_for(run(), LIMIT_S))


def test_what_the_store_did_not_take_is_told_later(
    exchange: Exchange, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is forgotten while it is locked; a store that is made anew goes on behind what the log has."""

    async def run(url: str, anew: str) -> None:
        with open_store(url, SPEC.name, SPEC.tables) as store:
            stand = Stand(exchange, store)
            async with stand.teller() as look:
                trade_now_and_then(exchange.writer, 3, 60)
                stand.take()

                def locked(*_: object) -> None:
                    raise StoreUnavailable("locked")

                with monkeypatch.context() as patched:
                    patched.setattr(telling._KEEP, "run", locked)
                    with pytest.raises(StoreUnavailable):
                        await look()
                assert stand.counts() == {"ticks": 0, "books": 0, "bars": 0}
                while await look():
                    pass
            check_end(stand)
            first = stand.counts()
        with open_store(anew, SPEC.name, SPEC.tables) as store:
            stand = Stand(exchange, store)
            stand.take()
            async with stand.teller() as look:
                while await look():
                    pass
            more = {name: count - first[name] for name, count in stand.counts().items()}
            assert more == {"ticks": 2, "books": 2, "bars": 0}  # of the trades that follow it has none yet

    asyncio.run(asyncio.wait_for(run(store_url, str(exchange.root / "anew")), LIMIT_S))


def test_quotes_alone_are_ticks_and_an_empty_side_is_absent(exchange: Exchange, store_url: str) -> None:
    """Before the first trade, too; what changes behind the best level is a book and no tick."""
    orders = exchange.writer.make.orders

    async def run() -> None:
        with open_store(store_url, SPEC.name, SPEC.tables) as store:
            stand = Stand(exchange, store)
            async with stand.teller() as look:
                assert await look() == 0
                exchange.writer.write(orders.limit(MARKET, "buy", 3, 9_000, account=ALICE))
                assert await look() == 2
                exchange.writer.write(orders.limit(MARKET, "buy", 3, 8_900, account=BOB))
                assert await look() == 1
            [tick] = [event.payload for event in stand.told("ticks")]
            assert tick == MarketTick(
                symbol="BTC-USD",
                instrument_id=MARKET,
                sequence=1,
                ts_ns=tick.ts_ns,
                bid_price=9_000,
                bid_qty=3,
                venue="exchange",
            )
            books = stand.told("books")
            assert [[row.price for row in event.payload.bids] for event in books] == [[9_000], [9_000, 8_900]]
            assert [event.causation_id for event in books] == [
                f"cmd-{event.payload.sequence}" for event in books
            ]
            assert stand.told("bars") == []

    asyncio.run(asyncio.wait_for(run(), LIMIT_S))
