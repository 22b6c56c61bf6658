"""What market data has to hold: a fold of the journal, trade by trade, in plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cmatch._core import JournalReader, Venue
from exchange.bus.topics import TopicTable
from exchange.domain.enums import ExecType, Liquidity, ReportFlag, Side
from exchange.domain.intervals import DAY_NS, INTERVALS, MINUTE_NS
from exchange.domain.queries import (
    MarketCandleRow,
    MarketCandlesRequest,
    MarketTickerRow,
    MarketTickersRequest,
    MarketTradeRow,
    MarketTradesRequest,
)
from exchange.runtime.caller import Caller
from exchange.runtime.consumer import Consumer
from exchange.schema.events import EventBatch, decode_events
from exchange.services.marketdata import queries
from exchange.services.marketdata.service import SPEC
from exchange.storage.sql import Store
from tests.event_log.conformance import read_all
from tests.event_log.published import NAMES, Exchange
from tests.exchange.journals import ALICE, BOB, MARKET, Writer

TABLE = TopicTable("dev")
ANYBODY = Caller(9)
OTHER_MARKET = 8
_PAUSES_NS = (0, 0, 0, 300_000_000, 7_000_000_000, MINUTE_NS, 17 * MINUTE_NS, 5 * 60 * MINUTE_NS)


def open_second_market(writer: Writer) -> None:
    """Of the same assets."""
    admin = writer.make.admin
    writer.write(
        admin.define_instrument(
            OTHER_MARKET, "BTC-USD.2", base="BTC", quote="USD", price_scale=2, qty_scale=4
        )
    )


def trade_now_and_then(writer: Writer, seed: int, count: int) -> None:
    """Orders that meet, in two markets, with pauses from none to hours."""
    numbers = random.Random(seed)
    for _ in range(count):
        writer.now += numbers.choice(_PAUSES_NS)
        side, market = numbers.choice(["buy", "sell"]), numbers.choice([MARKET, MARKET, OTHER_MARKET])
        price = 10_000 + numbers.randrange(-4, 5)
        account = numbers.choice([ALICE, BOB])
        writer.write(writer.make.orders.limit(market, side, numbers.randrange(1, 90), price, account=account))


def trades_of(journal: Path, limits: dict[str, Any]) -> list[MarketTradeRow]:
    """The fold: of each pair of reports the first, which is the taker's."""
    venue, found = Venue(**limits), list[MarketTradeRow]()
    for record in JournalReader(str(journal), 1):
        reports, _ = venue.apply_payload(record.payload)
        for row in sorted(reports, key=lambda each: int(each["event_sequence"])):
            number = int(row["trade_id"])
            if ExecType(int(row["exec_type"])) is ExecType.TRADE and number > len(found):
                found.append(
                    MarketTradeRow(
                        trade_id=number,
                        instrument_id=int(row["instrument_id"]),
                        price=int(row["last_price"]),
                        qty=int(row["last_qty"]),
                        taker_side=Side(int(row["side"])),
                        auction=int(row["liquidity"]) == Liquidity.AUCTION,
                        timestamp=int(row["timestamp"]),
                        sequence=int(row["sequence"]),
                        settled=not int(row["flags"]) & ReportFlag.UNPOSTED,
                    )
                )
    return found


