"""After reports were lost: own orders are asked of the replica, and what came since folded onto them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

from exchange.client.queries import QueryRequests, open_orders
from exchange.client.questions import Asker
from exchange.client.session import Session, State
from exchange.domain.queries import OpenOrdersRequest, OrderRow
from exchange.errors import TransportError

_PAUSE_S_MIN = 0.05
_PAUSE_S_MAX = 2.0


async def resync(
    session: Session,
    lock: AbstractContextManager[Any],
    asker: Asker,
    questions: QueryRequests,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> bool:
    """Make the session's orders right again; tries until the replica answers, `pause` seconds apart.

    Returns:
        Whether they are; False where the session ended before.
    """
    pause_s = _PAUSE_S_MIN
    while True:
        with lock:
            if session.state is State.CLOSED:
                return False
            hold = session.orders.hold()
            thought_live = {order.order_id: order.account for order in session.orders.as_held()}
            accounts = sorted(session.accounts | set(thought_live.values()))
        rows: dict[int, OrderRow] = {}
        ended: dict[int, OrderRow] = {}
        upto: dict[int, int] = {}
        try:
            for account in accounts:
                found, upto[account] = await open_orders(
                    asker, OpenOrdersRequest(account=account), None, None
                )
                rows |= {row.order_id: row for row in found}
            for order_id, account in thought_live.items():
                if order_id not in rows:
                    row = await questions.order(order_id, account=account).run(asker, None)
                    if row is not None:
                        ended[order_id] = row
        except TransportError:
            await pause(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_S_MAX)
            continue
        with lock:
            own = {
                order_id: row
                for order_id, row in rows.items()
                if order_id in thought_live or session.owns(row)
            }
            if session.orders.reconcile(hold, own, ended, upto):
                return True
