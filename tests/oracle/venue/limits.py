"""Limits before the trade: which an order would break, with the numbers that go with the refusal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.oracle.venue.model import Market, Position, VenueOrder
from tests.oracle.venue.words import MAX_INT64
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
            yield name, (limit, min(asked, MAX_INT64))
    loss, most = daily_loss(venue, o, position), venue.limit(o.account, o.market, "max_daily_loss")
    if most is not None and loss > 0 and loss >= most:
        yield "max_daily_loss", (most, min(loss, MAX_INT64))
    yield from collar_breach(venue, o)
    yield from rate_breach(venue, o, position)
    count_order(venue, o)
    if o.replaced is None:
        yield from duplicate_breach(venue, o, position)


def worst_lots(venue: "VenueState", market: Market, account: int, side: str, qty: int) -> int:
    """How many lots long (or short) the account would be if all its orders of the side were filled."""
    position = venue.position(account, market)
    return (1 if side == "buy" else -1) * position.qty + position.open_lots[side] + qty


def exposures(venue: "VenueState", o: Asked, position: Position) -> list[tuple[str, int]]:
    """What the position would be at worst."""
    notional = position.open_notional
    value = venue.value(position, o.market)
    sign = 1 if o.side == "buy" else -1
    return [
        ("max_position", worst_lots(venue, o.market, o.account, o.side, o.qty)),
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
    distance = o.price - reference if o.side == "buy" else reference - o.price
    if distance > limit:
        yield "price_collar", (limit, distance)


def rate_breach(venue: "VenueState", o: Asked, position: Position) -> Iterator[Breach]:
    """Too many orders in too short a time."""
    rate = venue.limit(o.account, o.market, "order_rate")
    if rate is None:
        return
    interval = venue.limit(o.account, o.market, "rate_interval")
    assert interval is not None
    wait = max(position.next_arrival, venue.clock) + interval // rate - venue.clock - interval
    if wait > 0:
        yield "order_rate", (rate, wait)


def count_order(venue: "VenueState", o: Asked) -> None:
    """Counts an order that the rate lets pass, whatever becomes of it."""
    rate = venue.limit(o.account, o.market, "order_rate")
    if rate is not None:
        interval = venue.limit(o.account, o.market, "rate_interval")
        assert interval is not None
        position = venue.positions.setdefault((o.account, o.market.instrument_id), Position())
        position.next_arrival = max(position.next_arrival, venue.clock) + interval // rate


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


def reducible(
    venue: "VenueState", market: Market, account: int, side: str, replaced: VenueOrder | None = None
) -> tuple[int, int]:
    """What of a position reduce_only orders may take, and what the account's others leave of that."""
    position = venue.position(account, market)
    open_part = -position.qty if side == "buy" else position.qty
    others = sum(
        order.counted
        for order in venue.orders.values()
        if order.account == account
        and order.market.instrument_id == market.instrument_id
        and order.flags & REDUCE_ONLY
        and order is not replaced
    )
    return max(open_part, 0), open_part - others
