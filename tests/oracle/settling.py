"""Settling a book after a step: pegs follow the best prices, stops are released one by one."""

from typing import TYPE_CHECKING

from tests.oracle.matching import enter
from tests.oracle.model import Book, Order, Pair, triggers
from tests.oracle.words import TRAILING, opposite

if TYPE_CHECKING:
    from tests.oracle.state import EngineState


def settle(engine: "EngineState", book: Book) -> None:
    """Loops until no peg moves and no stop is triggered."""
    released: list[Order] = []
    while True:
        reprice_pegs(engine, book)
        if book.phase != "continuous":
            return
        collect_triggered(book, released)
        if not released:
            return
        release(engine, book, released.pop(0))


def reference_pair(book: Book) -> Pair:
    """The best displayed bid and ask of orders that are not pegged; none outside continuous."""
    if book.phase != "continuous":
        return (None, None)
    return (book.best_price("buy", pegs=False), book.best_price("sell", pegs=False))


def peg_price(book: Book, peg: Order, others: list[Order]) -> int | None:
    """Where a peg goes, seeing the orders `others`; none: it waits."""
    bid, ask = reference_pair(book)
    step, rules = book.definition.tick_step, book.definition
    buying = peg.side == "buy"
    if peg.peg == "primary":
        price = bid if buying else ask
    elif bid is None or ask is None:
        price = None
    elif buying:
        price = (bid + ask) // (2 * step) * step
    else:
        price = -(-(bid + ask) // (2 * step)) * step
    if price is None:
        return None
    price += peg.offset or 0
    against = [o.price for o in others if o.side == opposite(peg.side) and o.resting and o.price is not None]
    worst = [] if peg.worst is None else [peg.worst]
    if buying:
        price = min([price, *worst, *(other - step for other in against)])
    else:
        price = max([price, *worst, *(other + step for other in against)])
    return price if rules.min_price <= price <= rules.max_price else None


def reprice_pegs(engine: "EngineState", book: Book) -> None:
    """One pass over all pegs, if the pair they follow is not what it was at the last pass."""
    pair = reference_pair(book)
    if pair == book.peg_pair:
        return
    book.peg_pair = pair
    seen = [order for order in book.orders if order.type != "pegged"]
    for peg in book.by_arrival():
        if peg.type != "pegged":
            continue
        price = peg_price(book, peg, seen)
        seen.append(peg)
        if price == peg.price:
            continue
        engine.unrest(book, peg)
        peg.price = price
        if price is not None:
            engine.rest(book, peg)
        engine.emit(book.instrument_id, "repriced", order_id=peg.order_id, price=price)


def collect_triggered(book: Book, released: list[Order]) -> None:
    """Puts the stops that the prices of the step trigger on the list, and moves the trailing ones."""
    at_trades = book.step_trades if book.definition.trigger_source == "last" else []
    prices: list[Pair] = [(price, price) for price in at_trades]
    prices.append((book.trigger_price("buy"), book.trigger_price("sell")))
    book.step_trades = []
    for buy_price, sell_price in prices:
        at = {"buy": buy_price, "sell": sell_price}
        waiting = [o for o in book.by_arrival() if o.waiting_stop and o not in released]
        hit = [o for o in waiting if is_triggered(o, at[o.side])]
        buys = sorted((o for o in hit if o.side == "buy"), key=lambda o: (o.stop_price, o.arrival))
        sells = sorted((o for o in hit if o.side == "sell"), key=lambda o: (-(o.stop_price or 0), o.arrival))
        released += buys + sells
        for order in waiting:
            price = at[order.side]
            if order.type in TRAILING and order not in hit and price is not None:
                book.trailing_move(order, price)


def is_triggered(order: Order, price: int | None) -> bool:
    """Whether a waiting stop is triggered at a trigger price, if there is one."""
    assert order.stop_price is not None
    return price is not None and triggers(order.side, order.stop_price, price)


def release(engine: "EngineState", book: Book, stop: Order) -> None:
    """Turns the first stop of the list into an incoming order: a step of its own."""
    stop_price = stop.stop_price
    price = book.price_in_force(stop)
    stop.released = True
    stop.price = price
    engine.emit(book.instrument_id, "triggered", order_id=stop.order_id, stop_price=stop_price, price=price)
    enter(engine, book, stop)
