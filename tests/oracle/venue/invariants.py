"""What holds after every batch."""

from collections import Counter
from typing import TYPE_CHECKING

from tests.oracle.venue.model import Position, VenueOrder, need
from tests.oracle.venue.shards import is_elsewhere
from tests.oracle.venue.words import is_house

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState


def check_venue(venue: "VenueState") -> None:
    """Money, orders, positions, the engine."""
    check_money(venue)
    check_orders(venue)
    check_positions(venue)
    check_requests(venue)
    venue.engine.check_invariants()


def check_money(venue: "VenueState") -> None:
    """Totals sum to zero; what is reserved is held by somebody."""
    ledger, sizes = venue.ledger, venue.sizes
    totals: Counter[int] = Counter()
    reserved: Counter[tuple[int, int]] = Counter()
    for hold in ledger.holds.values():
        if hold.state == "pending":
            assert hold.amount > 0
            assert hold.expire_at is None or hold.expire_at > venue.clock
            reserved[hold.account, hold.asset] += hold.amount
    for order in venue.orders.values():
        reserved[order.account, order.market.pays(order.side)] += order.reserved
    assert venue.settled_by_service or not venue.unposted
    for trade in venue.unposted:
        for side, account in trade.accounts.items():
            reserved[account, trade.market.pays(side)] += trade.held[side]
    for (account, asset), balance in ledger.balances.items():
        totals[asset] += balance.total
        assert balance.reserved == reserved[account, asset]
        if not is_house(account):
            assert 0 <= balance.reserved <= balance.total
    assert all(total == 0 for total in totals.values())
    assert all(not amount or name in ledger.balances for name, amount in reserved.items())
    assert len(ledger.accounts) <= sizes.max_accounts + 2
    assert len(ledger.assets) <= sizes.max_assets
    assert len(ledger.balances) <= sizes.max_balances
    assert len(ledger.pending()) <= sizes.max_holds
    assert len(ledger.transfers) <= sizes.max_transfers


def check_orders(venue: "VenueState") -> None:
    """Every live order is in the engine, or in the queue, and reserves what it needs."""
    for stage in (venue.local, *venue.shards.values()):
        queued = [order.order_id for order in stage.queue]
        assert queued == sorted(queued)
        assert len(queued) <= venue.sizes.queue_capacity
        assert stage.away or not queued
    here = [order.order_id for order in venue.orders.values() if not is_elsewhere(venue, order.market)]
    assert sorted([*(order.order_id for order in venue.local.queue), *venue.engine.orders]) == sorted(here)
    for shard in venue.shards.values():
        assert set(shard.engine.orders) <= set(venue.orders)
        shard.engine.check_invariants()
    for order in venue.orders.values():
        in_engine = None if is_elsewhere(venue, order.market) else venue.engine.orders.get(order.order_id)
        assert order.leaves > 0
        if is_elsewhere(venue, order.market):
            pass  # its engine may be ahead
        elif in_engine is None:
            assert order.status == "pending_new"
        else:
            check_told(order, in_engine.order_qty, in_engine.cum_qty)
        wanted = need(order.market, order.side, order.counted, order.counts_at, order.fee_due)
        if venue.reserves() and not order.spends:
            assert order.reserved == wanted
        assert venue.reserves() or order.reserved == 0
        assert order.worst <= order.market.max_price


def check_told(order: VenueOrder, order_qty: int, cum_qty: int) -> None:
    """What the owner knows is what the engine knows."""
    assert (order.order_qty, order.cum_qty) == (order_qty, cum_qty)
    assert (order.status == "partially_filled") == (cum_qty > 0)


def check_positions(venue: "VenueState") -> None:
    """Open parts are the sums over the live orders."""
    sums = {name: Position() for name in venue.positions}
    for order in venue.orders.values():
        position = sums[order.account, order.market.instrument_id]
        position.count(order, 1)
        position.live_orders += 1
    for name, position in venue.positions.items():
        counted = sums[name]
        assert position.open_lots == counted.open_lots
        assert position.open_notional == counted.open_notional
        assert position.live_orders == counted.live_orders
        assert (position.qty == 0) <= (position.cost == 0)
    per_instrument: Counter[int] = Counter()
    for (_, instrument_id), position in venue.positions.items():
        per_instrument[instrument_id] += position.qty
    assert all(qty == 0 for qty in per_instrument.values())
    assert len(venue.positions) <= venue.sizes.max_positions


def check_requests(venue: "VenueState") -> None:
    """Every live order is remembered; what may be forgotten is in the order of its end."""
    requests = venue.requests
    assert len(requests.known) <= requests.size
    live = {(order.account, order.client_order_id) for order in venue.orders.values()}
    assert live == requests.known.keys() - requests.forgettable.keys()
    ends = [request.since or 0 for request in requests.forgettable.values()]
    assert ends == sorted(ends)
    assert all((request.order is not None) == (name in live) for name, request in requests.known.items())
