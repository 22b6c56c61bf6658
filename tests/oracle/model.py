"""What the oracle remembers: orders, and one book for each instrument."""

from dataclasses import dataclass, field

from tests.oracle.words import HIDDEN, POST_ONLY, STOPS, TRAILING, opposite, tighter


@dataclass(frozen=True)
class Definition:
    """The rules of one instrument, as its define_instrument gave them."""

    tick_step: int
    lot_step: int
    min_price: int
    max_price: int
    max_qty: int
    max_notional: int
    max_parts: int
    max_pegs: int
    trigger_source: str
    stop_wrong_side: str
    band_mode: str
    collar: int | None
    static_band: int | None
    dynamic_band: int | None

    @property
    def largest_price(self) -> int:
        """The magnitude at which an order without a fixed limit counts."""
        return max(abs(self.min_price), abs(self.max_price))

    def clamp(self, price: int) -> int:
        """The multiple of tick_step within min..max_price that is nearest to `price`, itself one."""
        lowest = -(-self.min_price // self.tick_step) * self.tick_step
        highest = self.max_price // self.tick_step * self.tick_step
        return min(max(price, lowest), highest)


@dataclass(eq=False)
class Order:
    """A live order. It rests while it has a place, and waits outside the book while it has none."""

    order_id: int
    instrument_id: int
    account: int
    stp_group: int | None
    stp_mode: str
    side: str
    type: str
    time_in_force: str
    flags: int
    order_qty: int
    price: int | None  # the limit in force; of a peg its present price
    worst: int | None  # of a peg the price given by its owner
    stop_price: int | None
    trail: int | None
    peg: str | None
    offset: int | None
    display_qty: int | None
    min_qty: int | None
    expire_at: int | None
    arrival: int
    cum_qty: int = 0
    shown: int = 0  # displayed part while it rests
    place: int | None = None  # among all that ever went to the back of a queue
    released: bool = False  # of a stop

    @property
    def leaves(self) -> int:
        """What is still to be traded."""
        return self.order_qty - self.cum_qty

    @property
    def hidden(self) -> bool:
        """Whether it rests unseen."""
        return bool(self.flags & HIDDEN)

    @property
    def post_only(self) -> bool:
        """Whether it refuses to take on entry."""
        return bool(self.flags & POST_ONLY)

    @property
    def resting(self) -> bool:
        """Whether it is in the book."""
        return self.place is not None

    @property
    def waiting_stop(self) -> bool:
        """Whether it is a stop that was not released yet."""
        return self.type in STOPS and not self.released

    @property
    def open_part(self) -> int:
        """What a taker, or the other side of an uncross, may take of it at once."""
        return self.leaves if self.hidden or self.price is None else self.shown

    def owns(self, other: "Order") -> bool:
        """Whether the two orders are own to each other."""
        if self.stp_group is None and other.stp_group is None:
            return self.account == other.account
        return self.stp_group == other.stp_group

    def priority(self) -> tuple[bool, int, bool, int]:
        """Sorts the resting orders of one side: market orders, price, displayed before hidden, place."""
        if self.price is None:
            return (False, 0, False, self.arrival)
        assert self.place is not None
        return (True, -self.price if self.side == "buy" else self.price, self.hidden, self.place)


Pair = tuple[int | None, int | None]


@dataclass
class Book:
    """One instrument: its rules, prices and phase, and its live orders in order of arrival."""

    instrument_id: int
    definition: Definition
    phase: str
    reference: int | None
    last: int | None = None
    mark: int | None = None
    orders: list[Order] = field(default_factory=list)
    peg_pair: Pair = (None, None)
    step_trades: list[int] = field(default_factory=list)

    def by_arrival(self) -> list[Order]:
        """All live orders, oldest first."""
        return sorted(self.orders, key=lambda order: order.arrival)

    def resting(self, side: str) -> list[Order]:
        """The orders of one side in the book, in priority order."""
        return sorted((o for o in self.orders if o.resting and o.side == side), key=Order.priority)

    def best(self, side: str) -> Order | None:
        """The first of them."""
        return min((o for o in self.orders if o.resting and o.side == side), key=Order.priority, default=None)

    def displayed(self, side: str) -> list[Order]:
        """Those that market data shows."""
        return [order for order in self.resting(side) if order.price is not None and not order.hidden]

    def best_price(self, side: str, *, pegs: bool) -> int | None:
        """The best displayed price of a side, with or without the pegged orders."""
        prices = [o.price for o in self.displayed(side) if pegs or o.type != "pegged"]
        return prices[0] if prices else None

    def r(self) -> int | None:
        """The reference of collars and dynamic bands."""
        return self.last if self.last is not None else self.reference

    def trigger_price(self, side: str) -> int | None:
        """The present price that stops of `side` look at."""
        if self.definition.trigger_source == "last":
            return self.last
        if self.definition.trigger_source == "mark":
            return self.mark
        return self.best_price(opposite(side), pegs=True)

    def edge(self, side: str, *, dynamic: bool) -> int | None:
        """The price beyond which a taker of `side` leaves the bands."""
        rules, sign = self.definition, 1 if side == "buy" else -1
        edges: list[int | None] = []
        if rules.static_band is not None and self.reference is not None:
            edges.append(self.reference + sign * rules.static_band)
        r = self.r()
        if dynamic and rules.dynamic_band is not None and r is not None:
            edges.append(r + sign * rules.dynamic_band)
        return tighter(side, edges)

    def collar_bound(self, side: str) -> int | None:
        """The price beyond which an order without a limit does not trade: collar, and bands that reject."""
        rules, sign, r = self.definition, 1 if side == "buy" else -1, self.r()
        collar = None if rules.collar is None or r is None else r + sign * rules.collar
        band = self.edge(side, dynamic=True) if rules.band_mode == "reject" else None
        return tighter(side, [collar, band])

    def price_in_force(self, order: Order) -> int | None:
        """The limit of an order as events tell it."""
        if order.type == "trailing_stop_limit" and not order.released:
            assert order.stop_price is not None
            assert order.offset is not None
            return self.definition.clamp(order.stop_price + order.offset)
        return order.price

    def stop_price_in_force(self, order: Order) -> int | None:
        """The stop price of an order that waits for it."""
        return order.stop_price if order.waiting_stop else None

    def would_trigger(self, side: str, stop_price: int) -> bool:
        """Whether the present trigger price would release such a stop."""
        price = self.trigger_price(side)
        return price is not None and triggers(side, stop_price, price)

    def live_leaves(self, side: str) -> int:
        """The leaves of all live orders of a side, waiting ones too."""
        return sum(order.leaves for order in self.orders if order.side == side)

    def live_pegs(self) -> int:
        """How many live orders are pegged."""
        return sum(order.type == "pegged" for order in self.orders)

    def trailing_start(self, side: str, trail: int) -> int:
        """Where a new trailing stop starts."""
        price = self.trigger_price(side)
        assert price is not None
        return price - trail if side == "sell" else price + trail

    def trailing_move(self, order: Order, price: int) -> None:
        """Moves a trailing stop after a trigger price that did not trigger it."""
        assert order.type in TRAILING
        assert order.trail is not None
        assert order.stop_price is not None
        if order.side == "sell":
            order.stop_price = max(order.stop_price, price - order.trail)
        else:
            order.stop_price = min(order.stop_price, price + order.trail)


def triggers(side: str, stop_price: int, price: int) -> bool:
    """Whether a stop of `side` is triggered at a trigger price."""
    return price >= stop_price if side == "buy" else price <= stop_price
