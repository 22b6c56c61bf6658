"""The uncross of a call: one price, the most volume, everybody at that price."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.oracle.model import Book, Order

if TYPE_CHECKING:
    from tests.oracle.state import EngineState


@dataclass(frozen=True)
class Stretch:
    """Prices from lowest to highest, on the tick_step grid, at which the same volumes would execute."""

    lowest: int
    highest: int
    buys: int
    sells: int

    @property
    def volume(self) -> int:
        """The executable volume."""
        return min(self.buys, self.sells)

    @property
    def surplus(self) -> int:
        """Buys minus sells."""
        return self.buys - self.sells

    def nearest(self, doubled: int, step: int) -> int:
        """The price of the stretch nearest to half of `doubled`, the higher at a tie."""
        below = doubled // (2 * step) * step
        prices = {min(max(price, self.lowest), self.highest) for price in (below, below + step)}
        return min(prices, key=lambda price: (abs(2 * price - doubled), -price))


def stretches(book: Book) -> list[Stretch]:
    """All prices from the lowest to the highest of the limits in the book and the reference, lowest first."""
    buys, sells, step = book.resting("buy"), book.resting("sell"), book.definition.tick_step
    limits = {order.price for order in buys + sells if order.price is not None}
    r = book.r()
    points = sorted(limits if r is None else limits | {r})

    def stretch(lowest: int, highest: int) -> Stretch:
        return Stretch(
            lowest,
            highest,
            sum(order.leaves for order in buys if order.price is None or order.price >= lowest),
            sum(order.leaves for order in sells if order.price is None or order.price <= lowest),
        )

    result = []
    for i, point in enumerate(points):
        result.append(stretch(point, point))
        if i + 1 < len(points) and points[i + 1] - point > step:
            result.append(stretch(point + step, points[i + 1] - step))
    return result


@dataclass(frozen=True)
class Clearing:
    """What an uncross would do."""

    price: int
    volume: int
    surplus: int


def clearing(book: Book) -> Clearing | None:
    """The uncross price with its volume and surplus, none where nothing would trade."""
    left = stretches(book)
    volume = max((each.volume for each in left), default=0)
    if volume == 0:
        return None
    left = [each for each in left if each.volume == volume]
    least = min(abs(each.surplus) for each in left)
    left = [each for each in left if abs(each.surplus) == least]
    lowest, highest = left[0].lowest, left[-1].highest
    if all(each.surplus > 0 for each in left):
        price = highest
    elif all(each.surplus < 0 for each in left):
        price = lowest
    else:
        r = book.r()
        doubled = lowest + highest if r is None else 2 * r
        candidates = [each.nearest(doubled, book.definition.tick_step) for each in left]
        price = min(candidates, key=lambda price: (abs(2 * price - doubled), -price))
    surplus = next(each.surplus for each in left if each.lowest <= price <= each.highest)
    return Clearing(price, volume, surplus)


def uncross(engine: "EngineState", book: Book) -> None:
    """Trades the executable volume at the uncross price, then expires the auction orders left in the book."""
    found = clearing(book)
    if found is not None:
        engine.emit(book.instrument_id, "uncrossed", price=found.price, qty=found.volume)
        left = found.volume
        while left > 0:
            buy, sell = book.best("buy"), book.best("sell")
            assert buy is not None
            assert sell is not None
            left -= cross(engine, book, buy, sell, found.price)
        assert left == 0
        book.reference = found.price
    for order in book.by_arrival():
        if order.resting and order.time_in_force in ("at_open", "at_close"):
            engine.expire(book, order)


def cross(engine: "EngineState", book: Book, buy: Order, sell: Order, price: int) -> int:
    """One trade of an uncross. Returns its quantity."""
    qty = min(buy.open_part, sell.open_part)
    engine.fill(book, buy, qty)
    engine.fill(book, sell, qty)
    engine.emit_trade(book, buy, sell, price, qty, None)
    for order in (buy, sell):
        engine.refresh(book, order)
        if order.leaves == 0:
            engine.forget(book, order)
    return qty
