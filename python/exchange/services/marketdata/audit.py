"""Candles are the fold of trades: the rows of market data held against what the journal makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from sqlalchemy import func, select

from cmatch._core import Venue
from exchange.domain.intervals import INTERVALS
from exchange.runtime.audit import Check
from exchange.services.marketdata.tables import CANDLES, PROGRESS, TRADES
from exchange.storage.executions import Outcome
from exchange.storage.sql import Store, Transaction

_TRADE: Final = (
    "trade_id", "instrument_id", "price", "qty", "taker_side", "auction", "timestamp", "sequence",
    "unposted",
)  # fmt: skip
_Row = tuple[int, ...]
_Key = tuple[int, int]


class MarketDataAudit:
    """Reads trades beside the fold, and folds candles by itself, trade by trade: each is there, once.

    What came before the first trade that is kept, and what market data has not come to yet, is passed over.

    Args:
        store: Of market data.
        tx: A view of it, for as long as this is used.
    """

    def __init__(self, store: Store, tx: Transaction) -> None:
        self.check = Check(store.service)
        self._tx = tx
        self._last = int(tx.execute(select(PROGRESS.c.trade_id)).scalar_one())
        self._rows = _rows_of(tx)
        self._next: _Row | None = next(self._rows, None)
        self._first = 0 if self._next is None else self._next[0]
        self._open: dict[_Key, list[int]] = {}  # start, open, high, low, close, volume, quote volume, trades
        self._begun: dict[_Key, int] = {}  # the start of the first candle, of which a part may be missing
        self._whole = True
        self._trades = self._candles = 0

    def take(self, outcome: Outcome, _venue: Venue) -> None:
        """Compares the trades of the next record, and the candles that end with them."""
        for rows in outcome.trades:
            columns = (rows.rows[name].astype(np.int64).tolist() for name in _TRADE)
            for made in zip(*columns, strict=True):
                if self._first <= made[0] <= self._last:
                    self._compare(made)
                    self._fold(made)

    def close(self, _venue: Venue) -> None:
        """Holds the ends against each other, and sums up."""
        while self._next is not None:
            self.check.find(f"trade {self._next[0]} is not in the journal")
            self._next = next(self._rows, None)
        for key, candle in self._open.items():
            self._hold(key, candle)
        if self._whole:
            there = int(self._tx.execute(select(func.count()).select_from(CANDLES)).scalar_one())
            if there > self._candles:
                self.check.find(f"{there - self._candles} candles are of no trade")
        self.check.says = (
            f"{self._trades:,} trades as the journal makes them, each once;"
            f" {self._candles:,} candles are their fold; up to trade {self._last:,}"
        )

    def _compare(self, made: _Row) -> None:
        while self._next is not None and self._next[0] < made[0]:
            # The journal begins with a snapshot: what was before it cannot be made again.
            if self._trades:
                self.check.find(f"trade {self._next[0]} is not in the journal")
            self._whole = self._whole and self._trades > 0
            self._next = next(self._rows, None)
        self._trades += 1
        if self._next is None or self._next[0] > made[0]:
            self.check.find(f"trade {made[0]} is missing")
            return
        if self._next != made:
            self.check.find(f"trade {made[0]} is {self._next[1:]}, the journal makes {made[1:]}")
        self._next = next(self._rows, None)

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
            self._begun.setdefault(key, start)
            self._open[key] = [start, price, price, price, price, qty, price * qty, 1]

    def _hold(self, key: _Key, candle: list[int]) -> None:
        """Holds a candle that has all its trades against what is stored."""
        (instrument_id, interval), start = key, candle[0]
        if not self._whole and self._begun[key] == start:
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
