"""How market data takes events: trades as they come, candles of them, each by one statement a stretch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

import numpy as np
from sqlalchemy import Table, select, update

from exchange.domain.events import TradeExecuted
from exchange.errors import InvalidEvent
from exchange.runtime.event_run import EventRun
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records
from exchange.services.marketdata.folding import candle_rows, last_rows, trade_rows
from exchange.services.marketdata.tables import CANDLES, LASTS, PROGRESS, TRADES
from exchange.storage.sql import Transaction

_SUMS: Final = ("volume_high", "volume_low", "quote_volume_high", "quote_volume_low", "trades")


def _insert(into: Table, more: str = "") -> dict[str, str]:
    """A statement for rows as tuples, by the placeholder of the driver; see the history's store."""
    names = ", ".join(column.name for column in into.columns)
    return {
        style: f"INSERT INTO {into.name} ({names}) VALUES ({', '.join([mark] * len(into.columns))}){more}"  # noqa: S608
        for style, mark in (("qmark", "?"), ("pyformat", "%s"))
    }


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
_TRADES: Final = _insert(TRADES)
_CANDLES: Final = _insert(
    CANDLES, f" ON CONFLICT (instrument_id, interval_ns, start_ns) DO UPDATE SET {_MORE}"
)
_LASTS: Final = _insert(LASTS, " ON CONFLICT (instrument_id) DO UPDATE SET trade_id = excluded.trade_id")


def take_trades(tx: Transaction, events: EventRun) -> None:
    """Trades are rows, and what they add to candles.

    Raises:
        InvalidEvent: One comes behind a later one: an open or a close would be another than it was.
    """
    trades = events.rows if events.rows is not None else _as_rows(events)
    before = int(tx.execute(select(PROGRESS.c.trade_id)).scalar_one())
    numbers = trades["trade_id"].astype(np.int64)
    if int(numbers[0]) <= before or np.any(np.diff(numbers) <= 0):
        raise InvalidEvent(f"trade {numbers[0]} is late: market data has those up to {before}")
    for statement, rows in (
        (_TRADES, trade_rows(trades)),
        (_CANDLES, candle_rows(trades)),
        (_LASTS, last_rows(trades)),
    ):
        tx.exec_driver_sql(statement[tx.dialect.paramstyle], rows)
    last = trades[-1]
    tx.execute(update(PROGRESS).values(sequence=int(last["sequence"]), trade_id=int(last["trade_id"])))


def _as_rows(events: Iterable[Any]) -> Records:
    """Single events, as a dead letter that is tried again is one, as rows of the hot stream."""
    taken: list[TradeExecuted] = [event.payload for event in events]
    rows = np.zeros(len(taken), ROW_DTYPES[EventList.TRADES])
    for row, trade in zip(rows, taken, strict=True):
        for item in fields(trade):
            value = getattr(trade, item.name)
            row[item.name] = value.encode("ascii", "replace") if isinstance(value, str) else int(value or 0)
    return rows
