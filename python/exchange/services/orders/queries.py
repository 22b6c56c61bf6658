"""Orders by account, by id and by client order id; and how the exchange is."""

from __future__ import annotations

import numpy as np

import cmatch
from exchange.domain.enums import (
    CancelReason,
    Durability,
    OrderStatus,
    OrderType,
    ReportFlag,
    Side,
    TimeInForce,
)
from exchange.domain.queries import (
    OpenOrdersReply,
    OpenOrdersRequest,
    OrderHistoryReply,
    OrderHistoryRequest,
    OrderRow,
    StatusReply,
    StatusRequest,
)
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import Caller, page
from exchange.services.orders.ports import OrdersPort, Records

_MOST = 1_000
_CLIENT_ORDER_ID_BYTES = 40


def open_orders(ports: OrdersPort, request: OpenOrdersRequest, caller: Caller) -> OpenOrdersReply:
    """The live orders of an account, by order id, a page at a time."""
    caller.require(ports, request.account)
    limit = page(request.limit, _MOST)
    live = ports.open_orders(request.account, request.instrument_id)
    rest = live[np.searchsorted(live["order_id"], request.after, side="right") :]
    rows = tuple(_live_row(ports, record) for record in rest[:limit])
    return OpenOrdersReply(sequence=ports.sequence, orders=rows, more=rest.size > limit)


def order_history(ports: OrdersPort, request: OrderHistoryRequest, caller: Caller) -> OrderHistoryReply:
    """The last orders of an account, the newest first, a page at a time; or the one that is named."""
    caller.require(ports, request.account)
    limit = page(request.limit, _MOST)
    if request.order_id:
        found = ports.order_of_history(request.order_id)
        found = found[found["account"] == request.account]
    else:
        found = ports.order_history(
            request.account,
            limit=limit + 1,
            instrument_id=request.instrument_id,
            order_status=int(request.order_status or 0),
            from_ns=request.from_ns,
            to_ns=request.to_ns,
            before=request.after,
            client_order_id=_checked(request.client_order_id),
        )
    reserved = _reserved(ports, request.account, found)
    rows = tuple(_history_row(record, reserved) for record in found[:limit])
    return OrderHistoryReply(sequence=ports.sequence, orders=rows, more=found.size > limit)


def status(ports: OrdersPort, request: StatusRequest, caller: Caller) -> StatusReply:
    """How the core is: what follows from the journal, and what it says of itself."""
    venue, core = ports.venue_status(), ports.core_status()
    return StatusReply(
        epoch=int(venue["epoch"]),
        sequence=ports.sequence,
        durable_sequence=core.durable_sequence,
        event_sequence=int(venue["event_sequence"]),
        ts_ns=ports.clock,
        durability=Durability(core.durability) if core.durability else None,
        read_only=core.read_only,
        killed=bool(venue["killed"]),
        stage_away=bool(venue["away"]) or bool(ports.shards()["away"].any()),
        live_orders=int(venue["live_orders"]),
        queued_orders=int(venue["queued_orders"]),
        accounts=int(venue["accounts"]),
        sessions=core.sessions,
        state_hash=ports.state_hash() if request.with_hash else 0,
        version=cmatch.__version__,
        trades=int(venue["trades"]),
        unposted_trades=ports.unposted_trades,
        settled_by_service=ports.settled_by_service,
    )


def _checked(client_order_id: str) -> str:
    if len(client_order_id) > _CLIENT_ORDER_ID_BYTES or not client_order_id.isascii():
        raise RpcError(RpcStatus.INVALID_ARGUMENT, "a client order id has at most 40 ASCII characters")
    return client_order_id


def _text(record: np.void) -> str:
    return bytes(record["client_order_id"]).rstrip(b"\0").decode("ascii", "replace")


def _prices(record: np.void) -> tuple[int | None, int | None]:
    flags = int(record["flags"])
    price = int(record["price"]) if flags & ReportFlag.PRICE else None
    return price, int(record["stop_price"]) if flags & ReportFlag.STOP_PRICE else None


def _live_row(ports: OrdersPort, record: np.void) -> OrderRow:
    price, stop_price = _prices(record)
    past = ports.order_of_history(int(record["order_id"]))
    return OrderRow(
        order_id=int(record["order_id"]),
        account=int(record["account"]),
        instrument_id=int(record["instrument_id"]),
        client_order_id=_text(record),
        side=Side(int(record["side"])),
        type=OrderType(int(record["type"])),
        time_in_force=TimeInForce(int(record["time_in_force"])),
        order_status=OrderStatus(int(record["order_status"])),
        order_qty=int(record["order_qty"]),
        cum_qty=int(record["cum_qty"]),
        leaves_qty=int(record["leaves_qty"]),
        price=price,
        stop_price=stop_price,
        average_price=_average(past[0]) if past.size else None,
        reserved_asset=int(record["reserved_asset"]),
        reserved_amount=int(record["reserved"]),
        entered_at=int(record["entered_at"]),
        updated_at=int(past[0]["updated_at"]) if past.size else int(record["entered_at"]),
        sequence=int(record["sequence"]),
    )


def _reserved(ports: OrdersPort, account: int, found: Records) -> dict[int, tuple[int, int]]:
    """What live orders hold: asset and amount by order id."""
    if not np.any(found["leaves_qty"] > 0):
        return {}
    live = ports.open_orders(account, 0)
    return {
        int(record["order_id"]): (int(record["reserved_asset"]), int(record["reserved"])) for record in live
    }


def _average(record: np.void) -> int | None:
    """Of the fills so far, in ticks, rounded down; None without one."""
    filled = int(record["cum_qty"])
    cost = (int(record["cost_high"]) << 64) + int(record["cost_low"])
    return cost // filled if filled and int(record["fills"]) else None


def _history_row(record: np.void, reserved: dict[int, tuple[int, int]]) -> OrderRow:
    price, stop_price = _prices(record)
    asset, amount = reserved.get(int(record["order_id"]), (0, 0))
    reason = int(record["cancel_reason"])
    return OrderRow(
        order_id=int(record["order_id"]),
        account=int(record["account"]),
        instrument_id=int(record["instrument_id"]),
        client_order_id=_text(record),
        side=Side(int(record["side"])),
        type=OrderType(int(record["type"])) if record["type"] else None,
        time_in_force=TimeInForce(int(record["time_in_force"])) if record["time_in_force"] else None,
        order_status=OrderStatus(int(record["order_status"])),
        order_qty=int(record["order_qty"]),
        cum_qty=int(record["cum_qty"]),
        leaves_qty=int(record["leaves_qty"]),
        price=price,
        stop_price=stop_price,
        average_price=_average(record),
        reject=int(record["reject"]),
        cancel_reason=CancelReason(reason) if reason else None,
        reserved_asset=asset,
        reserved_amount=amount,
        entered_at=int(record["entered_at"]),
        updated_at=int(record["updated_at"]),
        sequence=int(record["order_id"]),
    )
