"""How market data takes events: trades as they come, candles of them, each by one statement a stretch."""

from __future__ import annotations

from typing import Final

import numpy as np
from sqlalchemy import select, update

from exchange.errors import InvalidEvent
from exchange.runtime.event_run import EventRun
from exchange.services.marketdata.folding import candle_rows, last_rows, trade_rows
from exchange.services.marketdata.tables import CANDLES, LASTS, PROGRESS, TRADES
from exchange.storage.sql import RowInsert, Transaction

_SUMS: Final = ("volume_high", "volume_low", "quote_volume_high", "quote_volume_low", "trades")


def _farther(name: str, sign: str) -> str:
    """Of a column, what is there or what comes, whichever is farther."""
    return (
        f"{name} = CASE WHEN excluded.{name} {sign} candles.{name} THEN excluded.{name}"
        f" ELSE candles.{name} END"
    )


_MORE: Final = ", ".join(
    [_farther("high_price", ">"), _farther("low_price", "<"), "close_price = excluded.close_price"]
    + [f"{name} = candles.{name} + excluded.{name}" for name in _SUMS]
)
_TRADES: Final = RowInsert(TRADES)
_CANDLES: Final = RowInsert(
    CANDLES, f" ON CONFLICT (instrument_id, interval_ns, start_ns) DO UPDATE SET {_MORE}"
)
_LASTS: Final = RowInsert(LASTS, " ON CONFLICT (instrument_id) DO UPDATE SET trade_id = excluded.trade_id")


def take_trades(tx: Transaction, events: EventRun) -> None:
    """Trades are rows, and what they add to candles.

    Raises:
        InvalidEvent: One comes behind a later one: an open or a close would be another than it was.
    """
    trades = events.trades
    before = int(tx.execute(select(PROGRESS.c.trade_id)).scalar_one())
    numbers = trades["trade_id"].astype(np.int64)
    if int(numbers[0]) <= before or np.any(np.diff(numbers) <= 0):
        raise InvalidEvent(f"trade {numbers[0]} is late: market data has those up to {before}")
    for statement, rows in (
        (_TRADES, trade_rows(trades)),
        (_CANDLES, candle_rows(trades)),
        (_LASTS, last_rows(trades)),
    ):
        statement.run(tx, rows)
    last = trades[-1]
    tx.execute(update(PROGRESS).values(sequence=int(last["sequence"]), trade_id=int(last["trade_id"])))


def take_settlements(tx: Transaction, events: EventRun) -> None:
    """Trades are settled in their order: the last one speaks for all before it."""
    rows = events.rows
    numbers = [event.payload.trade_id for event in events] if rows is None else rows["trade_id"].tolist()
    last = max(numbers)
    tx.execute(update(PROGRESS).where(PROGRESS.c.settled < last).values(settled=last))
