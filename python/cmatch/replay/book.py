"""The price-time book that the translator expects the engine to have: who stands where, and who is next.

It is kept in plain Python beside the engine, so a replay can say before it sends an incoming order which
resting orders it must meet, and afterwards whether the engine did just that.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass

BUY, SELL = 1, 2


@dataclass(slots=True, eq=False)
class Resting:
    """One resting order. `engine_id` differs from the venue's id once the order had to be entered anew."""

    order_id: int
    engine_id: int
    instrument: int
    side: int
    price: int
    leaves: int
    filled: int = 0


Queue = OrderedDict[int, Resting]


class Side:
    """One side of one book: queues by price, and the best price at hand."""

    __slots__ = ("_heap", "_sign", "levels")

    def __init__(self, side: int) -> None:
        self.levels: dict[int, Queue] = {}
        self._heap: list[int] = []
        self._sign = -1 if side == BUY else 1

    def best(self) -> int | None:
        """The best price, or None."""
        heap = self._heap
        while heap:
            price = heap[0] * self._sign
            if price in self.levels:
                return price
            heapq.heappop(heap)
        return None

    def front(self) -> Resting | None:
        """The order that is next to trade, or None."""
        price = self.best()
        return None if price is None else next(iter(self.levels[price].values()))

    def append(self, order: Resting) -> None:
        """Puts an order at the end of its queue."""
        queue = self.levels.get(order.price)
        if queue is None:
            queue = self.levels[order.price] = OrderedDict()
            heapq.heappush(self._heap, order.price * self._sign)
        queue[order.order_id] = order

    def remove(self, order: Resting) -> None:
        """Takes an order out of its queue."""
        queue = self.levels[order.price]
        del queue[order.order_id]
        if not queue:
            del self.levels[order.price]

    def prices(self) -> list[int]:
        """All prices, best first."""
        return sorted(self.levels, reverse=self._sign < 0)

    def ahead(self, order: Resting) -> list[Resting]:
        """The orders in front of an order at its price."""
        out: list[Resting] = []
        for other in self.levels[order.price].values():
            if other is order:
                break
            out.append(other)
        return out


class Book:
    """Both sides of one instrument."""

    __slots__ = ("sides",)

    def __init__(self) -> None:
        self.sides = (Side(BUY), Side(BUY), Side(SELL))  # by number: 1 buy, 2 sell

    def side(self, side: int) -> Side:
        """The buy or the sell side."""
        return self.sides[side]

    def blocking(self, side: int, price: int) -> Resting | None:
        """The order that an incoming order of this side and price would trade with first, or None."""
        other = self.sides[3 - side]
        best = other.best()
        if best is None or (best > price if side == BUY else best < price):
            return None
        return other.front()

    def orders(self) -> list[Resting]:
        """All orders: bids best first, then asks, each queue front to back."""
        return [
            order
            for side in (BUY, SELL)
            for price in self.sides[side].prices()
            for order in self.sides[side].levels[price].values()
        ]
