"""The engine: takes commands one by one and answers each with its events."""

from collections.abc import Callable
from typing import Any

from tests.oracle import auction, matching, settling, views
from tests.oracle.checks import rejection
from tests.oracle.invariants import check_engine
from tests.oracle.model import Book, Definition, Order
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


class Oracle:
    """A whole matching engine: `apply` a command, get the list of its events."""

    def __init__(
        self, max_instruments: int = 1024, max_orders: int = 1 << 20, max_order_ids: int = 1 << 24
    ) -> None:
        """An empty engine. A limit below 1 raises ValueError."""
        if min(max_instruments, max_orders, max_order_ids) < 1:
            raise ValueError("every limit must be at least 1")
        self.max_instruments = max_instruments
        self.max_orders = max_orders
        self.max_order_ids = max_order_ids
        self.clock = 0
        self.command_sequence = 0
        self.event_sequence = 0
        self.trade_sequence = 0
        self.arrivals = 0
        self.places = 0
        self.retired = 0
        self.highest_id = 0
        self.remembered: set[int] = set()
        self.orders: dict[int, Order] = {}
        self.books: dict[int, Book] = {}
        self.events: list[Event] = []
        self.trades: list[Event] = []
        self.l2_deltas: list[dict[str, Any]] = []
        self.l3_deltas: list[dict[str, Any]] = []

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

    # --- what the rules do to orders --------------------------------------------------------------

    def rest(self, book: Book, order: Order) -> None:
        """Puts an order at the back of its queue."""
        self.places += 1
        order.place = self.places
        if not order.hidden and order.price is not None:
            order.shown = order.leaves if order.display_qty is None else min(order.display_qty, order.leaves)
            self.record_l3(book, order, "add")

    def unrest(self, book: Book, order: Order) -> None:
        """Takes an order out of its queue; it stays live."""
        if order.shown > 0:
            self.record_l3(book, order, "delete")
        order.place, order.shown = None, 0

    def forget(self, book: Book, order: Order) -> None:
        """Ends the life of an order."""
        self.unrest(book, order)
        book.orders.remove(order)
        del self.orders[order.order_id]

    def cancel(self, book: Book, order: Order, reason: str) -> None:
        """Takes off what is left of an order."""
        qty = order.leaves
        self.forget(book, order)
        self.emit(book.instrument_id, "canceled", order_id=order.order_id, qty=qty, reason=reason)

    def expire(self, book: Book, order: Order) -> None:
        """The same, because its time is over."""
        qty = order.leaves
        self.forget(book, order)
        self.emit(book.instrument_id, "expired", order_id=order.order_id, qty=qty)

    def fill(self, book: Book, order: Order, qty: int) -> None:
        """Books a traded quantity."""
        order.cum_qty += qty
        self.use_shown(book, order, qty)

    def decrement(self, book: Book, order: Order, qty: int) -> None:
        """Takes a quantity off an order without a trade."""
        order.order_qty -= qty
        self.use_shown(book, order, qty)

    def use_shown(self, book: Book, order: Order, qty: int) -> None:
        """Uses up the shown part of a displayed order."""
        if order.shown > 0:
            order.shown -= qty
            self.record_l3(book, order, "set" if order.shown > 0 else "delete")

    def shrink(self, book: Book, order: Order) -> None:
        """Takes the reserve off first, then the shown part."""
        if order.shown > order.leaves:
            order.shown = order.leaves
            self.record_l3(book, order, "set")

    def refresh(self, book: Book, order: Order) -> None:
        """Shows the next part of an iceberg whose shown part is used up."""
        if order.display_qty is not None and order.resting and not order.shown and order.leaves > 0:
            self.rest(book, order)
            fields = {"order_id": order.order_id, "shown": order.shown, "leaves": order.leaves}
            self.emit(book.instrument_id, "refreshed", **fields)

    def change_phase(self, book: Book, phase: str) -> None:
        """Enters a phase."""
        book.phase = phase
        self.emit(book.instrument_id, "phase_changed", phase=phase)

    # --- events, deltas, look-ups -----------------------------------------------------------------

    def emit(self, instrument_id: int | None, kind: str, **fields: Any) -> None:
        """Appends an event."""
        self.event_sequence += 1
        head = {
            "sequence": self.event_sequence,
            "command_sequence": self.command_sequence,
            "timestamp": self.clock,
            "instrument_id": instrument_id,
            "kind": kind,
        }
        self.events.append(head | fields)

    def accept(self, c: Command, **fields: Any) -> None:
        """The answer of an accepted command."""
        self.emit(self.instrument_of(c), "accepted", command=c["kind"], **fields)

    def emit_trade(
        self, book: Book, maker: Order, taker: Order, price: int, qty: int, taker_side: str | None
    ) -> None:
        """A trade, which is the last price from now on."""
        self.trade_sequence += 1
        book.last = price
        book.step_trades.append(price)
        self.emit(
            book.instrument_id,
            "trade",
            trade_id=self.trade_sequence,
            price=price,
            qty=qty,
            maker_order_id=maker.order_id,
            maker_account=maker.account,
            maker_leaves=maker.leaves,
            taker_order_id=taker.order_id,
            taker_account=taker.account,
            taker_leaves=taker.leaves,
            taker_side=taker_side,
        )
        self.trades.append(self.events[-1])

    def emit_replaced(self, book: Book, order: Order, *, kept: bool) -> None:
        """The answer of a replace."""
        self.emit(
            book.instrument_id,
            "replaced",
            order_id=order.order_id,
            qty=order.order_qty,
            price=book.price_in_force(order),
            stop_price=book.stop_price_in_force(order),
            kept=kept,
        )

    def record_l3(self, book: Book, order: Order, action: str) -> None:
        """A change of one displayed order."""
        fields: dict[str, Any] = {"action": action, "order_id": order.order_id}
        if action == "add":
            fields |= {"side": order.side, "price": order.price}
        if action != "delete":
            fields |= {"qty": order.shown}
        self.l3_deltas.append(self.delta(book.instrument_id, fields))

    def record_l2_deltas(self, before: dict[int, dict[str, list[views.Level]]]) -> None:
        """The new totals of the levels that the command changed."""
        for id_ in sorted(self.books):
            now = views_of(self.books[id_])
            for side, sign in (("buy", -1), ("sell", 1)):
                old = {level[0]: level for level in before.get(id_, {}).get(side, [])}
                new = {level[0]: level for level in now[side]}
                for price in sorted(old.keys() | new.keys(), key=lambda price: sign * price):
                    if old.get(price) != new.get(price):
                        _, qty, count = new.get(price, (price, 0, 0))
                        fields = {"side": side, "price": price, "qty": qty, "count": count}
                        self.l2_deltas.append(self.delta(id_, fields))

    def delta(self, instrument_id: int, fields: dict[str, Any]) -> dict[str, Any]:
        """A delta with its command and instrument."""
        return {"command_sequence": self.command_sequence, "instrument_id": instrument_id} | fields

    def instrument_of(self, c: Command) -> int | None:
        """The instrument that a command names."""
        if c["kind"] in ("advance_time", "retire_ids"):
            return None
        id_ = c.get("instrument_id")
        assert id_ is None or isinstance(id_, int)
        return id_

    def find(self, c: Command) -> Order | None:
        """The live order that a cancel or replace names, if it is that account's and that instrument's."""
        order = self.orders.get(c["order_id"])
        if order is None or order.account != c["account"] or order.instrument_id != c["instrument_id"]:
            return None
        return order

    def is_used(self, order_id: int) -> bool:
        """Whether an id was accepted once, or counts as used."""
        return order_id <= self.retired or order_id in self.remembered

    def next_order_id(self) -> int:
        """The highest used id + 1, 0 where there is none left."""
        return (self.highest_id + 1) % 2**64

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


def views_of(book: Book) -> dict[str, list[views.Level]]:
    """Both sides of L2."""
    return {side: views.levels(book, side) for side in ("buy", "sell")}
