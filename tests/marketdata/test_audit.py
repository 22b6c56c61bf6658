"""The audit's look at the rows of market data."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, func, insert, select, update

from exchange.domain.enums import BookView
from exchange.domain.events import TradeExecuted
from exchange.domain.intervals import DAY_NS
from exchange.runtime.audit import audit
from exchange.runtime.event_run import EventRun
from exchange.services.marketdata.audit import MarketDataAudit
from exchange.services.marketdata.mirrors_audit import MirrorsAudit, Seen, rows_shown
from exchange.services.marketdata.service import SPEC
from exchange.services.marketdata.store import take_trades
from exchange.services.marketdata.tables import CANDLES, TRADES
from exchange.storage.directory import DataDirectory
from exchange.storage.executions import starting_fold
from exchange.storage.sql import Store, open_store
from exchange.storage.venue_limits import read_limits
from tests.event_log.published import Exchange
from tests.exchange.journals import MARKET
from tests.marketdata.oracle import batches, consume, stored_trades, trade_now_and_then


def looked_at(exchange: Exchange, store: Store) -> tuple[str, list[str]]:
    """What the audit says of market data, and what is wrong with it."""
    with store.read() as tx:
        *_, check = audit(exchange.root, auditors=[MarketDataAudit(store, tx)]).checks
    assert check.name == "marketdata"
    return check.says, check.wrong


def test_trades_and_candles_are_held_against_the_journal(exchange: Exchange, store_url: str) -> None:
    """All of them, or as far as market data is; what is missing, other, or made up is named."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        trade_now_and_then(exchange.writer, 1, 80)
        exchange.publish()
        consume(exchange, store)
        taken = stored_trades(store)
        trade_now_and_then(exchange.writer, 2, 20)
        with store.read() as tx:
            count = tx.execute(select(func.count()).select_from(CANDLES)).scalar_one()
        says = (
            f"{len(taken)} trades as the journal makes them, each once;"
            f" {count} candles are their fold; up to trade {len(taken)}"
        )
        assert len(taken) > 20
        assert looked_at(exchange, store) == (says, [])

        first = next(trade for trade in taken if trade.instrument_id == MARKET)
        day = first.timestamp // DAY_NS * DAY_NS
        c = CANDLES.c
        of_day = (c.instrument_id == MARKET, c.interval_ns == DAY_NS, c.start_ns == day)
        with store.begin() as tx:
            row = tx.execute(select(CANDLES).where(*of_day)).one()
            tx.execute(update(CANDLES).where(*of_day).values(high_price=row.high_price + 1))
            tx.execute(insert(CANDLES).values(**{**row._mapping, "start_ns": day - DAY_NS}))
            tx.execute(delete(TRADES).where(TRADES.c.trade_id == 5))
        _, wrong = looked_at(exchange, store)
        made = [
            *(row.open_price, row.high_price, row.low_price, row.close_price),
            (row.volume_high << 32) + row.volume_low,
            (row.quote_volume_high << 32) + row.quote_volume_low,
            row.trades,
        ]
        other = [made[0], made[1] + 1, *made[2:]]
        assert wrong == [
            "trade 5 is missing",
            f"candle {day} of {DAY_NS} ns of instrument {MARKET} is {other}, its trades make {made}",
            "1 candles are of no trade",
        ]


def test_store_that_begins_late_is_looked_at_from_there(exchange: Exchange, store_url: str) -> None:
    """Candles of which it has a part are the fold of that part."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        assert looked_at(exchange, store)[1] == []
        trade_now_and_then(exchange.writer, 3, 60)
        exchange.publish(most=1)
        late = batches(exchange)[15:]
        with store.begin() as tx:
            take_trades(tx, EventRun([(batch, 0, len(batch)) for batch in late], TradeExecuted))
        says, wrong = looked_at(exchange, store)
        trades = stored_trades(store)
        assert trades[0].trade_id > 15
        assert (says.split()[0], wrong) == (str(len(trades)), [])


def test_books_of_clients_are_held_against_the_engines(exchange: Exchange) -> None:
    """Of a record in the middle and of the end; what is other, or of no record's end, is named."""
    trade_now_and_then(exchange.writer, 3, 40)
    directory, ends, seen = DataDirectory(exchange.root), list[int](), list[Seen]()
    fold = starting_fold(directory, read_limits(exchange.root) or {}, executions=0, trades=0)
    while fold.advance(1 << 62) is not None:
        ends.append(int(fold.venue.sequence))
        seen += [
            Seen("BTC-USD", MARKET, view, ends[-1], rows_shown(fold.venue, MARKET, view), 2)
            for view in BookView
        ]
    kept = [book for book in seen if book.sequence in (ends[-1], ends[len(ends) // 2])]
    assert any(book.rows for book in kept)
    for books, wrong in (
        (kept, []),
        (
            [replace(each, rows=each.rows[1:] or [(1, 1, 1, 1)]) for each in kept],
            [f"BTC-USD, {each.view}: after {each.sequence} a client has" for each in kept],
        ),
        (
            [replace(kept[0], sequence=ends[-1] + 5)],
            [f"BTC-USD: no record of the journal ends with {ends[-1] + 5}"],
        ),
    ):
        *_, check = audit(exchange.root, auditors=[MirrorsAudit(books)]).checks
        assert (check.name, check.good) == ("mirrors", not wrong)
        assert all(said.startswith(want) for said, want in zip(check.wrong, wrong, strict=True))
