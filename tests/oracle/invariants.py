"""What holds after every command."""

from typing import TYPE_CHECKING

from tests.oracle.model import Book, Order
from tests.oracle.settling import reference_pair
from tests.oracle.words import CALLS, MAX_INT64, RESTING_TIMES, SIDES

if TYPE_CHECKING:
    from tests.oracle.state import EngineState


def check_engine(engine: "EngineState") -> None:
    """The engine as a whole, then each book."""
    assert len(engine.books) <= engine.max_instruments
    assert len(engine.orders) <= engine.max_orders
    assert len(engine.remembered) <= engine.max_order_ids
    assert all(id_ > engine.retired for id_ in engine.remembered)
    in_books = [order for book in engine.books.values() for order in book.orders]
    assert sorted(order.order_id for order in in_books) == sorted(engine.orders)
    arrivals = [order.arrival for order in in_books]
    assert len(set(arrivals)) == len(arrivals)
    assert max(arrivals, default=0) <= engine.arrivals
    for book in engine.books.values():
        check_book(book)
        for order in book.orders:
            check_order(book, order)
            assert engine.is_used(order.order_id)
            assert order.expire_at is None or order.expire_at > engine.clock


def check_book(book: Book) -> None:
    """Prices, sums and what the phase allows."""
    assert book.live_pegs() <= book.definition.max_pegs
    assert book.peg_pair == reference_pair(book)
    for side in SIDES:
        assert book.live_leaves(side) <= MAX_INT64
        prices = [order.price for order in book.resting(side)]
        if book.phase not in (*CALLS, "halted", "closed"):
            assert None not in prices
    bid, ask = book.best("buy"), book.best("sell")
    if book.phase == "continuous" and bid is not None and ask is not None:
        assert bid.price is not None
        assert ask.price is not None
        assert bid.price < ask.price


def check_order(book: Book, order: Order) -> None:
    """Quantities, and where an order may be."""
    rules = book.definition
    assert order.cum_qty >= 0
    assert order.leaves > 0
    assert order.order_qty % rules.lot_step == 0
    assert order.cum_qty % rules.lot_step == 0
    if order.price is not None:
        assert rules.min_price <= order.price <= rules.max_price
        assert order.price % rules.tick_step == 0
    if order.waiting_stop:
        assert not order.resting
        assert order.stop_price is not None
        if book.phase == "continuous":
            assert not book.would_trigger(order.side, order.stop_price)
    elif order.type == "pegged":
        assert order.resting == (order.price is not None)
        assert book.phase == "continuous" or not order.resting
        if order.price is not None and order.worst is not None:
            assert order.price <= order.worst if order.side == "buy" else order.price >= order.worst
    elif order.time_in_force == "at_close":
        assert book.phase != "continuous" or not order.resting
        assert book.phase != "closing_call" or order.resting
    elif order.time_in_force == "at_open":
        assert order.resting
        assert book.phase in (*CALLS, "halted")
    else:
        assert order.resting
        assert order.time_in_force in RESTING_TIMES
    if order.resting and not order.hidden and order.price is not None:
        most = order.leaves if order.display_qty is None else min(order.display_qty, order.leaves)
        assert 1 <= order.shown <= most
    else:
        assert order.shown == 0
    assert book.phase != "closed" or order.time_in_force not in ("day", "at_open", "at_close")
