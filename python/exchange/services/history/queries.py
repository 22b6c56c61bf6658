"""Orders and executions by whatever is known of them, a page at a time."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from sqlalchemy import Column, ColumnElement, Select, Table, func, or_, select

from exchange.domain.enums import (
    CancelReason,
    Liquidity,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from exchange.domain.queries import (
    HistoryExecutionRow,
    HistoryExecutionsReply,
    HistoryExecutionsRequest,
    HistoryOrderRow,
    HistoryOrdersReply,
    HistoryOrdersRequest,
)
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import OPERATOR, Caller, page
from exchange.services.history.tables import EXECUTIONS, ORDERS, PROGRESS
from exchange.storage.sql import Transaction

_MOST: Final = 1_000
_CLIENT_ORDER_ID_BYTES: Final = 40
_UINT64: Final = (1 << 64) - 1
_INT64_MAX: Final = (1 << 63) - 1
_LOW: Final = (1 << 32) - 1

W = TypeVar("W", CancelReason, Liquidity, OrderStatus, OrderType, Side, TimeInForce)
Asked = HistoryOrdersRequest | HistoryExecutionsRequest
Conditions = list[ColumnElement[bool]]


def orders(tx: Transaction, request: HistoryOrdersRequest, caller: Caller) -> HistoryOrdersReply:
    """Orders that match all that is asked for and that the caller may see."""
    wanted = _common(ORDERS, request, caller)
    if request.order_id:
        wanted.append(ORDERS.c.order_id == _signed(request.order_id))
    if request.client_order_id:
        wanted.append(_called(request.client_order_id))
    if request.order_status is not None:
        wanted.append(ORDERS.c.order_status == int(request.order_status))
    wanted += _between(ORDERS.c.entered_sequence, ORDERS.c.entered_at, request)
    limit = page(request.limit, _MOST)
    found = tx.execute(_page(ORDERS, ORDERS.c.entered_sequence, wanted, request, limit)).all()
    rows = tuple(_order(row) for row in found[:limit])
    return HistoryOrdersReply(sequence=_sequence(tx), orders=rows, more=len(found) > limit)


def executions(tx: Transaction, request: HistoryExecutionsRequest, caller: Caller) -> HistoryExecutionsReply:
    """Executions that match all that is asked for and that the caller may see."""
    wanted = _common(EXECUTIONS, request, caller)
    if request.order_id:
        wanted.append(EXECUTIONS.c.order_id == _signed(request.order_id))
    if request.client_order_id:
        of_order = select(ORDERS.c.order_id).where(_called(request.client_order_id))
        wanted.append(EXECUTIONS.c.order_id.in_(of_order.where(ORDERS.c.order_id.is_not(None))))
    if request.trade_id:
        wanted.append(EXECUTIONS.c.trade_id == _signed(request.trade_id))
    if request.liquidity is not None:
        wanted.append(EXECUTIONS.c.liquidity == int(request.liquidity))
    wanted += _between(EXECUTIONS.c.exec_id, EXECUTIONS.c.timestamp, request)
    limit = page(request.limit, _MOST)
    found = tx.execute(_page(EXECUTIONS, EXECUTIONS.c.exec_id, wanted, request, limit)).all()
    rows = tuple(_execution(row) for row in found[:limit])
    return HistoryExecutionsReply(sequence=_sequence(tx), executions=rows, more=len(found) > limit)


def _common(table: Table, request: Asked, caller: Caller) -> Conditions:
    """What the caller may see, and what both requests may ask for.

    Of an account that is not the caller's there is nothing to be found, as of one that never was.
    """
    wanted: Conditions = []
    if caller.tenant != OPERATOR:
        wanted.append(table.c.tenant == caller.tenant)
    if caller.accounts:
        wanted.append(table.c.account.in_(sorted(_signed(account) for account in caller.accounts)))
    if request.account:
        wanted.append(table.c.account == _signed(request.account))
    if request.instrument_id:
        wanted.append(table.c.instrument_id == request.instrument_id)
    if request.side is not None:
        wanted.append(table.c.side == int(request.side))
    return wanted


def _called(client_order_id: str) -> ColumnElement[bool]:
    """Orders of a client order id, their first one or the one that a replace gave them."""
    if len(client_order_id) > _CLIENT_ORDER_ID_BYTES or not client_order_id.isascii():
        raise RpcError(RpcStatus.INVALID_ARGUMENT, "a client order id has at most 40 ASCII characters")
    if not client_order_id.isprintable():
        raise RpcError(RpcStatus.INVALID_ARGUMENT, "a client order id has printable characters alone")
    return or_(ORDERS.c.client_order_id == client_order_id, ORDERS.c.orig_client_order_id == client_order_id)


def _between(key: Column[int], time: Column[int], request: Asked) -> Conditions:
    """A span of time, as one of the key: both grow together."""
    wanted: Conditions = []
    if request.from_ns:
        wanted.append(key >= _first_at(key, time, request.from_ns))
    if request.to_ns:
        wanted.append(key < func.coalesce(_first_at(key, time, request.to_ns), _INT64_MAX))
    return wanted


def _first_at(key: Column[int], time: Column[int], ns: int) -> Any:
    return select(key).where(time >= ns).order_by(time, key).limit(1).scalar_subquery()


def _page(table: Table, key: Column[int], wanted: Conditions, request: Asked, limit: int) -> Select[Any]:
    """One row more than the page has, so that it is known whether there is another."""
    if request.after > _INT64_MAX:
        raise RpcError(RpcStatus.INVALID_ARGUMENT, f"there is no page after {request.after}")
    if request.after:
        wanted.append(key > request.after if request.oldest_first else key < request.after)
    return select(table).where(*wanted).order_by(key if request.oldest_first else key.desc()).limit(limit + 1)


def _sequence(tx: Transaction) -> int:
    return int(tx.execute(select(PROGRESS.c.sequence)).scalar_one())


def _order(row: Any) -> HistoryOrderRow:
    notional = (row.notional_high << 32) + row.notional_low
    return HistoryOrderRow(
        entered_sequence=row.entered_sequence,
        order_id=_unsigned(row.order_id or 0),
        client_order_id=row.client_order_id,
        orig_client_order_id=row.orig_client_order_id or "",
        tenant=row.tenant,
        account=_unsigned(row.account),
        instrument_id=row.instrument_id,
        side=_word(Side, row.side),
        type=_word(OrderType, row.type),
        time_in_force=_word(TimeInForce, row.time_in_force),
        order_status=_word(OrderStatus, row.order_status),
        order_qty=row.order_qty,
        cum_qty=row.cum_qty,
        leaves_qty=row.leaves_qty,
        price=row.price,
        stop_price=row.stop_price,
        fills=row.fills,
        notional_high=notional >> 32,
        notional_low=notional & _LOW,
        reject=row.reject,
        cancel_reason=_word(CancelReason, row.cancel_reason),
        entered_at=row.entered_at,
        updated_at=row.updated_at,
        sequence=row.sequence,
        correlation_id=row.correlation_id,
    )


def _execution(row: Any) -> HistoryExecutionRow:
    return HistoryExecutionRow(
        exec_id=row.exec_id,
        trade_id=row.trade_id,
        order_id=_unsigned(row.order_id),
        client_order_id=row.client_order_id,
        tenant=row.tenant,
        account=_unsigned(row.account),
        instrument_id=row.instrument_id,
        side=_word(Side, row.side),
        liquidity=_word(Liquidity, row.liquidity),
        order_status=_word(OrderStatus, row.order_status),
        last_qty=row.last_qty,
        last_price=row.last_price,
        cum_qty=row.cum_qty,
        leaves_qty=row.leaves_qty,
        fee=row.fee,
        fee_asset=row.fee_asset,
        timestamp=row.timestamp,
        sequence=row.sequence,
        correlation_id=row.correlation_id,
    )


def _word(kind: type[W], number: int) -> W | None:
    """The word of a number; None of 0, and of one that is newer than this program."""
    try:
        return kind(number)
    except ValueError:
        return None


def _signed(number: int) -> int:
    """As columns of 64 bits have it."""
    return number - (1 << 64) if number > _INT64_MAX else number


def _unsigned(number: int) -> int:
    return number & _UINT64
