"""The price at which a call uncrosses, and who trades: what the translator expects of the engine.

The largest executable volume; of those prices the smallest surplus; of those the highest where all want to
buy, the lowest where all want to sell, else the nearest to the last price (specification, section 6).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from cmatch.replay.book import BUY, SELL, Book, Resting


class _Curve:
    """How much one side would trade at a price: its market orders, and all limits as good or better."""

    def __init__(self, book: Book, side: int, market: Sequence[Resting]) -> None:
        levels = book.side(side).levels
        self.side = side
        self.prices = sorted(levels)
        self.market = sum(order.leaves for order in market if order.side == side)
        sums = [sum(order.leaves for order in levels[price].values()) for price in self.prices]
        self.below = [0, *accumulate(sums)]

    def at(self, price: int) -> int:
        if self.side == BUY:
            return self.market + self.below[-1] - self.below[bisect_left(self.prices, price)]
        return self.market + self.below[bisect_right(self.prices, price)]


def uncross_price(
    book: Book, reference: int | None, market: Sequence[Resting] = ()
) -> tuple[int, int] | None:
    """The price and the volume, or None where nothing trades.

    The volumes change only at limits, so all prices between two limits are looked at as one.
    """
    buys, sells = _Curve(book, BUY, market), _Curve(book, SELL, market)
    limits = sorted({*buys.prices, *sells.prices, *(() if reference is None else (reference,))})
    candidates: list[tuple[int, int, int, int]] = []  # first price, last price, volume, surplus
    for k, price in enumerate(limits):
        spans = [(price, price)]
        if k + 1 < len(limits) and limits[k + 1] - price > 1:
            spans.append((price + 1, limits[k + 1] - 1))
        for low, high in spans:
            bought, sold = buys.at(low), sells.at(low)
            candidates.append((low, high, min(bought, sold), bought - sold))
    most = max((volume for _, _, volume, _ in candidates), default=0)
    if most == 0:
        return None
    best = [candidate for candidate in candidates if candidate[2] == most]
    least = min(abs(surplus) for *_, surplus in best)
    best = [candidate for candidate in best if abs(candidate[3]) == least]
    low, high = best[0][0], best[-1][1]
    if all(surplus > 0 for *_, surplus in best):
        return high, most
    if all(surplus < 0 for *_, surplus in best):
        return low, most
    target, scale = (low + high, 2) if reference is None else (reference, 1)
    return _nearest(best, target, scale), most


def uncross_trades(
    book: Book, price: int, volume: int, market: Sequence[Resting] = ()
) -> list[tuple[Resting, Resting, int]]:
    """Who trades with whom and how much: (buy, sell, qty), head with head, market orders first."""
    resting = [*market, *book.orders()]
    buys = [order for order in resting if order.side == BUY and (order.price >= price or order in market)]
    sells = [order for order in resting if order.side == SELL and (order.price <= price or order in market)]
    out: list[tuple[Resting, Resting, int]] = []
    bought = sold = i = j = 0
    while volume > 0:
        qty = min(buys[i].leaves - bought, sells[j].leaves - sold, volume)
        out.append((buys[i], sells[j], qty))
        bought, sold, volume = bought + qty, sold + qty, volume - qty
        if bought == buys[i].leaves:
            i, bought = i + 1, 0
        if sold == sells[j].leaves:
            j, sold = j + 1, 0
    return out


def _nearest(candidates: list[tuple[int, int, int, int]], target: int, scale: int) -> int:
    """The candidate price nearest to target / scale, the higher of two."""
    around = (target // scale, -(-target // scale))
    prices = [min(max(price, low), high) for low, high, *_ in candidates for price in around]
    return min(prices, key=lambda price: (abs(price * scale - target), -price))
