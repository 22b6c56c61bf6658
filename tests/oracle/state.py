"""What an engine remembers, and the few ways in which its rules may change an order or tell of it."""

from typing import Any

from tests.oracle import views
from tests.oracle.model import Book, Order
from tests.oracle.words import Command, Event


class EngineState:
    """Books, orders, ids and sequences; the events and deltas that were made of them."""

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


def views_of(book: Book) -> dict[str, list[views.Level]]:
    """Both sides of L2."""
    return {side: views.levels(book, side) for side in ("buy", "sell")}
