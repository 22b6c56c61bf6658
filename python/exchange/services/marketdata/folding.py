"""What a stretch of trades comes to: candles of every interval. A pure function of arrays."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from exchange.domain.intervals import INTERVALS
from exchange.schema.event_rows import Records

Values = tuple[int, ...]
"""Of a row, in the order of its table's columns."""
_Numbers = npt.NDArray[np.int64]

_LOW: Final = 0xFFFF_FFFF
_TRADE: Final = (
    "trade_id", "instrument_id", "price", "qty", "taker_side", "auction", "timestamp", "sequence",
    "unposted",
)  # fmt: skip


def trade_rows(trades: Records) -> list[Values]:
    """Trades as rows.

    Args:
        trades: (n,) of ROW_DTYPES[EventList.TRADES].
    """
    return _rows([_numbers(trades[name]) for name in _TRADE])


def last_rows(trades: Records) -> list[Values]:
    """The last trade of each instrument, by instrument."""
    instruments, behind = np.unique(trades["instrument_id"][::-1], return_index=True)
    return _rows([_numbers(instruments), _numbers(trades["trade_id"][::-1][behind])])


def candle_rows(trades: Records) -> list[Values]:
    """Candles of every interval, by instrument, as if each began with these trades.

    Args:
        trades: (n,) of ROW_DTYPES[EventList.TRADES], n > 0, in their order.
    """
    ordered = trades[np.argsort(trades["instrument_id"], kind="stable")]
    instruments, times = _numbers(ordered["instrument_id"]), _numbers(ordered["timestamp"])
    prices, lots = _numbers(ordered["price"]), _numbers(ordered["qty"])
    notional = prices * lots
    other_instrument = np.diff(instruments) != 0
    found: list[Values] = []
    for interval in INTERVALS.values():
        starts = times - times % interval
        begins = np.flatnonzero(other_instrument | (np.diff(starts) != 0)) + 1
        firsts = np.concatenate(([0], begins))
        ends = np.concatenate((begins, [len(ordered)]))
        found += _rows(
            [
                instruments[firsts],
                np.full(len(firsts), interval),
                starts[firsts],
                prices[firsts],
                np.maximum.reduceat(prices, firsts),
                np.minimum.reduceat(prices, firsts),
                prices[ends - 1],
                np.add.reduceat(lots >> 32, firsts),
                np.add.reduceat(lots & _LOW, firsts),
                np.add.reduceat(notional >> 32, firsts),
                np.add.reduceat(notional & _LOW, firsts),
                ends - firsts,
            ]
        )
    return found


def _numbers(column: npt.NDArray[Any]) -> _Numbers:
    """As columns of 64 bits have them."""
    return column.astype(np.int64)


def _rows(columns: list[_Numbers]) -> list[Values]:
    return list(zip(*(column.tolist() for column in columns), strict=True))
