"""A book as a stream tells it: a snapshot and what changes, decimals as they were said, checked each time."""

from __future__ import annotations

import struct
import threading
import zlib
from bisect import bisect_left, insort
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from exchange.client.errors import BookParted
from exchange.client.rest import streams as s

_CHECKED: Final = 10
_BID, _ASK = -1, 1


@dataclass(frozen=True, slots=True)
class BookLevel:
    """What is shown at a price, and of how many orders."""

    price: Decimal
    qty: Decimal
    orders: int


class _Side:
    """One side, best first. Prices and quantities are integers: their digits without the point."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []  # prices times the sign, so that the best is the first
        self.levels: dict[int, tuple[int, s.Level]] = {}

    def fill(self, levels: list[s.Level]) -> None:
        """These and no others."""
        self.levels = {_digits(level[0]): (_digits(level[1]), level) for level in levels}
        self._keys = sorted(self._sign * price for price in self.levels)

    def change(self, levels: list[s.Level]) -> None:
        """These are so from now on; quantity 0: gone."""
        for level in levels:
            price, qty = _digits(level[0]), _digits(level[1])
            key = self._sign * price
            if qty == 0:
                if self.levels.pop(price, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
                continue
            if price not in self.levels:
                insort(self._keys, key)
            self.levels[price] = (qty, level)

    def best(self, depth: int | None) -> list[tuple[int, int, s.Level]]:
        """The best ones: price, quantity, as it was said."""
        prices = [self._sign * key for key in self._keys[:depth]]
        return [(price, *self.levels[price]) for price in prices]


class StreamBook:
    """A copy of one book; any thread may read it.

    Args:
        symbol: Of its instrument.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.sequence = 0
        """Journal sequence of the last command that is in it; 0 before the first snapshot."""
        self._sides = (_Side(_BID), _Side(_ASK))
        self._lock = threading.Lock()

    def begin(self, snapshot: s.BookSnapshot) -> None:
        """It is this.

        Raises:
            BookParted: It has another checksum than it says.
        """
        with self._lock:
            for side, levels in zip(self._sides, (snapshot.bids, snapshot.asks), strict=True):
                side.fill(levels)
            self._check(int(snapshot.last_sequence), snapshot.checksum)

    def change(self, delta: s.BookDelta) -> None:
        """What comes next.

        Raises:
            BookParted: It does not join what was before, or the book is not what the exchange's is.
        """
        with self._lock:
            if int(delta.first_sequence) != self.sequence + 1:
                raise BookParted(
                    f"{self.symbol}: the book is at {self.sequence}, what comes next begins with"
                    f" {delta.first_sequence}"
                )
            for side, levels in zip(self._sides, (delta.bids, delta.asks), strict=True):
                side.change(levels)
            self._check(int(delta.last_sequence), delta.checksum)

    def bids(self, depth: int | None = None) -> list[BookLevel]:
        """The buyers' levels, best first."""
        return self._levels(0, depth)

    def asks(self, depth: int | None = None) -> list[BookLevel]:
        """The sellers' levels, best first."""
        return self._levels(1, depth)

    @property
    def best(self) -> tuple[BookLevel | None, BookLevel | None]:
        """The best bid and ask; None where a side is empty."""
        with self._lock:
            bid, ask = (next((_level(row) for row in side.best(1)), None) for side in self._sides)
        return bid, ask

    @property
    def checksum(self) -> int:
        """CRC32 of the ten best levels of each side, bids first, each number as eight bytes."""
        content = bytearray()
        for side in self._sides:
            for price, qty, _ in side.best(_CHECKED):
                content += struct.pack("<qq", price, qty)
        return zlib.crc32(content)

    def _levels(self, side: int, depth: int | None) -> list[BookLevel]:
        with self._lock:
            return [_level(row) for row in self._sides[side].best(depth)]

    def _check(self, sequence: int, checksum: int) -> None:
        self.sequence = sequence
        if self.checksum != checksum:
            raise BookParted(
                f"{self.symbol}: after {sequence} the book has the checksum {self.checksum:08x},"
                f" the exchange's has {checksum:08x}"
            )


def _level(row: tuple[int, int, s.Level]) -> BookLevel:
    price, qty, orders = row[2]
    return BookLevel(Decimal(price), Decimal(qty), orders)


def _digits(text: str) -> int:
    """Ticks of a price, lots of a quantity: the gateway says all their places."""
    return int(text.replace(".", "", 1))
