"""What the venue remembers beside the books: its limits of size, instruments, orders and positions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.oracle.venue.words import RATE_ONE, SECOND

Command = Mapping[str, Any]
Report = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """How much of everything there may be; reaching one is a reject."""

    max_accounts: int = 1_000
    max_assets: int = 16
    max_balances: int = 4_000
    max_holds: int = 1_000
    max_transfers: int = 100_000
    max_instruments: int = 8
    max_orders: int = 1_000
    max_positions: int = 1_000
    max_client_ids: int = 100_000
    max_sessions: int = 1_000
    queue_capacity: int = 10_000
    queue_ttl: int = 5 * SECOND
    max_unposted_trades: int = 10_000


@dataclass(frozen=True)
class Market:
    """What an instrument is made of, and what trading it costs."""

    instrument_id: int
    base: int
    quote: int
    price_scale: int
    qty_scale: int
    lot_units: int  # minor units of base in a lot
    notional_units: int  # minor units of quote in a tick times a lot
    fee_mode: str
    maker_rate: int
    taker_rate: int
    max_price: int
    max_qty: int
    symbol: str

    @property
    def reserve_rate(self) -> int:
        """The rate at which a fee is reserved."""
        return max(self.maker_rate, self.taker_rate, 0)

    def fee_in_quote(self, side: str) -> bool:
        """Whether an order of a side pays its fee in the quote asset."""
        return self.fee_mode == "quote" or (self.fee_mode == "received" and side == "sell")

    def fee_asset(self, side: str) -> int:
        """The asset in which an order of a side pays its fee."""
        return self.quote if self.fee_in_quote(side) else self.base

    def reserves_fee(self, side: str) -> bool:
        """Whether the fee comes out of the asset that the order pays with."""
        return self.fee_asset(side) == self.pays(side)

    def pays(self, side: str) -> int:
        """The asset that an order of a side gives away."""
        return self.quote if side == "buy" else self.base

    def gets(self, side: str) -> int:
        """The asset that it receives."""
        return self.base if side == "buy" else self.quote

    def notional(self, price: int, qty: int) -> int:
        """Minor units of quote."""
        return price * qty * self.notional_units


@dataclass(eq=False)
class VenueOrder:
    """A live order, as its owner is told of it, and what it has reserved."""

    order_id: int
    account: int
    session: int
    market: Market
    client_order_id: str
    side: str
    type: str
    time_in_force: str
    flags: int
    order_qty: int
    price: int | None  # last told
    stop_price: int | None  # last told
    worst: int  # the price at which it counts
    reserved: int
    status: str
    command: Command
    entered: int
    spends: bool = False  # a quote_qty: what it has reserved is what it may spend
    reserved_for: int = 0  # that quote_qty
    canceling: bool = False  # a cancel of it is on its way to a shard
    replaces: int = 0  # of it that are on their way; until they are decided it counts with the most of all
    most_qty: int = 0
    most_worst: int = 0
    cum_qty: int = 0
    fee_due: Fraction = Fraction(0)

    @property
    def leaves(self) -> int:
        """What is still to be traded."""
        return self.order_qty - self.cum_qty

    @property
    def counted(self) -> int:
        """The lots that it counts for."""
        return max(self.order_qty, self.most_qty if self.replaces else 0) - self.cum_qty

    @property
    def counts_at(self) -> int:
        """The price at which they count."""
        return max(self.worst, self.most_worst if self.replaces else 0)

    @property
    def notional(self) -> int:
        """What it counts in the open notional of its position."""
        return self.market.notional(self.counts_at, self.counted)

    def charge(self, amount: int, rate: int) -> int:
        """What the order has to pay now that a fee of rate on this amount came due: the house rounds up."""
        paid = math.ceil(self.fee_due)
        self.fee_due += Fraction(amount * rate, RATE_ONE)
        return math.ceil(self.fee_due) - paid


def need(market: Market, side: str, leaves: int, worst: int, fee_due: Fraction = Fraction(0)) -> int:
    """What so many lots can cost at worst, in the asset that the order pays with."""
    amount = market.notional(worst, leaves) if side == "buy" else leaves * market.lot_units
    if not market.reserves_fee(side):
        return amount
    fee = Fraction(amount * market.reserve_rate, RATE_ONE)
    return amount + math.ceil(fee_due + fee) - math.ceil(fee_due)


@dataclass
class Accepted:
    """An order as the duplicate window remembers it."""

    at: int
    side: str
    type: str
    price: int | None
    qty: int


@dataclass
class Position:
    """What an account has done in an instrument, and what its live orders may still do."""

    qty: int = 0
    cost: int = 0  # of the open part, signed like qty
    realised: int = 0  # of the day
    day: int = 0
    base: int = 0  # unrealised result at the first touch of the day
    open_lots: dict[str, int] = field(default_factory=lambda: {"buy": 0, "sell": 0})
    open_notional: dict[str, int] = field(default_factory=lambda: {"buy": 0, "sell": 0})
    live_orders: int = 0
    next_arrival: int = 0  # of the order rate, ns
    accepted: list[Accepted] = field(default_factory=list)

    def count(self, order: VenueOrder, sign: int) -> None:
        """Adds an order's open part, or takes it off."""
        self.open_lots[order.side] += sign * order.counted
        self.open_notional[order.side] += sign * order.notional

    def fill(self, lots: int, amount: int) -> None:
        """Books a fill of `lots`, bought or (negative) sold, for `amount` of quote."""
        price_of_all, left = amount, abs(lots)
        if self.qty * lots < 0:
            closed = min(abs(self.qty), left)
            cost = half_even(self.cost * closed, abs(self.qty))
            paid = price_of_all * closed // left
            self.realised += paid - cost if self.qty > 0 else -paid - cost
            self.cost -= cost
            self.qty += closed if lots > 0 else -closed
            price_of_all -= paid
            left -= closed
        if left > 0:
            self.qty += left if lots > 0 else -left
            self.cost += price_of_all if lots > 0 else -price_of_all


def half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to nearest, ties to even. The denominator is positive."""
    return round(Fraction(numerator, denominator))
