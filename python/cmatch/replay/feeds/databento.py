"""Databento market-by-order records, from whichever file: what they say of each order, as effects.

The records tell an execution three times: T the trade with its aggressor, F a fill of each maker, and C or
M for what it did to the book. Here F makes the effect, and C and M become the price and leaves that the
order then has, so they only act where the fill did not do it all (an iceberg shows its next part, a
modified order). An F of the aggressor itself (it rested before it was modified) is left out. A T without a
side with fills is an auction; without fills it is a trade that the displayed book does not show.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmatch.replay.effects import BookCheck, EffectFlag, EffectKind, Records, Tape, effects_of
from cmatch.replay.errors import FeedError
from cmatch.replay.feeds.options import FeedOptions
from cmatch.replay.feeds.tape import finish

PRICE_DECIMALS = 9
UNDEFINED_PRICE = (1 << 63) - 1
LAST_OF_PACKET = 128

MBO_DTYPE = np.dtype(
    [
        ("ts_event", np.int64),
        ("order_id", np.uint64),
        ("price", np.int64),  # 10^-9
        ("size", np.int64),
        ("sequence", np.int64),
        ("position", np.int64),
        ("instrument", np.uint32),  # index into the symbols
        ("flags", np.uint8),
        ("action", np.uint8),  # the letter
        ("side", np.uint8),  # the letter
    ]
)

_ACTIONS = {
    "A": "add",
    "C": "cancel",
    "M": "modify",
    "T": "trade",
    "F": "fill",
    "R": "clear",
    "N": "nothing",
}
_BUY, _SELL, _NONE = ord("B"), ord("A"), ord("N")
_ADD, _CANCEL, _MODIFY, _TRADE, _FILL, _CLEAR = (ord(letter) for letter in "ACMTFR")
_SIDE = {_BUY: 1, _SELL: 2, _NONE: 0}
_LAST, _IN_AUCTION, _NO_PRICE = int(EffectFlag.LAST), int(EffectFlag.AUCTION), int(EffectFlag.NO_PRICE)


@dataclass
class _Trade:
    """The trade record whose fills are being read."""

    order_id: int
    side: int
    event: int
    aggressor: int
    auction: bool


def tape_of(
    path: Path,
    format_name: str,
    records: npt.NDArray[np.void],
    symbols: list[str],
    unit: str,
    book: BookCheck | None = None,
) -> Tape:
    """The tape of market-by-order records.

    Args:
        path: the file.
        format_name: how its format is called.
        records: (n,) of MBO_DTYPE.
        symbols: what their `instrument` means.
        unit: what their `position` counts.
        book: the vendor's book, `after` counting records: it is made to count effects here.
    """
    _check(path, records, unit)
    effects, ends = _Reader(records).run()
    actions = Counter(records["action"].tolist())
    if book is not None:
        book.after[:] = ends[book.after - 1]
    return finish(
        path,
        format_name,
        effects,
        symbols,
        price_decimals=[PRICE_DECIMALS] * len(symbols),
        qty_decimals=[0] * len(symbols),
        rows=records.size,
        unit=unit,
        trade_words="trades with fills",
        book_checks=[book] if book is not None else [],
        counts={words: actions[ord(letter)] for letter, words in _ACTIONS.items() if actions[ord(letter)]},
    )


def keep_symbols(
    path: Path, records: npt.NDArray[np.void], symbols: list[str], options: FeedOptions
) -> tuple[npt.NDArray[np.void], list[str]]:
    """Only the records of the symbols that are asked for.

    Raises:
        FeedError: a symbol is not in the file.
    """
    if not options.symbols:
        return records, symbols
    for symbol in options.symbols:
        if symbol not in symbols:
            raise FeedError(path, "", f"there is no symbol {symbol} in it, but {', '.join(symbols[:8])}")
    kept = [symbols.index(symbol) for symbol in options.symbols]
    number = np.full(len(symbols), -1, np.int64)
    number[kept] = np.arange(len(kept))
    records = records[np.isin(records["instrument"], kept)].copy()
    records["instrument"] = number[records["instrument"]]
    return records, list(options.symbols)


def _check(path: Path, records: npt.NDArray[np.void], unit: str) -> None:
    action, side = records["action"], records["side"]
    known = np.isin(action, [ord(letter) for letter in _ACTIONS])
    on_book = np.isin(action, (_ADD, _CANCEL, _MODIFY))
    for wrong, reason in (
        (~known, "the action is none of A, C, M, T, F, R, N"),
        (~np.isin(side, (_BUY, _SELL, _NONE)), "the side is none of A, B, N"),
        (on_book & (side == _NONE), "an order needs a side"),
        (on_book & (records["price"] == UNDEFINED_PRICE), "an order needs a price"),
        (on_book & (records["order_id"] == 0), "an order needs an id"),
        ((action == _ADD) & (records["size"] < 1), "an order needs a size"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise FeedError(path, f"{unit} {int(records['position'][row]):,}", reason)


def _ends_of_packets(records: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Which records end a packet, (n,): flagged as the last, and the next one is no part of the same message.

    Of one execution (T, F and C of one sequence number) all records may be flagged.
    """
    last = (records["flags"] & LAST_OF_PACKET).astype(bool)
    time, sequence = records["ts_event"], records["sequence"]
    last[:-1] &= (time[1:] != time[:-1]) | (sequence[1:] != sequence[:-1])
    return last


