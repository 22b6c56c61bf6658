"""What the engine's events mean for orders, money and positions, one event after the other."""

from typing import TYPE_CHECKING, Any

from tests.oracle import Event
from tests.oracle.venue.model import VenueOrder, need
from tests.oracle.venue.settlement import Unposted
from tests.oracle.venue.words import HOUSE_FEES

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState

Fields = dict[str, Any]
ENDED = {"canceled": "canceled", "expired": "expired"}


def fold(venue: "VenueState", events: list[Event], reason: str | None = None) -> None:
    """Follows the events. The first cancel has the given reason, where there is one."""
    for event in events:
        match event["kind"]:
            case "trade":
                trade(venue, event)
            case "canceled" | "expired":
                order = venue.orders[event["order_id"]]
                fields: Fields = {}
                if event["kind"] == "canceled":
                    fields["cancel_reason"] = reason or event["reason"]
                    reason = None
                end(venue, order, ENDED[event["kind"]], **fields)
            case "accepted" if event["command"] == "new":
                submitted(venue, venue.orders[event["order_id"]], event)
            case "triggered":
                triggered(venue, venue.orders[event["order_id"]], event)
            case "repriced":
                order = venue.orders[event["order_id"]]
                order.price = event["price"]
                venue.report(order, "restated")
            case "prevented":
                for role in ("maker", "taker"):
                    restate(venue, venue.orders[event[f"{role}_order_id"]], event[f"{role}_leaves"])
            case "refreshed" | "uncrossed" | "phase_changed":
                pass
            case _:
                raise AssertionError(event)


def submitted(venue: "VenueState", order: VenueOrder, event: Event) -> None:
    """The engine has taken an order that the venue had accepted before."""
    order.status = "open"
    order.price, order.stop_price = event["price"], event["stop_price"]
    venue.report(order, "accepted")


def triggered(venue: "VenueState", order: VenueOrder, event: Event) -> None:
    """A stop is released, or an at_close order joins the call."""
    order.status = "partially_filled" if order.cum_qty else "open"
    order.price, order.stop_price = event["price"], None
    venue.report(order, "triggered")


def restate(venue: "VenueState", order: VenueOrder, leaves: int) -> None:
    """Self-trade prevention has taken quantity off, or not."""
    if leaves == order.leaves:
        return
    position = venue.positions[order.account, order.market.instrument_id]
    position.count(order, -1)
    taken_off = order.leaves - leaves
    order.order_qty -= taken_off
    position.count(order, 1)
    if venue.reserves() and not order.spends:
        reserve_anew(venue, order)
    venue.report(order, "restated", last_qty=taken_off, cancel_reason="self_trade")


def reserve_anew(venue: "VenueState", order: VenueOrder) -> None:
    """Reserves what the order needs now, no more and no less."""
    wanted = need(order.market, order.side, order.counted, order.counts_at, order.fee_due)
    venue.ledger.make(order.account, order.market.pays(order.side)).change(0, wanted - order.reserved)
    order.reserved = wanted


def end(venue: "VenueState", order: VenueOrder, status: str, **fields: object) -> None:
    """An order is over: what it had reserved is free."""
    let_go(venue, order, status, fields.get("cancel_reason"))
    venue.report(order, status, **ended(order), **fields)


def ended(order: VenueOrder) -> Fields:
    """What is told of an order that is over."""
    return {"last_qty": 0 if order.status == "rejected" else order.leaves, "leaves_qty": 0}


def let_go(venue: "VenueState", order: VenueOrder, status: str, reason: object = None) -> None:
    """Takes an order out of all that counts it."""
    position = venue.positions[order.account, order.market.instrument_id]
    position.count(order, -1)
    position.live_orders -= 1
    if order.reserved:
        venue.ledger.make(order.account, order.market.pays(order.side)).change(0, -order.reserved)
        order.reserved = 0
    order.status = status
    del venue.orders[order.order_id]
    request = venue.requests.known[order.account, order.client_order_id]
    request.end = {
        "cancel_reason": reason,
        "price": order.price,
        "stop_price": None,
        "order_status": status,
        "order_qty": order.order_qty,
        "cum_qty": order.cum_qty,
        "leaves_qty": 0,
    }
    venue.requests.ended(request, venue.clock)


