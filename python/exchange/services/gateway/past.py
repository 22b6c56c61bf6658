"""Orders and executions that were: open ones and the last ones of the replica, all of the history."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final, TypeVar

from exchange.client import AsyncClient
from exchange.client.questions import Asker, Query, checked, seeing
from exchange.client.rest import models as m
from exchange.domain import queries as q
from exchange.domain.enums import OrderStatus, Side
from exchange.errors import GatewayFault, RpcError, RpcStatus
from exchange.services.gateway.calls import Answer, Call
from exchange.services.gateway.known import position
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.told import execution_of_history, order_of_history, order_of_row
from exchange.services.gateway.upstream import Trader

_HEARD_S: Final = 2.0
ReplyT = TypeVar("ReplyT", bound=q.Reply)


def asking(request: q.Request, kind: type[ReplyT], min_seq: int | None = None) -> Query[ReplyT]:
    """One question and its reply, a page as the other side cuts it."""

    async def run(asker: Asker, timeout_ms: int | None) -> ReplyT:
        return checked(kind, await asker.ask(seeing(request, asker, min_seq), timeout_ms))

    return Query(run)


async def journaled(client: AsyncClient, wanted: int) -> int:
    """A sequence that an answer must have seen, once the journal is known to go so far.

    Args:
        client: Of the core, which tells at least each second how far it is.
        wanted: The sequence.

    Raises:
        Refusal: INVALID_PARAMETER: it does not, and no service is kept waiting for it.
    """
    until = time.monotonic() + _HEARD_S
    while client.sequence < wanted:
        if time.monotonic() > until:
            raise Refusal(
                GatewayFault.INVALID_PARAMETER,
                "the journal does not go so far",
                {"parameter": "minSequence", "last": str(client.sequence)},
            )
        await asyncio.sleep(_HEARD_S / 50)
    return wanted


async def open_orders(call: Call) -> Answer:
    """GET /v1/orders/open."""
    query: m.OpenOrdersQuery = call.query
    account = call.account(query.account)
    instrument_id = 0 if query.symbol is None else (await call.instrument(query.symbol)).instrument_id
    trader = await call.asker()
    request = q.OpenOrdersRequest(
        account=account,
        instrument_id=instrument_id,
        after=position("cursor", query.cursor),
        limit=query.limit,
    )
    reply = await trader.client.ask(asking(request, q.OpenOrdersReply))
    return await _page_of_rows(call, reply.orders, more=reply.more)


async def orders(call: Call) -> Answer:
    """GET /v1/orders: of the history, or where none is kept the last 10,000 of the account."""
    query: m.OrderHistoryQuery = call.query
    status = None if query.order_status is None else OrderStatus[query.order_status.upper()]
    if not call.exchange.keeps.history:
        return await _orders_of_replica(call, query, status)
    request = q.HistoryOrdersRequest(order_status=status, **await _narrowed(call, query))
    trader = await call.asker()
    min_sequence = await journaled(trader.client, query.min_sequence)
    reply = await trader.client.ask(asking(request, q.HistoryOrdersReply, min_sequence))
    directory = call.exchange.known.directory
    found = [
        order_of_history(row, await call.exchange.known.by_id(row.instrument_id), directory)
        for row in reply.orders
    ]
    cursor = str(reply.orders[-1].entered_sequence) if reply.more and reply.orders else None
    return Answer(m.Orders(orders=found, next_cursor=cursor))


async def executions(call: Call) -> Answer:
    """GET /v1/executions."""
    if not call.exchange.keeps.history:
        raise Refusal(GatewayFault.NOT_ENABLED, "this exchange keeps no history: history.enabled")
    query: m.HistoryQuery = call.query
    request = q.HistoryExecutionsRequest(**await _narrowed(call, query))
    trader = await call.asker()
    min_sequence = await journaled(trader.client, query.min_sequence)
    reply = await trader.client.ask(asking(request, q.HistoryExecutionsReply, min_sequence))
    directory = call.exchange.known.directory
    found = [
        execution_of_history(row, await call.exchange.known.by_id(row.instrument_id), directory)
        for row in reply.executions
    ]
    cursor = str(reply.executions[-1].exec_id) if reply.more and reply.executions else None
    return Answer(m.Executions(executions=found, next_cursor=cursor))


async def past_order(call: Call, trader: Trader, account: int, which: int | str) -> m.Order | None:
    """An order as the replica remembers it, or else the history; None where neither does."""
    by_name = which if isinstance(which, str) else ""
    by_id = 0 if isinstance(which, str) else which
    request = q.OrderHistoryRequest(account=account, client_order_id=by_name, order_id=by_id, limit=1)
    try:
        reply = await trader.client.ask(asking(request, q.OrderHistoryReply))
    except RpcError as error:
        if error.code is not RpcStatus.NOT_FOUND:
            raise
    else:
        for row in reply.orders:
            return order_of_row(row, await call.exchange.known.by_id(row.instrument_id))
    if not call.exchange.keeps.history:
        return None
    wanted = q.HistoryOrdersRequest(account=account, client_order_id=by_name, order_id=by_id, limit=1)
    older = await trader.client.ask(asking(wanted, q.HistoryOrdersReply, 0))
    for found in older.orders:
        instrument = await call.exchange.known.by_id(found.instrument_id)
        return order_of_history(found, instrument, call.exchange.known.directory)
    return None


async def _orders_of_replica(call: Call, query: m.OrderHistoryQuery, status: OrderStatus | None) -> Answer:
    if query.oldest_first or query.side is not None:
        raise Refusal(
            GatewayFault.NOT_ENABLED,
            "without a history (history.enabled) orders are not sorted, nor searched by side",
        )
    request = q.OrderHistoryRequest(
        account=call.account(query.account),
        instrument_id=0 if query.symbol is None else (await call.instrument(query.symbol)).instrument_id,
        order_status=status,
        client_order_id=query.client_order_id or "",
        order_id=position("orderId", query.order_id),
        from_ns=query.from_ns,
        to_ns=query.to_ns,
        after=position("cursor", query.cursor),
        limit=query.limit,
    )
    trader = await call.asker()
    min_sequence = await journaled(trader.client, query.min_sequence)
    reply = await trader.client.ask(asking(request, q.OrderHistoryReply, min_sequence or None))
    return await _page_of_rows(call, reply.orders, more=reply.more)


async def _page_of_rows(call: Call, rows: tuple[q.OrderRow, ...], *, more: bool) -> Answer:
    found = [order_of_row(row, await call.exchange.known.by_id(row.instrument_id)) for row in rows]
    cursor = str(rows[-1].order_id) if more and rows else None
    return Answer(m.Orders(orders=found, next_cursor=cursor))


async def _narrowed(call: Call, query: m.HistoryQuery) -> dict[str, Any]:
    """What orders and executions of the history have in common."""
    instrument_id = 0 if query.symbol is None else (await call.instrument(query.symbol)).instrument_id
    return {
        "account": call.account(query.account),
        "instrument_id": instrument_id,
        "order_id": position("orderId", query.order_id),
        "client_order_id": query.client_order_id or "",
        "side": None if query.side is None else Side[query.side.upper()],
        "from_ns": query.from_ns,
        "to_ns": query.to_ns,
        "oldest_first": query.oldest_first,
        "after": position("cursor", query.cursor),
        "limit": query.limit,
    }
