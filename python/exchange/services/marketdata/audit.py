"""Candles are the fold of trades: the rows of market data held against what the journal makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import numpy as np
from sqlalchemy import func, select

from cmatch._core import Venue
from exchange.domain.intervals import INTERVALS
from exchange.errors import WireError
from exchange.runtime.audit.check import Check
from exchange.runtime.audit.places import Places
from exchange.schema.event_rows import decode_rows
from exchange.services.marketdata.tables import CANDLES, LASTS, PROGRESS, TRADES
from exchange.storage.executions import Outcome
from exchange.storage.sql import Store, Transaction

_TRADE: Final = (
    "trade_id", "instrument_id", "price", "qty", "taker_side", "auction", "timestamp", "sequence",
    "unposted",
)  # fmt: skip
_TRADES_TOPIC: Final = "execution.trades"
_SETTLED_TOPIC: Final = "posttrade.settlement"
_Row = tuple[int, ...]
_Key = tuple[int, int]


class MarketDataAudit:
    """Reads trades beside the fold, and folds candles by itself, trade by trade: each is there, once.

    What was traded before market data was switched on, and what it has not come to yet, is passed over: but
    what the log still has, and what the store says it has, are rows.

    Args:
        store: Of market data.
        tx: A view of it, for as long as this is used.
        places: How far the service was in the log before that; None: it is not looked at.
    """

    def __init__(self, store: Store, tx: Transaction, places: Places | None = None) -> None:
        self.check = Check(store.service)
        self._tx = tx
        self._places = places
        self._taken, self._settled = (
            int(each) for each in tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.settled)).one()
        )
        end = int(tx.execute(select(func.max(TRADES.c.trade_id))).scalar() or 0)
        self._last = max(self._taken, end, places.last(tx, _TRADES_TOPIC) if places else 0)
        self._rows = _rows_of(tx)
        self._next: _Row | None = next(self._rows, None)
        first = places.first(_TRADES_TOPIC) if places else None
        begins = [each for each in (first, self._next and self._next[0]) if each]
        self._first = min(begins, default=self._last + 1)
        self._open: dict[_Key, list[int]] = {}  # start, open, high, low, close, volume, quote volume, trades
        self._cut: dict[_Key, int] = {}  # the start of the first candle, of which a part may be missing
        self._lasts: dict[int, int] = {}
        if places is not None:
            places.hold(tx, self.check)
        self._whole, self._begun = True, False
        self._trades = self._candles = 0

    def take(self, outcome: Outcome, venue: Venue) -> None:
        """Compares the trades of the next record, and the candles that end with them."""
        self._begin(venue, sum(len(rows.rows) for rows in outcome.trades))
        for rows in outcome.trades:
            columns = (rows.rows[name].astype(np.int64).tolist() for name in _TRADE)
            for made in zip(*columns, strict=True):
                if self._first <= made[0] <= self._last:
                    self._compare(made)
                    self._fold(made)

    def close(self, venue: Venue) -> None:
        """Holds the ends against each other, and sums up."""
        self._begin(venue, 0)
        while self._next is not None:
            self.check.find(f"trade {self._next[0]} is not in the journal")
            self._next = next(self._rows, None)
        for key, candle in self._open.items():
            self._hold(key, candle)
        if self._whole:
            there = int(self._tx.execute(select(func.count()).select_from(CANDLES)).scalar_one())
            if there > self._candles:
                self.check.find(f"{there - self._candles} candles are of no trade")
        self._hold_progress()
        self.check.says = (
            f"{self._trades:,} trades as the journal makes them, each once;"
            f" {self._candles:,} candles are their fold; up to trade {self._last:,}"
        )

    def _begin(self, venue: Venue, made: int) -> None:
        """Passes over what the fold did not make, as the journal begins with a snapshot."""
        if self._begun:
            return
        self._begun = True
        before = int(venue.status()["trades"][0]) - made
        while self._next is not None and self._next[0] <= before:
            self._whole = False
            self._lasts[self._next[1]] = self._next[0]
            self._next = next(self._rows, None)

    def _compare(self, made: _Row) -> None:
        while self._next is not None and self._next[0] < made[0]:
            self.check.find(f"trade {self._next[0]} is not in the journal")
            self._next = next(self._rows, None)
        self._trades += 1
        self._lasts[made[1]] = made[0]
        if self._next is None or self._next[0] > made[0]:
            self.check.find(f"trade {made[0]} is missing")
            return
        if self._next != made:
            self.check.find(f"trade {made[0]} is {self._next[1:]}, the journal makes {made[1:]}")
        self._next = next(self._rows, None)

    def _hold_progress(self) -> None:
        """What the store says of itself is what its rows come to."""
        if self._taken != self._last:
            self.check.find(f"the store says it has trades to {self._taken}, it has to have {self._last}")
        lasts = {int(row.instrument_id): int(row.trade_id) for row in self._tx.execute(select(LASTS))}
        for instrument_id in sorted(lasts.keys() | self._lasts.keys()):
            found, want = lasts.get(instrument_id, 0), self._lasts.get(instrument_id, 0)
            if found != want:
                self.check.find(
                    f"the last trade of instrument {instrument_id} is {found}, by the rows {want}"
                )
        if self._places is None:
            return
        told = self._places.last_batch(self._tx, _SETTLED_TOPIC)
        if told is not None:
            with suppress(WireError):  # of that the topic's own audit has to tell
                settled = int(decode_rows(told.payload).rows["trade_id"][-1])
                if self._settled < settled:
                    self.check.find(f"trades to {settled} are settled, the store says {self._settled}")

    def _fold(self, made: _Row) -> None:
        _, instrument_id, price, qty, _, _, timestamp, *_ = made
        for interval in INTERVALS.values():
            key, start = (instrument_id, interval), timestamp // interval * interval
            candle = self._open.get(key)
            if candle is not None and candle[0] == start:
                candle[2], candle[3] = max(candle[2], price), min(candle[3], price)
                candle[4] = price
                candle[5] += qty
                candle[6] += price * qty
                candle[7] += 1
                continue
            if candle is not None:
                self._hold(key, candle)
            self._cut.setdefault(key, start)
            self._open[key] = [start, price, price, price, price, qty, price * qty, 1]

    def _hold(self, key: _Key, candle: list[int]) -> None:
        """Holds a candle that has all its trades against what is stored."""
        (instrument_id, interval), start = key, candle[0]
        if not self._whole and self._cut[key] == start:
            return
        c = CANDLES.c
        row = self._tx.execute(
            select(CANDLES).where(
                c.instrument_id == instrument_id, c.interval_ns == interval, c.start_ns == start
            )
        ).one_or_none()
        what = f"candle {start} of {interval} ns of instrument {instrument_id}"
        if row is None:
            self.check.find(f"{what} is missing")
            return
        self._candles += 1
        found = [
            *(row.open_price, row.high_price, row.low_price, row.close_price),
            (row.volume_high << 32) + row.volume_low,
            (row.quote_volume_high << 32) + row.quote_volume_low,
            row.trades,
        ]
        if found != candle[1:]:
            self.check.find(f"{what} is {found}, its trades make {candle[1:]}")


def _rows_of(tx: Transaction) -> Iterator[_Row]:
    found = tx.execution_options(yield_per=10_000).execute(select(TRADES).order_by(TRADES.c.trade_id))
    yield from (tuple(row) for row in found)
