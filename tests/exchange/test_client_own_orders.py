"""A session's own orders: the same however its reports are cut into frames, and never much work at once."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cmatch.frames import EXECUTION_REPORT_DTYPE
from exchange import Exchange
from exchange.client.book import OwnOrders
from exchange.client.records import Records
from exchange.domain.enums import ExecType, OrderStatus

# What may happen to an order, and what it is then.
_STEPS = (
    (ExecType.ACCEPTED, OrderStatus.OPEN),
    (ExecType.TRADE, OrderStatus.PARTIALLY_FILLED),
    (ExecType.TRADE, OrderStatus.FILLED),
    (ExecType.REPLACED, OrderStatus.OPEN),
    (ExecType.CANCELED, OrderStatus.CANCELED),
    (ExecType.REJECTED, None),
    (ExecType.REJECTED, OrderStatus.REJECTED),
)


def _reports(happened: list[tuple[int, int]]) -> Records:
    """Reports of orders by their ids, each of a step."""
    rows = np.zeros(len(happened), EXECUTION_REPORT_DTYPE)
    for at, (order_id, step) in enumerate(happened):
        exec_type, status = _STEPS[step]
        rows[at]["exec_type"], rows[at]["order_status"] = int(exec_type), int(status or 0)
        rows[at]["order_id"] = order_id
        rows[at]["client_order_id_head"] = b"client-order-%03d" % order_id
        rows[at]["client_order_id_tail"] = b"-of-this-one" if order_id % 2 else b""
        rows[at]["last_qty"], rows[at]["last_price"] = at + 1, 100
        rows[at]["sequence"] = rows[at]["event_sequence"] = at + 1
    return rows


@given(
    happened=st.lists(st.tuples(st.integers(1, 5), st.integers(0, len(_STEPS) - 1)), min_size=1, max_size=30),
    cuts=st.sets(st.integers(1, 29)),
    looks=st.sets(st.integers(0, 29)),
)
def test_own_orders_cut_into_other_frames_are_the_same(
    happened: list[tuple[int, int]], cuts: set[int], looks: set[int]
) -> None:
    """Frames of one report or of all, looked at in between or not: the same orders live and have ended."""
    rows = _reports(happened)
    whole, parts = OwnOrders(), OwnOrders()
    whole.add(rows)
    for at, part in enumerate(np.split(rows, sorted(cut for cut in cuts if cut < len(rows)))):
        parts.add(part)
        if at in looks:
            parts.live()
    assert (parts.live(), parts.ended()) == (whole.live(), whole.ended())
    for order_id in {order_id for order_id, _ in happened}:
        assert parts.find(order_id) == whole.find(order_id)


def test_own_orders_that_nobody_looks_at_are_never_much_work_at_once() -> None:
    """Twenty thousand frames of one report each: none of them has to wait until all before it are folded."""
    frames = np.split(_reports([(at + 1, 0) for at in range(20_000)]), 20_000)
    orders, calls, most = OwnOrders(), 0, 0

    def count(_frame: Any, _event: str, _argument: Any) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        for frame in frames:
            calls = 0
            orders.add(frame)
            most = max(most, calls)
    finally:
        sys.setprofile(None)
    assert most < 10_000
    assert len(orders) == 20_000


def test_own_order_that_the_engine_rejects_out_of_the_queue_has_ended() -> None:
    """It was accepted while the engine was away, and reserved money; its time was over then."""
    with Exchange.embedded() as exchange:
        admin = exchange.client("operator").admin
        assert admin.define_asset(1, "A", 0).ok
        assert admin.define_asset(2, "B", 0).ok
        assert admin.define_instrument(
            1, "A-B", base=1, quote=2, price_scale=0, qty_scale=0, max_price=999
        ).ok
        assert admin.open_account(7, tenant=1).ok
        assert admin.deposit(2, 1_000, account=7).ok
        client = exchange.client("me", tenant=1, account=7)
        exchange.stage.away = True
        exchange.clock.advance(seconds=1)
        over = exchange.clock.now_ns + 1_000_000_000
        order = client.new_order(1, "buy", 1, 100, time_in_force="gtd", expire_at=over)
        assert [each.order_id for each in client.orders.live()] == [order.order_id]
        exchange.clock.advance(seconds=2)
        exchange.stage.away = False
        exchange.clock.advance(seconds=10)
        found = client.orders.find(order.order_id)
        assert found is not None
        assert (found.order_status, client.orders.live()) == (OrderStatus.REJECTED, [])
