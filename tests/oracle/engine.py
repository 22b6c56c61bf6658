"""The engine: takes commands one by one and answers each with its events."""

from collections.abc import Callable
from typing import Any

from tests.oracle import auction, matching, settling, views
from tests.oracle.checks import rejection
from tests.oracle.invariants import check_engine
from tests.oracle.model import Book, Definition, Order
from tests.oracle.state import EngineState, views_of
from tests.oracle.words import STOPS, Command, Event, opposite

DEFINITION_FIELDS = (
    "tick_step",
    "lot_step",
    "min_price",
    "max_price",
    "max_qty",
    "max_notional",
    "max_parts",
    "max_pegs",
    "trigger_source",
    "stop_wrong_side",
    "band_mode",
)
BAND_FIELDS = ("collar", "static_band", "dynamic_band")


class Oracle(EngineState):
    """A whole matching engine: `apply` a command, get the list of its events."""

    # --- commands -------------------------------------------------------------------------------

    def apply(self, c: Command) -> list[Event]:
        """Moves the clock, answers the command, settles what it touched. Returns the events of all that."""
        self.command_sequence += 1
        self.events = []
        before = {id_: views_of(book) for id_, book in self.books.items()}
        self.advance_clock(c.get("timestamp", self.clock))
        kind = c.get("kind")
        reason = rejection(self, c)
        if reason is None:
            assert isinstance(kind, str)
            {
                "define_instrument": self.define_instrument,
                "set_phase": self.set_phase,
                "set_reference": self.set_price,
                "set_mark": self.set_price,
                "new": self.new,
                "replace": self.replace,
                "cancel": self.cancel_one,
                "mass_cancel": self.mass_cancel,
                "advance_time": self.advance_time,
                "retire_ids": self.retire_ids,
            }[kind](c)
        else:
            known = reason != "unknown_command"
            order_id = c["order_id"] if kind in ("new", "replace", "cancel") else None
            instrument_id = self.instrument_of(c) if known else None
            self.emit(instrument_id, "rejected", command=kind, order_id=order_id, reason=reason)
        self.record_l2_deltas(before)
        return self.events

    def advance_clock(self, timestamp: int) -> None:
        """Expires the GTD orders whose time has come, in all books, then settles those books."""
        self.clock = max(self.clock, timestamp)
        due = [o for o in self.orders.values() if o.expire_at is not None and o.expire_at <= self.clock]
        due.sort(key=lambda order: (order.expire_at, order.arrival))
        self.settle_touched(due, self.expire)

    def settle_touched(self, orders: list[Order], act: Callable[[Book, Order], None]) -> None:
        """Acts on each order, then settles each book in the order first touched."""
        touched = list(dict.fromkeys(order.instrument_id for order in orders))
        for id_ in touched:
            self.books[id_].step_trades = []
        for order in orders:
            act(self.books[order.instrument_id], order)
        for id_ in touched:
            settling.settle(self, self.books[id_])

    def define_instrument(self, c: Command) -> None:
        """A book with new rules, empty."""
        rules: dict[str, Any] = {name: c[name] for name in DEFINITION_FIELDS}
        rules.update({name: c.get(name) for name in BAND_FIELDS})
        id_ = c["instrument_id"]
        self.books[id_] = Book(id_, Definition(**rules), c["phase"], c.get("reference"))
        self.accept(c)

    def set_phase(self, c: Command) -> None:
        """Uncrosses where the calls end, and lets the auction and day orders come and go."""
        book = self.books[c["instrument_id"]]
        book.step_trades = []
        before, after = book.phase, c["phase"]
        self.accept(c)
        if after == "continuous" or (before, after) == ("closing_call", "closed"):
            auction.uncross(self, book)
        self.change_phase(book, after)
        for order in book.by_arrival():
            if after == "closing_call" and order.time_in_force == "at_close" and not order.resting:
                self.rest(book, order)
                fields = {"order_id": order.order_id, "stop_price": None, "price": order.price}
                self.emit(book.instrument_id, "triggered", **fields)
            if after == "closed" and order.time_in_force in ("day", "at_open", "at_close"):
                self.expire(book, order)
        settling.settle(self, book)

    def set_price(self, c: Command) -> None:
        """The static reference, or the mark price."""
        book = self.books[c["instrument_id"]]
        book.step_trades = []
        if c["kind"] == "set_mark":
            book.mark = c["price"]
        else:
            book.reference = c["price"]
        self.accept(c)
        settling.settle(self, book)

    def new(self, c: Command) -> None:
        """A new order: it waits, rests or matches."""
        book = self.books[c["instrument_id"]]
        book.step_trades = []
        order = self.order_from(c)
        if order.type in ("trailing_stop", "trailing_stop_limit"):
            assert order.trail is not None
            order.stop_price = book.trailing_start(order.side, order.trail)
        elif order.type == "market_to_limit":
            best = book.best(opposite(order.side))
            order.price = None if best is None else best.price
        elif order.type == "pegged":
            order.price = settling.peg_price(book, order, book.orders)
        self.remembered.add(order.order_id)
        self.highest_id = max(self.highest_id, order.order_id)
        self.orders[order.order_id] = order
        book.orders.append(order)
        self.accept(
            c,
            order_id=order.order_id,
            account=order.account,
            side=order.side,
            type=order.type,
            time_in_force=order.time_in_force,
            qty=order.order_qty,
            price=book.price_in_force(order),
            stop_price=order.stop_price,
        )
        self.place(book, order)
        settling.settle(self, book)

    def place(self, book: Book, order: Order) -> None:
        """Sends a new order where its type and the phase let it go."""
        if order.type in STOPS:
            return
        if order.time_in_force == "at_close" and book.phase != "closing_call":
            return
        if order.type == "pegged":
            if order.price is not None:
                self.rest(book, order)
        elif book.phase == "continuous":
            matching.enter(self, book, order)
        else:
            self.rest(book, order)

    def order_from(self, c: Command) -> Order:
        """The order that an accepted command describes, with its arrival."""
        self.arrivals += 1
        pegged, has_limit = c["type"] == "pegged", c["type"] in ("limit", "stop_limit")
        return Order(
            order_id=c["order_id"],
            instrument_id=c["instrument_id"],
            account=c["account"],
            stp_group=c.get("stp_group"),
            stp_mode=c.get("stp_mode", "none"),
            side=c["side"],
            type=c["type"],
            time_in_force=c["time_in_force"],
            flags=c.get("flags", 0),
            order_qty=c["qty"],
            price=c["price"] if has_limit else None,
            worst=c.get("price") if pegged else None,
            stop_price=c.get("stop_price"),
            trail=c.get("trail"),
            peg=c.get("peg"),
            offset=c.get("offset"),
            display_qty=None if c.get("display_qty") == c["qty"] else c.get("display_qty"),
            min_qty=c.get("min_qty"),
            expire_at=c.get("expire_at"),
            arrival=self.arrivals,
        )

    def replace(self, c: Command) -> None:
        """Changes a live order, in its place where it may keep it."""
        book = self.books[c["instrument_id"]]
        book.step_trades = []
        order = self.orders[c["order_id"]]
        qty = c.get("qty", order.order_qty)
        if qty <= order.cum_qty:
            self.cancel(book, order, "replaced")
            settling.settle(self, book)
            return
        limit = order.worst if order.type == "pegged" else order.price
        price, stop_price = c.get("price", limit), c.get("stop_price", order.stop_price)
        kept = price == limit and stop_price == order.stop_price and qty <= order.order_qty
        if kept:
            order.order_qty = qty
            self.shrink(book, order)
            self.emit_replaced(book, order, kept=True)
        else:
            self.arrivals += 1
            order.arrival = self.arrivals
            rested = order.resting
            self.unrest(book, order)
            order.order_qty, order.stop_price = qty, stop_price
            if order.type != "pegged":
                order.price = price
            else:
                order.worst = price
                order.price = settling.peg_price(book, order, book.orders)
            self.emit_replaced(book, order, kept=False)
            if order.type == "pegged":
                if order.price is not None:
                    self.rest(book, order)
            elif rested and book.phase == "continuous":
                matching.enter(self, book, order, replaced=True)
            elif rested:
                self.rest(book, order)
        settling.settle(self, book)

    def cancel_one(self, c: Command) -> None:
        """Takes one order off."""
        book = self.books[c["instrument_id"]]
        book.step_trades = []
        self.cancel(book, self.orders[c["order_id"]], "requested")
        settling.settle(self, book)

    def mass_cancel(self, c: Command) -> None:
        """Takes off all orders of an instrument, an account or both, of one side or both."""
        self.accept(c)
        matching_orders = [
            order
            for order in self.orders.values()
            if order.instrument_id == c.get("instrument_id", order.instrument_id)
            and order.account == c.get("account", order.account)
            and order.side == c.get("side", order.side)
        ]
        matching_orders.sort(key=lambda order: order.arrival)
        self.settle_touched(matching_orders, lambda book, order: self.cancel(book, order, "mass"))

    def advance_time(self, c: Command) -> None:
        """The clock has moved already."""
        self.accept(c)

    def retire_ids(self, c: Command) -> None:
        """Forgets the ids up to a watermark; they count as used for ever."""
        self.retired = max(self.retired, c["up_to"])
        self.highest_id = max(self.highest_id, self.retired)
        self.remembered = {id_ for id_ in self.remembered if id_ > self.retired}
        self.accept(c)

    # --- views ------------------------------------------------------------------------------------

    def l1(self, instrument_id: int) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """Best bid and ask with size."""
        return views.top(self.books[instrument_id])

    def l2(self, instrument_id: int, side: str) -> list[views.Level]:
        """All levels of one side, best first."""
        return views.levels(self.books[instrument_id], side)

    def l3(self, instrument_id: int) -> list[views.Entry]:
        """All displayed orders, bids first, each side in priority order."""
        return views.entries(self.books[instrument_id])

    def indicative(self, instrument_id: int) -> tuple[int, int, int] | None:
        """Uncross price, volume and surplus of a call."""
        return views.indicative(self.books[instrument_id])

    def instrument(self, instrument_id: int) -> dict[str, Any]:
        """Phase, prices and number of live orders."""
        return views.instrument(self.books[instrument_id])

    def queue_position(self, order_id: int) -> tuple[int, int] | None:
        """Orders and quantity ahead of a resting order."""
        order = self.orders.get(order_id)
        return None if order is None else views.queue_position(self.books[order.instrument_id], order)

    def order(self, order_id: int) -> dict[str, Any] | None:
        """Status of a live order."""
        order = self.orders.get(order_id)
        return None if order is None else views.status(self.books[order.instrument_id], order)

    def state(self) -> dict[str, Any]:
        """Everything that influences later behaviour."""
        return views.state(self)

    def check_invariants(self) -> None:
        """Raises AssertionError if the state is one that no sequence of commands may reach."""
        check_engine(self)