def candles_of(
    trades: Sequence[MarketTradeRow], instrument_id: int, interval: int, until: int
) -> list[MarketCandleRow]:
    """Candles of an instrument, without a gap, from its first trade to before a time."""
    mine = [trade for trade in trades if trade.instrument_id == instrument_id]
    found: list[MarketCandleRow] = []
    if not mine:
        return found
    by_start: dict[int, list[MarketTradeRow]] = defaultdict(list)
    for trade in mine:
        by_start[trade.timestamp // interval * interval].append(trade)
    close = 0
    for start in range(mine[0].timestamp // interval * interval, until, interval):
        within = by_start.get(start, [])
        prices = [trade.price for trade in within] or [close]
        quote = sum(trade.price * trade.qty for trade in within)
        close = prices[-1]
        found.append(
            MarketCandleRow(
                start_ns=start,
                open_price=prices[0],
                high_price=max(prices),
                low_price=min(prices),
                close_price=close,
                volume=sum(trade.qty for trade in within),
                quote_volume_high=quote >> 32,
                quote_volume_low=quote & 0xFFFF_FFFF,
                trades=len(within),
            )
        )
    return found


def ticker_of(trades: Sequence[MarketTradeRow], instrument_id: int, at: int) -> MarketTickerRow | None:
    """The 1,440 minutes that end with the one of a time."""
    end = at // MINUTE_NS * MINUTE_NS + MINUTE_NS
    mine = [trade for trade in trades if trade.instrument_id == instrument_id and trade.timestamp < end]
    if not mine:
        return None
    within, last = [trade for trade in mine if trade.timestamp >= end - DAY_NS], mine[-1]
    prices = [trade.price for trade in within] or [last.price]
    quote = sum(trade.price * trade.qty for trade in within)
    return MarketTickerRow(
        instrument_id=instrument_id,
        from_ns=end - DAY_NS,
        to_ns=end,
        open_price=prices[0],
        high_price=max(prices),
        low_price=min(prices),
        volume=sum(trade.qty for trade in within),
        quote_volume_high=quote >> 32,
        quote_volume_low=quote & 0xFFFF_FFFF,
        trades=len(within),
        last_price=last.price,
        last_qty=last.qty,
        last_side=last.taker_side,
        last_trade_id=last.trade_id,
        last_at=last.timestamp,
    )


def consume(exchange: Exchange, store: Store) -> dict[str, int]:
    """One life of the service's consumer, to the end of the log; what it counted."""
    with exchange.open_log() as log, Consumer(SPEC, store, log, TABLE) as consumer:
        while consumer.step():
            pass
        return dict(consumer.counts)


def batches(exchange: Exchange) -> list[EventBatch]:
    """The log's records of trades."""
    with exchange.open_log() as log:
        records = [record.batch for record in read_all(log, NAMES["execution.trades"])]
    return [decode_events(batch.payload, batch.stream, batch.first_seq) for batch in records]


def stored_trades(store: Store, limit: int = 1_000) -> list[MarketTradeRow]:
    """All of them, page by page."""
    found: list[MarketTradeRow] = []
    with store.read() as tx:
        while True:
            after = found[-1].trade_id if found else 0
            request = MarketTradesRequest(oldest_first=True, after=after, limit=limit)
            page = queries.trades(tx, request, ANYBODY)
            found += page.trades
            if not page.more:
                return found


def stored_candles(
    store: Store, instrument_id: int, interval: int, until: int, limit: int = 1_000
) -> list[MarketCandleRow]:
    """All of an interval, page by page."""
    found: list[MarketCandleRow] = []
    with store.read() as tx:
        while True:
            begin = found[-1].start_ns + interval if found else 0
            request = MarketCandlesRequest(
                instrument_id=instrument_id, interval_ns=interval, from_ns=begin, to_ns=until, limit=limit
            )
            page = queries.candles(tx, request, ANYBODY)
            found += page.candles
            if not page.more:
                return found


def stored_ticker(store: Store, instrument_id: int, at: int) -> MarketTickerRow | None:
    """Of an instrument at a time."""
    request = MarketTickersRequest(instrument_id=instrument_id, at_ns=at)
    with store.read() as tx:
        found = queries.tickers(tx, request, ANYBODY).tickers
    return found[0] if found else None


def check(store: Store, trades: Sequence[MarketTradeRow], numbers: random.Random) -> None:
    """Everything that is stored is the fold of these trades."""
    assert stored_trades(store, limit=numbers.choice([17, 50, 1_000])) == list(trades)
    begin = trades[0].timestamp if trades else 0
    end = trades[-1].timestamp + 1 if trades else 0
    for instrument_id in (MARKET, OTHER_MARKET):
        for word, interval in INTERVALS.items():
            # Of seconds and minutes a part: there are as many as time has.
            until = min(end, begin + 700 * interval)
            wanted = candles_of(trades, instrument_id, interval, until)
            found = stored_candles(store, instrument_id, interval, until, limit=numbers.choice([133, 1_000]))
            assert found == wanted, (instrument_id, word)
        for at in (begin, end, numbers.randrange(begin, end + DAY_NS), end + 2 * DAY_NS):
            assert stored_ticker(store, instrument_id, at) == ticker_of(trades, instrument_id, at)
