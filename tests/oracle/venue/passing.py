"""What is passed on to a shard, and what its engine makes of it there and then."""

from typing import TYPE_CHECKING, Any

from tests.oracle import Event, views
from tests.oracle.venue.model import Command, Market, VenueOrder
from tests.oracle.venue.requests import Request
from tests.oracle.venue.shards import Passed, Shard
from tests.oracle.venue.spending import affordable

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState


def pass_on(
    venue: "VenueState",
    kind: str,
    market: Market,
    command: dict[str, Any],
    *,
    c: Command | None = None,
    order: VenueOrder | None = None,
    reason: str | None = None,
    request: Request | None = None,
) -> None:
    """Notes a command as passed on; the shard's engine does it at once, in its own time."""
    shard = venue.shard_of[market.instrument_id]
    if c is None:
        cause = venue.cause or {}
        c = {name: cause.get(name, empty) for name, empty in (("session", 0), ("correlation_id", ""))}
    shard.passed.append(Passed(venue.sequence, kind, market, c, order, reason, request))
    time = shard.engine.clock if shard.away or venue.in_timers else venue.clock
    command = dict(command) | {"timestamp": time}
    if kind in ("new", "queued"):
        assert order is not None
        events = enter(venue, shard, order, command)
    else:
        events = shard.drive(command)
    shard.send(events, venue.sequence)


def enter(venue: "VenueState", shard: Shard, order: VenueOrder, command: dict[str, Any]) -> list[Event]:
    """A new order in a shard: money becomes lots there, and no more is paid than was reserved for."""
    market, id_ = order.market, order.order_id
    book = shard.engine.books[market.instrument_id]
    if order.spends:
        command["qty"] = affordable(book, market, order.reserved_for)
        if command["qty"] < 1:
            head = {"instrument_id": market.instrument_id, "kind": "rejected", "order_id": id_}
            return [head | {"reason": "invalid_qty"}]
    elif exceeds(book, order):
        step = book.definition.tick_step
        command |= {"type": "limit", "price": order.worst // step * step}
        command["time_in_force"] = "ioc" if order.type == "market_to_limit" else order.time_in_force
        events = [dict(event) for event in shard.drive(command)]
        for event in events:
            if event.get("order_id") == id_ and event["kind"] == "accepted":
                event["price"] = None
            if event.get("order_id") == id_ and event.get("reason") == "ioc":
                event["reason"] = "collar"
        return events
    return shard.drive(command)


def exceeds(book: Any, order: VenueOrder) -> bool:
    """Whether a market order may cost more than was known when it was reserved for."""
    collar, r = book.definition.collar, book.r()
    immediate = order.type == "market" and order.time_in_force in ("ioc", "fok")
    to_limit = order.type == "market_to_limit"
    if order.side == "sell" or collar is None or order.worst >= order.market.max_price:
        return False
    if not (immediate or to_limit) or (r is not None and r + collar <= order.worst):
        return False
    displayed = [price for price, _, _ in views.levels(book, "sell")]
    return immediate or not displayed or displayed[0] > order.worst


def advance(venue: "VenueState", shard: Shard) -> None:
    """The clock of a shard's engine follows the venue's, where it is not away."""
    if not shard.away:
        *due, _ = shard.drive({"kind": "advance_time", "timestamp": venue.clock})
        shard.send(due, 0)
