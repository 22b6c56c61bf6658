"""A plain price-time book in Python: what `cmatch bench` measures the engine against.

Limit orders only, resting or immediate-or-cancel; no checks, no events but the trades. Written for speed: a
queue is a dict, which keeps the order of coming, and the best price comes from a heap of prices.
"""

from __future__ import annotations

from heapq import heappop, heappush

Trade = tuple[int, int, int, int]  # maker, taker, price, qty


class PlainBook:
    """One instrument. Prices, quantities and ids are ints."""

    __slots__ = ("_heaps", "_levels", "_orders", "trades")

    def __init__(self) -> None:
        self._levels: tuple[dict[int, dict[int, int]], dict[int, dict[int, int]]] = ({}, {})  # sell, buy
        self._heaps: tuple[list[int], list[int]] = ([], [])  # prices; of buys negative
        self._orders: dict[int, tuple[bool, int]] = {}
        self.trades: list[Trade] = []

    def __len__(self) -> int:
        return len(self._orders)

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._orders

    def best(self, is_buy: bool) -> int | None:
        """The best price of a side, or None."""
        heap, levels, sign = self._heaps[is_buy], self._levels[is_buy], -1 if is_buy else 1
        while heap:
            if heap[0] * sign in levels:
                return heap[0] * sign
            heappop(heap)
        return None

    def limit(self, order_id: int, is_buy: bool, qty: int, price: int, ioc: bool = False) -> None:
        """Matches an order; what is left of it rests, or is dropped."""
        other = not is_buy
        heap, levels, sign = self._heaps[other], self._levels[other], -1 if other else 1
        bound, trades, orders = price * sign, self.trades, self._orders
        while heap and heap[0] <= bound:
            at = heap[0] * sign
            queue = levels.get(at)
            if queue is None:
                heappop(heap)
                continue
            while queue:
                maker = next(iter(queue))
                leaves = queue[maker]
                if leaves > qty:
                    queue[maker] = leaves - qty
                    trades.append((maker, order_id, at, qty))
                    return
                del queue[maker], orders[maker]
                trades.append((maker, order_id, at, leaves))
                qty -= leaves
                if not qty:
                    break
            if not queue:
                del levels[at]
                heappop(heap)
            if not qty:
                return
        if not ioc:
            levels = self._levels[is_buy]
            queue = levels.get(price)
            if queue is None:
                levels[price] = {order_id: qty}
                heappush(self._heaps[is_buy], -price if is_buy else price)
            else:
                queue[order_id] = qty
            orders[order_id] = (is_buy, price)

    def cancel(self, order_id: int) -> None:
        """Takes an order out; one that is not there is passed over."""
        found = self._orders.pop(order_id, None)
        if found is not None:
            is_buy, price = found
            queue = self._levels[is_buy][price]
            del queue[order_id]
            if not queue:
                del self._levels[is_buy][price]
