"""What can be seen of an engine: market data, queue positions, order status, and the state as one value."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tests.oracle.auction import clearing
from tests.oracle.model import Book, Order
from tests.oracle.words import CALLS, SIDES

if TYPE_CHECKING:
    from tests.oracle.state import EngineState

Level = tuple[int, int, int]
"""Price, shown quantity, count of displayed orders."""
Entry = tuple[str, int, int, int]
"""Side, order_id, price, shown quantity."""


def levels(book: Book, side: str) -> list[Level]:
    """L2 of one side, best first."""
    result: list[Level] = []
    for order in book.displayed(side):
        assert order.price is not None
        if result and result[-1][0] == order.price:
            price, qty, count = result[-1]
            result[-1] = (price, qty + order.shown, count + 1)
        else:
            result.append((order.price, order.shown, 1))
    return result


def entries(book: Book) -> list[Entry]:
    """L3: bids best first, then asks, each price in queue order."""
    return [
        (side, order.order_id, order.price, order.shown)
        for side in SIDES
        for order in book.displayed(side)
        if order.price is not None
    ]


def top(book: Book) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """L1: price and size of the best bid and the best ask."""
    bids, asks = levels(book, "buy"), levels(book, "sell")
    return (bids[0][:2] if bids else None, asks[0][:2] if asks else None)


def instrument(book: Book) -> dict[str, Any]:
    """What an instrument shows beside its book."""
    return {
        "phase": book.phase,
        "last": book.last,
        "mark": book.mark,
        "reference": book.reference,
        "live_orders": len(book.orders),
    }


def indicative(book: Book) -> tuple[int, int, int] | None:
    """Price, volume and surplus of the uncross that would happen now; none outside a call."""
    found = clearing(book) if book.phase in CALLS else None
    return None if found is None else (found.price, found.volume, found.surplus)


def queue_position(book: Book, order: Order) -> tuple[int, int] | None:
    """Orders and quantity ahead of an order at its price; none while it waits or has no price."""
    if not order.resting or order.price is None:
        return None
    side = book.resting(order.side)
    ahead = [o for o in side[: side.index(order)] if o.price == order.price]
    if order.hidden:
        return (len(ahead), sum(o.leaves for o in ahead))
    return (len(ahead), sum(o.shown for o in ahead))


def status(book: Book, order: Order) -> dict[str, Any]:
    """All that its owner may know of a live order."""
    return {
        "order_id": order.order_id,
        "account": order.account,
        "instrument_id": order.instrument_id,
        "side": order.side,
        "type": order.type,
        "time_in_force": order.time_in_force,
        "flags": order.flags,
        "stp_mode": order.stp_mode,
        "stp_group": order.stp_group,
        "order_qty": order.order_qty,
        "cum_qty": order.cum_qty,
        "leaves_qty": order.leaves,
        "shown_qty": order.shown,
        "price": book.price_in_force(order),
        "stop_price": book.stop_price_in_force(order),
        "trail": order.trail,
        "peg": order.peg,
        "offset": order.offset,
        "worst_price": order.worst,
        "display_qty": order.display_qty,
        "expire_at": order.expire_at,
        "arrival": order.arrival,
        "resting": order.resting,
    }


def state(engine: "EngineState") -> dict[str, Any]:
    """Everything that influences later behaviour, but for the clock and the two sequences."""
    return {
        "limits": (engine.max_instruments, engine.max_orders, engine.max_order_ids),
        "arrivals": engine.arrivals,
        "trades": engine.trade_sequence,
        "retired": engine.retired,
        "highest": engine.highest_id,
        "remembered": sorted(engine.remembered),
        "books": {
            book.instrument_id: {
                "definition": asdict(book.definition),
                "phase": book.phase,
                "reference": book.reference,
                "last": book.last,
                "mark": book.mark,
                "peg_pair": book.peg_pair,
                "queues": [[order.order_id for order in book.resting(side)] for side in SIDES],
                "orders": [asdict(order) for order in book.by_arrival()],
            }
            for book in sorted(engine.books.values(), key=lambda book: book.instrument_id)
        },
    }
