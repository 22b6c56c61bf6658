"""A book kept current from what BookService sends: snapshots, deltas, and the checksum of both."""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left, insort
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from exchange.client.errors import BookParted
from exchange.domain.contracts.marketdata import BookUpdate
from exchange.domain.enums import BookAction, BookUpdateKind, BookView, Side
from exchange.schema.book_rows import CHECKED_ROWS, book_rows
from exchange.schema.event_rows import Records


@dataclass(frozen=True, slots=True)
class Level:
    """What is shown at one price. Ticks, lots, and how many orders."""

    price: int
    qty: int
    count: int


@dataclass(frozen=True, slots=True)
class ShownOrder:
    """One order, as the book shows it. Ticks, lots."""

    order_id: int
    side: Side
    price: int
    qty: int


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A book as it is after `last_seq`.

    Args:
        symbol: Of its instrument.
        instrument_id: Of its instrument.
        view: What `rows` are.
        last_seq: Journal sequence.
        ts_ns: Journaled time of that, ns.
        checksum: CRC32 of the ten best rows of each side.
        rows: (n,) of `exchange.schema.book_rows.ROW_DTYPES[view]`, best first, bids before asks.
    """

    symbol: str
    instrument_id: int
    view: BookView
    last_seq: int
    ts_ns: int
    checksum: int
    rows: Records


@dataclass(frozen=True, slots=True)
class BookDelta:
    """What leads from the book after `first_seq` - 1 to that after `last_seq`; else as of a snapshot.

    Levels are as they are from now on, quantity and count 0 where there is none. Orders say what to do.
    """

    symbol: str
    instrument_id: int
    view: BookView
    first_seq: int
    last_seq: int
    ts_ns: int
    checksum: int
    rows: Records


_SIGN: Final = {Side.BUY: -1, Side.SELL: 1}


class OrderBook:
    """A copy of one book, in one view. It holds no order that the book does not show.

    Args:
        view: Levels or orders.
    """

    def __init__(self, view: BookView = BookView.LEVELS) -> None:
        self.view = view
        self.symbol = ""
        self.instrument_id = 0
        self.sequence = 0
        """Journal sequence of the last command that is in it."""
        self.ts_ns = 0
        """Journaled time of that, ns."""
        self._parts: list[Records] = []
        self._clear()

    def apply(self, update: BookUpdate) -> BookSnapshot | BookDelta | None:
        """Takes what comes next, and checks it.

        Args:
            update: As it was received.

        Returns:
            What it was; None where more of a snapshot follows.

        Raises:
            BookParted: It does not follow, or the book is not what it is at the exchange.
            WireError: It cannot be read.
        """
        if update.view is not self.view:
            raise BookParted(f"the update is of {update.view}, the book has {self.view}")
        rows = book_rows(self.view, update.rows)
        if update.kind is BookUpdateKind.SNAPSHOT:
            self._parts.append(rows)
            if update.more:
                return None
            return self._begin(update)
        if self._parts or update.kind is None or update.first_seq != self.sequence + 1:
            raise BookParted(
                f"{self.symbol or update.symbol}: the book is at {self.sequence},"
                f" what comes next begins with {update.first_seq}"
            )
        self._change(rows)
        self._note(update)
        return BookDelta(
            symbol=update.symbol,
            instrument_id=update.instrument_id,
            view=self.view,
            first_seq=update.first_seq,
            last_seq=update.last_seq,
            ts_ns=update.ts_ns,
            checksum=update.checksum,
            rows=rows,
        )

    def levels(self, side: Side, depth: int | None = None) -> list[Level]:
        """Levels, best first; those of orders are their sums."""
        best = [_SIGN[side] * key for key in self._keys[side][:depth]]
        if self.view is BookView.LEVELS:
            return [Level(price, *self._levels[side][price]) for price in best]
        queues = self._queues[side]
        return [Level(price, sum(queues[price].values()), len(queues[price])) for price in best]

    def orders(self, side: Side, most: int | None = None) -> list[ShownOrder]:
        """Orders, best first, then in the order in which they trade; empty where levels are kept."""
        if self.view is BookView.LEVELS:
            return []
        found: list[ShownOrder] = []
        for key in self._keys[side]:
            if most is not None and len(found) >= most:
                break
            price = _SIGN[side] * key
            queue = self._queues[side][price]
            found += (ShownOrder(order_id, side, price, qty) for order_id, qty in queue.items())
        return found[:most]

    @property
    def bids(self) -> list[Level]:
        """The buyers' levels, best first."""
        return self.levels(Side.BUY)

    @property
    def asks(self) -> list[Level]:
        """The sellers' levels, best first."""
        return self.levels(Side.SELL)

    @property
    def checksum(self) -> int:
        """CRC32 of the ten best rows of each side, bids first, each number as eight bytes."""
        content = bytearray()
        for side in Side:
            if self.view is BookView.LEVELS:
                for level in self.levels(side, CHECKED_ROWS):
                    content += struct.pack("<qq", level.price, level.qty)
            else:
                for order in self.orders(side, CHECKED_ROWS):
                    content += struct.pack("<Qqq", order.order_id, order.price, order.qty)
        return zlib.crc32(content)

    def _clear(self) -> None:
        self._levels: dict[Side, dict[int, tuple[int, int]]] = {side: {} for side in Side}
        # By price the orders in their order, each with its quantity.
        self._queues: dict[Side, dict[int, dict[int, int]]] = {side: {} for side in Side}
        self._places: dict[int, tuple[Side, int]] = {}
        # Prices times the side's sign, so that the best one is the first.
        self._keys: dict[Side, list[int]] = {side: [] for side in Side}

    def _begin(self, update: BookUpdate) -> BookSnapshot:
        parts, self._parts = self._parts, []
        self._clear()
        for rows in parts:
            if self.view is BookView.LEVELS:
                self._load_levels(rows)
            else:
                self._load_orders(rows)
        for side in Side:
            prices = self._levels[side] or self._queues[side]
            self._keys[side] = [_SIGN[side] * price for price in prices]
        self._note(update)
        return BookSnapshot(
            symbol=update.symbol,
            instrument_id=update.instrument_id,
            view=self.view,
            last_seq=update.last_seq,
            ts_ns=update.ts_ns,
            checksum=update.checksum,
            rows=np.concatenate(parts),
        )

    def _load_levels(self, rows: Records) -> None:
        for side in Side:
            mine = rows[rows["side"] == side]
            pairs = zip(mine["qty"].tolist(), mine["count"].tolist(), strict=True)
            self._levels[side].update(zip(mine["price"].tolist(), pairs, strict=True))

    def _load_orders(self, rows: Records) -> None:
        if not len(rows):
            return
        order_ids, quantities = rows["order_id"].tolist(), rows["qty"].tolist()
        begins = np.flatnonzero((np.diff(rows["price"]) != 0) | (np.diff(rows["side"]) != 0)) + 1
        starts = [0, *begins.tolist(), len(rows)]
        for start, end in pairwise(starts):
            side, price = Side(int(rows["side"][start])), int(rows["price"][start])
            queue = self._queues[side].setdefault(price, {})
            queue.update(zip(order_ids[start:end], quantities[start:end], strict=True))
            self._places.update(dict.fromkeys(order_ids[start:end], (side, price)))

    def _change(self, rows: Records) -> None:
        columns = (rows[name].tolist() for name in rows.dtype.names or ())
        take = self._take_level if self.view is BookView.LEVELS else self._take_order
        try:
            for values in zip(*columns, strict=True):
                take(*values)
        except KeyError as error:
            raise BookParted(f"{self.symbol}: a delta names what is not in the book: {error}") from None

    def _take_level(self, price: int, qty: int, count: int, side: int) -> None:
        levels = self._levels[Side(side)]
        if not count:
            del levels[price]
            self._forget_price(Side(side), price)
            return
        if price not in levels:
            insort(self._keys[Side(side)], _SIGN[Side(side)] * price)
        levels[price] = (qty, count)

    def _take_order(self, order_id: int, price: int, qty: int, side: int, action: int) -> None:
        if action == BookAction.ADD:
            queues = self._queues[Side(side)]
            if price not in queues:
                queues[price] = {}
                insort(self._keys[Side(side)], _SIGN[Side(side)] * price)
            queues[price][order_id] = qty
            self._places[order_id] = (Side(side), price)
            return
        of, known = self._places[order_id]
        queue = self._queues[of][known]
        if action == BookAction.SET:
            queue[order_id] = qty
            return
        del queue[order_id], self._places[order_id]
        if not queue:
            del self._queues[of][known]
            self._forget_price(of, known)

    def _forget_price(self, side: Side, price: int) -> None:
        keys = self._keys[side]
        del keys[bisect_left(keys, _SIGN[side] * price)]

    def _note(self, update: BookUpdate) -> None:
        self.symbol, self.instrument_id = update.symbol, update.instrument_id
        self.sequence, self.ts_ns = update.last_seq, update.ts_ns
        if self.checksum != update.checksum:
            raise BookParted(
                f"{self.symbol}: after {self.sequence} the book has the checksum {self.checksum:08x},"
                f" the exchange's has {update.checksum:08x}"
            )