class _Reader:
    """Reads records in order; keeps what the venue says that rests, fills left aside."""

    def __init__(self, records: npt.NDArray[np.void]) -> None:
        self.records = records
        self.rows: list[tuple[int, ...]] = []
        self.resting: dict[tuple[int, int], tuple[int, int, int]] = {}  # (instrument, id): side, price, size
        self.filled: dict[tuple[int, int], None] = {}  # in this packet, and not changed since
        self.trade: _Trade | None = None
        self.events = self.aggressors = 0

    def run(self) -> tuple[Records, npt.NDArray[np.int64]]:
        """The effects, and how many there are after each record, (n,)."""
        ends = np.zeros(self.records.size, np.int64)
        has_fills = np.append(self.records["action"][1:] == _FILL, False)
        last = _ends_of_packets(self.records)
        chunk = 1 << 16
        for start in range(0, self.records.size, chunk):
            here = slice(start, start + chunk)
            pieces = (self.records[here].tolist(), has_fills[here].tolist(), last[here].tolist())
            for k, (record, followed, is_last) in enumerate(zip(*pieces, strict=True)):
                self._take(record, followed, is_last)
                ends[start + k] = len(self.rows)
        return effects_of(self.rows), ends

    def _take(self, record: tuple[int, ...], followed_by_fill: bool, is_last: bool) -> None:
        timestamp, order_id, price, size, _, position, instrument, _, action, side = record
        key = (instrument, order_id)
        before = len(self.rows)
        if action == _TRADE:
            self._trade(record, followed_by_fill)
        elif action == _FILL:
            self._fill(record)
        elif action != _CLEAR:
            self.trade = None
        if action == _ADD:
            self.resting[key] = (side, price, size)
            self._put(EffectKind.ADD, record, price, size)
        elif action == _CANCEL:
            rests = self.resting.get(key)
            left = rests[2] - size if rests else 0
            self._now(key, record, left)
        elif action == _MODIFY:
            self._now(key, record, size)
        elif action == _CLEAR:
            self.resting = {other: rests for other, rests in self.resting.items() if other[0] != instrument}
            self.rows.append((timestamp, 0, 0, 0, -1, -1, position, instrument, EffectKind.CLEAR, 0, 0))
        if is_last:
            self._end_packet(timestamp, position)
            if len(self.rows) > before:
                *rest, flags = self.rows[-1]
                self.rows[-1] = (*rest, flags | _LAST)

    def _now(self, key: tuple[int, int], record: tuple[int, ...], size: int) -> None:
        """The order has this size now, its fills included."""
        self.filled.pop(key, None)
        if size > 0:
            self.resting[key] = (record[9], record[2], size)
        else:
            self.resting.pop(key, None)
        self._put(EffectKind.SET, record, record[2], max(size, 0))

    def _trade(self, record: tuple[int, ...], followed_by_fill: bool) -> None:
        timestamp, order_id, price, size, _, position, instrument, _, _, side = record
        auction = side == _NONE
        if not followed_by_fill:
            self.trade = None
            self.rows.append((timestamp, 0, 0, size, -1, -1, position, instrument, EffectKind.PRINT, 0, 0))
            return
        if auction:
            self.rows.append(
                (timestamp, 0, price, size, -1, -1, position, instrument, EffectKind.UNCROSS, 0, 0)
            )
        else:
            self.events += 1
            was = self.trade
            same = was is not None and order_id != 0 and (was.order_id, was.side) == (order_id, side)
            self.aggressors += not same
        self.trade = _Trade(order_id, side, self.events, self.aggressors, auction)

    def _fill(self, record: tuple[int, ...]) -> None:
        timestamp, order_id, price, size, _, position, instrument, _, _, side = record
        trade = self.trade
        if trade is None:
            self.events += 1
            self.aggressors += 1
            trade = self.trade = _Trade(0, _NONE, self.events, self.aggressors, auction=False)
        if trade.order_id == order_id:
            return
        if (instrument, order_id) in self.resting:
            self.filled[instrument, order_id] = None
        flags = _IN_AUCTION if trade.auction else 0
        if side == _NONE:
            flags |= _NO_PRICE
        event, aggressor = (-1, -1) if trade.auction else (trade.event, trade.aggressor)
        self.rows.append(
            (
                timestamp,
                order_id,
                price,
                size,
                event,
                aggressor,
                position,
                instrument,
                EffectKind.FILL,
                _SIDE[side],
                flags,
            )
        )

    def _put(self, kind: EffectKind, record: tuple[int, ...], price: int, size: int) -> None:
        timestamp, order_id, _, _, _, position, instrument, _, _, side = record
        self.rows.append(
            (timestamp, order_id, price, size, -1, -1, position, instrument, kind, _SIDE[side], 0)
        )

    def _end_packet(self, timestamp: int, position: int) -> None:
        """Executed, but nothing said of what is left: the order shows as much as before (an iceberg)."""
        for instrument, order_id in self.filled:
            rests = self.resting.get((instrument, order_id))
            if rests:
                side, price, size = rests
                self.rows.append(
                    (
                        timestamp,
                        order_id,
                        price,
                        size,
                        -1,
                        -1,
                        position,
                        instrument,
                        EffectKind.SET,
                        _SIDE[side],
                        0,
                    )
                )
        self.filled.clear()
        self.trade = None