def trade(venue: "VenueState", event: Event) -> None:
    """Pays both sides, counts both positions, tells both owners."""
    maker, taker = (venue.orders[event[f"{role}_order_id"]] for role in ("maker", "taker"))
    buyer, seller = (maker, taker) if maker.side == "buy" else (taker, maker)
    market, qty = maker.market, event["qty"]
    auction = event["taker_side"] is None
    cost, goods = market.notional(event["price"], qty), qty * market.lot_units
    fees: dict[int, int] = {}
    venue.trades += 1
    for order in (maker, taker):
        venue.touch(order.account, market).count(order, -1)
        order.cum_qty += qty
        venue.positions[order.account, market.instrument_id].count(order, 1)
        order.status = "partially_filled" if order.leaves else "filled"
        rate = market.maker_rate if order is maker and not auction else market.taker_rate
        if venue.settled_by_service:
            rate = market.reserve_rate
        amount = cost if market.fee_in_quote(order.side) else goods
        fees[order.order_id] = order.charge(amount, rate)
    if venue.settled_by_service:
        wait(venue, {"buy": buyer, "sell": seller}, {"buy": cost, "sell": goods}, fees)
    elif venue.reserves():
        pay(venue, buyer, seller, market.quote, cost, fees)
        pay(venue, seller, buyer, market.base, goods, fees)
        for order in (buyer, seller):
            asset = market.fee_asset(order.side)
            venue.ledger.move(order.account, HOUSE_FEES, asset, fees[order.order_id])
    for order in (taker, maker):
        lots = qty if order is buyer else -qty
        position = venue.positions[order.account, market.instrument_id]
        position.fill(lots, cost)
        if market.fee_in_quote(order.side) and not venue.settled_by_service:
            position.realised -= fees[order.order_id]
    for order in (taker, maker):
        role = "maker" if order is maker else "taker"
        if order.leaves == 0:
            let_go(venue, order, "filled")
        venue.report(
            order,
            "trade",
            last_qty=qty,
            last_price=event["price"],
            trade_id=venue.trades,
            fee=fees[order.order_id],
            unposted=venue.settled_by_service,
            fee_asset=market.fee_asset(order.side),
            liquidity="auction" if auction else role,
        )


def pay(
    venue: "VenueState",
    payer: VenueOrder,
    receiver: VenueOrder,
    asset: int,
    amount: int,
    fees: dict[int, int],
) -> None:
    """One leg of a trade, out of what the payer has reserved; it then reserves what the rest needs."""
    left = left_of(payer, amount, fees)
    venue.ledger.move(payer.account, receiver.account, asset, amount, payer.reserved - left)
    payer.reserved = left


def wait(
    venue: "VenueState", orders: dict[str, VenueOrder], gives: dict[str, int], fees: dict[int, int]
) -> None:
    """What a trade needs stays reserved until it is posted; what its orders had reserved beyond is free."""
    market = orders["buy"].market
    held = dict.fromkeys(orders, 0)
    for side, order in orders.items() if venue.reserves() else ():
        held[side] = gives[side] + (fees[order.order_id] if market.reserves_fee(side) else 0)
        left = left_of(order, gives[side], fees)
        venue.ledger.make(order.account, market.pays(side)).change(0, held[side] + left - order.reserved)
        order.reserved = left
    venue.unposted.append(
        Unposted(
            market,
            {side: order.account for side, order in orders.items()},
            gives,
            held,
            {side: fees[order.order_id] for side, order in orders.items()},
            venue.reserves(),
        )
    )


def left_of(payer: VenueOrder, amount: int, fees: dict[int, int]) -> int:
    """What an order still needs after a fill."""
    fee = fees[payer.order_id] if payer.market.reserves_fee(payer.side) else 0
    if payer.leaves == 0:
        return 0
    if payer.spends:
        return payer.reserved - amount - fee
    return need(payer.market, payer.side, payer.counted, payer.counts_at, payer.fee_due)
