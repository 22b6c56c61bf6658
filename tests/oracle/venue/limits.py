"""Limits before the trade: which an order would break, with the numbers that go with the refusal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.oracle.venue.model import Market, Position, VenueOrder
from tests.oracle.words import REDUCE_ONLY

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState

Breach = tuple[str, tuple[int, int]]


@dataclass(frozen=True)
class Asked:
    """An order as limits see it; `replaced` is the one whose place it takes, which is not counted then."""

    account: int
    market: Market
    side: str
    type: str
    price: int | None
    qty: int
    notional: int
    replaced: VenueOrder | None = None


def breaches(venue: "VenueState", o: Asked) -> Iterator[Breach]:
    """Every limit that an order would break, in the order of their codes."""
    position = venue.position(o.account, o.market)
    amounts = [
        ("max_order_qty", o.qty),
        ("max_order_notional", o.notional),
        ("max_open_orders", 0 if o.replaced else position.live_orders + 1),
        *exposures(venue, o, position),
    ]
    for name, asked in amounts:
        limit = venue.limit(o.account, o.market, name)
        if limit is not None and asked > limit:
            yield name, (limit, asked)
    loss, most = daily_loss(venue, o, position), venue.limit(o.account, o.market, "max_daily_loss")
    if most is not None and loss >= most:
        yield "max_daily_loss", (most, loss)
    yield from collar_breach(venue, o)
    yield from rate_breach(venue, o, position)
    if o.replaced is None:
        yield from duplicate_breach(venue, o, position)


def exposures(venue: "VenueState", o: Asked, position: Position) -> list[tuple[str, int]]:
    """What the position would be at worst."""
    lots, notional = position.open_lots, position.open_notional
    value = venue.value(position, o.market)
    sign = 1 if o.side == "buy" else -1
    return [
        ("max_position", sign * position.qty + lots[o.side] + o.qty),
        ("max_gross_notional", abs(value) + notional["buy"] + notional["sell"] + o.notional),
        ("max_net_notional", sign * value + notional[o.side] + o.notional),
    ]


def daily_loss(venue: "VenueState", o: Asked, position: Position) -> int:
    """What was lost since the start of the day."""
    realised, base = venue.today(position, o.market)
    return -(realised + venue.value(position, o.market) - position.cost - base)


def collar_breach(venue: "VenueState", o: Asked) -> Iterator[Breach]:
    """A limit price too far from the reference."""
    limit, reference = venue.limit(o.account, o.market, "price_collar"), venue.reference(o.market)
    if limit is None or reference is None or o.price is None:
        return
    if o.type not in ("limit", "stop_limit", "pegged", "market_to_limit"):
        return
    distance = o.price - reference if o.side == "buy" else reference - o.price
    if distance > limit:
        yield "price_collar", (limit, distance)


def interval_of(venue: "VenueState", account: int, market: Market) -> tuple[int, int] | None:
    """Orders allowed, and the time between two of them in the long run."""
    rate = venue.limit(account, market, "order_rate")
    interval = venue.limit(account, market, "rate_interval")
    if rate is None or interval is None:
        return None
    return rate, -(-interval // rate)


def rate_breach(venue: "VenueState", o: Asked, position: Position) -> Iterator[Breach]:
    """Too many orders in too short a time."""
    found = interval_of(venue, o.account, o.market)
    if found is None:
        return
    rate, between = found
    wait = max(position.next_arrival, venue.clock) + between - rate * between - venue.clock
    if wait > 0:
        yield "order_rate", (rate, wait)


def count_order(venue: "VenueState", position: Position, market: Market, account: int) -> None:
    """Counts an order that was accepted, where a rate is set and limits are looked at."""
    found = interval_of(venue, account, market)
    if found is not None and venue.policy == 0:
        position.next_arrival = max(position.next_arrival, venue.clock) + found[1]


def duplicate_breach(venue: "VenueState", o: Asked, position: Position) -> Iterator[Breach]:
    """The same order again."""
    window = venue.limit(o.account, o.market, "duplicate_window")
    if window is None:
        return
    wanted = (o.side, o.type, o.price, o.qty)
    ages = [
        venue.clock - each.at
        for each in position.accepted
        if (each.side, each.type, each.price, each.qty) == wanted
    ]
    if ages and min(ages) < window:
        yield "duplicate_order", (window, min(ages))


def reduces(
    venue: "VenueState",
    market: Market,
    account: int,
    side: str,
    qty: int,
    replaced: VenueOrder | None = None,
) -> bool:
    """Whether a reduce_only order only reduces the position, with the account's others."""
    position = venue.position(account, market)
    open_part = -position.qty if side == "buy" else position.qty
    others = sum(
        order.leaves
        for order in venue.orders.values()
        if order.account == account
        and order.market.instrument_id == market.instrument_id
        and order.flags & REDUCE_ONLY
        and order is not replaced
    )
    return open_part >= qty + others
