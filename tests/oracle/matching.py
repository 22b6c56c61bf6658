"""Continuous matching: an incoming order takes from the book, and what is left of it rests or is canceled."""

from collections import deque
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from tests.oracle.model import Book, Order
from tests.oracle.words import MARKETS, STOPS, beyond, opposite

if TYPE_CHECKING:
    from tests.oracle.state import EngineState


@dataclass(frozen=True)
class Reach:
    """How far a taker may go: its limit, then the collar, then the edge at which the market halts."""

    limit: int | None
    bound: int | None
    edge: int | None

    def allows(self, side: str, price: int) -> bool:
        """Whether a taker may trade at this price."""
        return not any(beyond(side, price, stop) for stop in (self.limit, self.bound, self.edge))

    def halts(self, side: str, price: int) -> bool:
        """Whether it is the edge alone that keeps a taker from this price."""
        inside = not beyond(side, price, self.limit) and not beyond(side, price, self.bound)
        return inside and beyond(side, price, self.edge)


def reach_of(book: Book, order: Order) -> Reach:
    """The reach of an incoming order, by the prices at the start of its step."""
    market = order.type in MARKETS
    halting = book.definition.band_mode == "halt"
    return Reach(
        limit=None if market else order.price,
        bound=book.collar_bound(order.side) if market else None,
        edge=book.edge(order.side, dynamic=True) if halting else None,
    )


def reachable(book: Book, taker: Order, reach: Reach) -> int:
    """What matching would trade until the taker is filled, reserves and hidden orders included."""
    total = 0
    for price, level in groupby(book.resting(opposite(taker.side)), key=lambda maker: maker.price):
        assert price is not None
        if not reach.allows(taker.side, price):
            return total
        makers = [(maker, maker.open_part, maker.leaves) for maker in level]
        queue = deque(each for each in makers if not each[0].hidden)
        hidden = deque(each for each in makers if each[0].hidden)
        while queue or hidden:
            maker, part, leaves = queue.popleft() if queue else hidden.popleft()
            if taker.stp_mode != "none" and taker.owns(maker):
                if taker.stp_mode == "cancel_oldest":
                    continue
                return total
            total += part
            if total >= taker.leaves:
                return taker.leaves
            if leaves > part:
                assert maker.display_qty is not None
                queue.append((maker, min(maker.display_qty, leaves - part), leaves - part))
    return total


def refusal(book: Book, order: Order, reach: Reach) -> str | None:
    """Why an incoming order is canceled whole before anything else happens."""
    if order.type == "market_to_limit":
        if order.price is None:
            return "no_liquidity"
        if beyond(order.side, order.price, book.collar_bound(order.side)):
            return "collar"
    if order.type in STOPS and order.type not in MARKETS and book.definition.band_mode == "reject":
        assert order.price is not None
        if beyond(order.side, order.price, book.edge(order.side, dynamic=True)):
            return "band"
    if order.time_in_force == "fok" and reachable(book, order, reach) < order.leaves:
        return "fok"
    if order.min_qty is not None and reachable(book, order, reach) < order.min_qty:
        return "min_qty"
    return None


def enter(engine: "EngineState", book: Book, taker: Order, *, replaced: bool = False) -> None:
    """Matches an incoming order in continuous, then rests or cancels what is left: a step."""
    reach = reach_of(book, taker)
    reason = None if replaced else refusal(book, taker, reach)
    if reason is not None:
        engine.cancel(book, taker, reason)
        return
    halted = False
    while taker.leaves > 0:
        maker = book.best(opposite(taker.side))
        if maker is None:
            break
        assert maker.price is not None
        if not reach.allows(taker.side, maker.price):
            halted = reach.halts(taker.side, maker.price)
            break
        if taker.stp_mode != "none" and taker.owns(maker):
            if prevent(engine, book, maker, taker):
                engine.cancel(book, taker, "self_trade")
                return
        else:
            trade(engine, book, maker, taker)
    if taker.leaves > 0:
        reason = rest_reason(book, taker, halted=halted)
        if reason is None:
            engine.rest(book, taker)
        else:
            engine.cancel(book, taker, reason)
    else:
        engine.forget(book, taker)
    if halted:
        engine.change_phase(book, "halted")


def rest_reason(book: Book, taker: Order, *, halted: bool) -> str | None:
    """Why what is left of a taker is canceled, none if it rests."""
    market = taker.type in MARKETS
    if halted and (market or taker.time_in_force in ("ioc", "fok")):
        return "halt"
    if market:
        return "no_liquidity" if book.best(opposite(taker.side)) is None else "collar"
    if taker.time_in_force == "ioc":
        return "ioc"
    assert taker.time_in_force != "fok"
    return None


def trade(engine: "EngineState", book: Book, maker: Order, taker: Order) -> None:
    """One trade at the maker's price, for the smaller of the taker's leaves and the maker's open part."""
    assert maker.price is not None
    qty = min(taker.leaves, maker.open_part)
    engine.fill(book, maker, qty)
    engine.fill(book, taker, qty)
    engine.emit_trade(book, maker, taker, maker.price, qty, taker.side)
    engine.refresh(book, maker)
    if maker.leaves == 0:
        engine.forget(book, maker)


def prevent(engine: "EngineState", book: Book, maker: Order, taker: Order) -> bool:
    """Keeps two own orders from trading. Whether the taker is to be canceled now."""
    mode, qty = taker.stp_mode, min(taker.leaves, maker.open_part)
    if mode == "decrement":
        engine.decrement(book, maker, qty)
        engine.decrement(book, taker, qty)
    engine.emit(
        book.instrument_id,
        "prevented",
        maker_order_id=maker.order_id,
        taker_order_id=taker.order_id,
        price=maker.price,
        qty=qty,
        maker_leaves=maker.leaves,
        taker_leaves=taker.leaves,
    )
    engine.refresh(book, maker)
    if mode in ("cancel_oldest", "cancel_both") or maker.leaves == 0:
        engine.cancel(book, maker, "self_trade")
    return mode in ("cancel_newest", "cancel_both") or taker.leaves == 0
