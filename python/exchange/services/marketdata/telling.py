"""PriceTickReceived, OrderBookUpdated and MarketDataUpdated: the market for whoever reads the event log.

store: trades, minutes ─┐
books: what they show ──┴─▶ other than what was told ──▶ one SQL transaction: told · outbox ──▶ marketdata.*

It looks a few times a second, and tells what is so then: of an instrument a tick and a book at most, and each
minute that has more trades. What came between two looks is left out; what is told last is what is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import and_, case, or_, select

from exchange.domain.contracts.marketdata import MarketTick, PriceBar
from exchange.domain.enums import BookView, Side
from exchange.domain.events import Entity, Event, EventType, MarketDataUpdated, OrderBookUpdated, event_id
from exchange.domain.events.catalogue import (
    EVERY_TENANT,
    MARKET_DATA_UPDATED,
    ORDER_BOOK_UPDATED,
    PRICE_TICK_RECEIVED,
    TRADES_STREAM,
)
from exchange.domain.intervals import MINUTE_NS
from exchange.domain.queries import LevelRow
from exchange.errors import ExchangeError
from exchange.runtime.log import log
from exchange.runtime.outbox import Outbox, go_on
from exchange.runtime.service_host import Ground
from exchange.schema.book_rows import LEVEL_DTYPE, rows_checksum
from exchange.schema.event_rows import Records
from exchange.services.marketdata.books import BookServer, Shown
from exchange.services.marketdata.queries import candle_of, trade_of
from exchange.services.marketdata.tables import CANDLES, LASTS, PROGRESS, TOLD, TRADES
from exchange.services.marketdata.venue import NAME
from exchange.storage.sql import RowInsert, Transaction

EVENTS_MAX: Final = 256
"""Of a look, and those of one instrument more; who had none comes first at the next."""
BARS_MAX: Final = 1_024
"""That are read for a look; more there are where a store was switched on behind a long log."""
_SERVICE: Final = "marketdata"
_KINDS: Final = (PRICE_TICK_RECEIVED, ORDER_BOOK_UPDATED, MARKET_DATA_UPDATED)
_KEEP: Final = RowInsert(
    TOLD,
    " ON CONFLICT (instrument_id) DO UPDATE SET "
    + ", ".join(
        f"{column.name} = excluded.{column.name}" for column in TOLD.columns if not column.primary_key
    ),
)
_NOTHING: Final = np.zeros(0, LEVEL_DTYPE)


@dataclass(slots=True)
class _Told:
    """What was told of an instrument, as its row has it."""

    instrument_id: int
    trade_id: int = 0
    bar_start_ns: int = 0
    bar_trades: int = 0
    ticks: int = 0

    @property
    def row(self) -> tuple[int, ...]:
        """Of the table."""
        return self.instrument_id, self.trade_id, self.bar_start_ns, self.bar_trades, self.ticks


class Teller:
    """Tells of what is stored and shown, where events are taken. Belongs to one event loop.

    What books showed is remembered here alone: after a start each is told once, whatever was told before.

    Args:
        ground: Whose store, and the topics.
        books: What they show.
    """

    def __init__(self, ground: Ground, books: BookServer) -> None:
        self._ground = ground
        self._books = books
        self._outbox = Outbox(_SERVICE, ground.topics)
        self._tops: dict[int, Records] = {}
        self._told_tops: dict[int, Records] = {}
        self._waiting: set[int] = set()  # instruments whose book may have to be told
        self._seen = 0  # the last trade of which all is told
        self._at = 0  # the instrument that came last

    async def run(self, every_s: float) -> None:
        """Tells until it is cancelled; what the store, or the log, does not take is told later."""
        ready, said = False, ""
        while True:
            try:
                if self._ground.consumes():
                    if not ready:
                        await asyncio.to_thread(self._go_on)
                        ready = True
                    await self.step()
                why = ""
            except ExchangeError as error:
                why = str(error)
                if not said:
                    log("market data is not told", level=logging.WARNING, why=error)
            said = why
            await asyncio.sleep(every_s)

    async def step(self) -> int:
        """Tells what changed since the last step; how many events that is.

        Raises:
            ExchangeError: The store cannot be had: nothing is told, and nothing is forgotten.
        """
        shown = self._books.shown()
        if shown is None:
            return 0
        self._tops |= shown.tops
        self._waiting |= shown.tops.keys()
        return await asyncio.to_thread(self._look, shown)

    def _go_on(self) -> None:
        """Where the store was made anew the log has events of it."""
        for kind in _KINDS:
            go_on(self._ground.store, self._ground.event_log, self._ground.topics.full_name(kind.topic))

    def _look(self, shown: Shown) -> int:
        events: list[Event] = []
        changed: list[_Told] = []
        whole: list[int] = []
        with self._ground.store.begin() as tx:
            taken = int(tx.execute(select(PROGRESS.c.trade_id)).scalar_one())
            if taken == self._seen and not self._waiting:
                return 0
            told = {row.instrument_id: _Told(*row) for row in tx.execute(select(TOLD))}
            lasts, (bars, cut) = self._lasts(tx), self._bars(tx)
            wanted = self._in_turn(lasts.keys() | self._waiting)
            for each in wanted:
                if each not in shown.symbols:  # it is defined further on in the journal
                    continue
                if len(events) >= EVENTS_MAX:
                    break
                was = told.get(each) or _Told(each)
                before = was.row
                last = lasts.get(each)
                events += _bar_events(shown.symbols[each], was, bars.get(each, ()), last)
                if each != cut:
                    events += self._shown_events(was, last, shown)
                    whole.append(each)
                if was.row != before:
                    changed.append(was)
                if each == cut:
                    break
            self._outbox.add(tx, events)
            _KEEP.run(tx, [each.row for each in changed])
        for each in whole:
            self._told_tops[each] = self._tops.get(each, _NOTHING)
        self._waiting.difference_update(whole)
        if len(whole) == len(wanted):
            self._seen = taken
        self._at = whole[-1] if whole else self._at
        return len(events)

    def _lasts(self, tx: Transaction) -> dict[int, Any]:
        """Last trades of instruments that have one that is not told, or whose book changed."""
        joined = (
            select(TRADES)
            .join(LASTS, LASTS.c.trade_id == TRADES.c.trade_id)
            .outerjoin(TOLD, TOLD.c.instrument_id == LASTS.c.instrument_id)
        )
        news = or_(TOLD.c.trade_id.is_(None), TOLD.c.trade_id < LASTS.c.trade_id)
        found = tx.execute(joined.where(or_(news, LASTS.c.instrument_id.in_(self._waiting))))
        return {row.instrument_id: row for row in found}

    def _bars(self, tx: Transaction) -> tuple[dict[int, list[Any]], int | None]:
        """Minutes that are not told as they are, by instrument; the last of which there are more, if any."""
        c, told = CANDLES.c, TOLD.c
        joined = (
            select(CANDLES)
            .join(LASTS, LASTS.c.instrument_id == c.instrument_id)
            .outerjoin(TOLD, told.instrument_id == c.instrument_id)
        )
        news = or_(
            told.trade_id.is_(None),
            and_(
                told.trade_id < LASTS.c.trade_id,
                c.start_ns >= told.bar_start_ns,
                or_(c.start_ns > told.bar_start_ns, c.trades != told.bar_trades),
            ),
        )
        turn = case((c.instrument_id <= self._at, 1), else_=0)
        asked = joined.where(c.interval_ns == MINUTE_NS, news).order_by(turn, c.instrument_id, c.start_ns)
        found = tx.execute(asked.limit(BARS_MAX)).all()
        bars: dict[int, list[Any]] = {}
        for row in found:
            bars.setdefault(row.instrument_id, []).append(row)
        return bars, found[-1].instrument_id if len(found) == BARS_MAX else None

    def _in_turn(self, instruments: Iterable[int]) -> list[int]:
        """Those behind the one that came last, then the others."""
        return sorted(instruments, key=lambda each: (each <= self._at, each))

    def _shown_events(self, was: _Told, last: Any, shown: Shown) -> list[Event]:
        """The tick and the book of an instrument, where they are others than was told; `was` is then this."""
        symbol, events = shown.symbols[was.instrument_id], list[Event]()
        now = self._tops.get(was.instrument_id, _NOTHING)
        before = self._told_tops.get(was.instrument_id, _NOTHING)
        traded = last is not None and last.trade_id > was.trade_id
        best = _best(now)
        if traded or best != _best(before):
            was.ticks += 1
            events.append(_tick_event(symbol, was, last, best, shown, traded=traded))
        if traded:
            was.trade_id = last.trade_id
        if not np.array_equal(now, before):
            events.append(_book_event(symbol, was.instrument_id, now, shown))
        return events


def _bar_events(symbol: str, was: _Told, bars: Sequence[Any], last: Any) -> list[Event]:
    """Minutes, which are then the ones that were told."""
    if bars:
        was.bar_start_ns, was.bar_trades = bars[-1].start_ns, bars[-1].trades
    return [_bar_event(symbol, row, last) for row in bars]


def _sides(rows: Records) -> tuple[Records, Records]:
    """Bids and asks."""
    asks = int(np.searchsorted(rows["side"], int(Side.SELL)))
    return rows[:asks], rows[asks:]


_Best = tuple[tuple[int | None, int], ...]
"""Price and quantity of the best bid, and of the best ask; None and 0 where there is none."""


def _best(rows: Records) -> _Best:
    return tuple(
        (int(side["price"][0]), int(side["qty"][0])) if len(side) else (None, 0) for side in _sides(rows)
    )


def _trade_cause(last: Any) -> str:
    return event_id(last.timestamp, TRADES_STREAM, last.trade_id)


def _bar_event(symbol: str, row: Any, last: Any) -> Event:
    candle = candle_of(row)
    payload = MarketDataUpdated(
        symbol=symbol,
        instrument_id=row.instrument_id,
        interval_ns=MINUTE_NS,
        bar=PriceBar(
            start_ns=candle.start_ns,
            open_price=candle.open_price,
            high_price=candle.high_price,
            low_price=candle.low_price,
            close_price=candle.close_price,
            volume=candle.volume,
            trades=candle.trades,
        ),
        quote_volume_high=candle.quote_volume_high,
        quote_volume_low=candle.quote_volume_low,
        last_trade_id=last.trade_id,
    )
    return _event(MARKET_DATA_UPDATED, symbol, last.timestamp, _trade_cause(last), payload)


def _tick_event(symbol: str, told: _Told, last: Any, best: _Best, shown: Shown, *, traded: bool) -> Event:
    (bid_price, bid_qty), (ask_price, ask_qty) = best
    trade = None if last is None else trade_of(last)
    at_ns = last.timestamp if traded else shown.ts_ns
    payload = MarketTick(
        symbol=symbol,
        instrument_id=told.instrument_id,
        sequence=told.ticks,
        ts_ns=at_ns,
        bid_price=bid_price,
        ask_price=ask_price,
        last_price=trade.price if trade else None,
        bid_qty=bid_qty,
        ask_qty=ask_qty,
        last_qty=trade.qty if trade else 0,
        venue=NAME,
    )
    cause = _trade_cause(last) if traded else f"cmd-{shown.sequence}"
    return _event(PRICE_TICK_RECEIVED, symbol, at_ns, cause, payload)


def _book_event(symbol: str, instrument_id: int, now: Records, shown: Shown) -> Event:
    bids, asks = (
        tuple(
            LevelRow(price=price, qty=qty, count=count)
            for price, qty, count in side[["price", "qty", "count"]].tolist()
        )
        for side in _sides(now)
    )
    payload = OrderBookUpdated(
        symbol=symbol,
        instrument_id=instrument_id,
        checksum=rows_checksum(BookView.LEVELS, now),
        sequence=shown.sequence,
        ts_ns=shown.ts_ns,
        bids=bids,
        asks=asks,
    )
    return _event(ORDER_BOOK_UPDATED, symbol, shown.ts_ns, f"cmd-{shown.sequence}", payload)


def _event(kind: EventType, symbol: str, at_ns: int, cause: str, payload: Any) -> Event:
    return Event(
        event_id="",
        event_type=kind.name,
        event_version=kind.version,
        occurred_at=at_ns,
        producer=_SERVICE,
        tenant_id=EVERY_TENANT,
        correlation_id=cause,
        causation_id=cause,
        entity=Entity(entity_type=kind.entity, entity_id=symbol),
        payload=payload,
    )
