"""Orders, live and of the last 10,000 of an account, and how the core is."""

from dataclasses import dataclass
from typing import Final

from exchange.domain.enums import (
    CancelReason,
    Durability,
    OrderFlag,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)

_NO_ORDER_FLAGS: Final = OrderFlag(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order as the replica sees it; averages, reserves and times as of `sequence`."""

    order_id: int = 0
    account: int = 0
    instrument_id: int = 0
    client_order_id: str = ""
    side: Side | None = None
    type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    order_status: OrderStatus | None = None
    order_qty: int = 0
    cum_qty: int = 0
    leaves_qty: int = 0
    price: int | None = None
    stop_price: int | None = None
    display_qty: int | None = None
    expire_at: int | None = None
    average_price: int | None = None
    flags: OrderFlag = _NO_ORDER_FLAGS
    reject: int = 0
    cancel_reason: CancelReason | None = None
    reserved_asset: int = 0
    reserved_amount: int = 0
    entered_at: int = 0
    updated_at: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrdersRequest:
    """The live orders of an account, by order id."""

    min_seq: int = 0
    account: int = 0
    instrument_id: int = 0
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrdersReply:
    """A page of live orders."""

    sequence: int = 0
    orders: tuple[OrderRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHistoryRequest:
    """The last 10,000 orders of an account, the newest first, with what they must match."""

    min_seq: int = 0
    account: int = 0
    instrument_id: int = 0
    order_status: OrderStatus | None = None
    client_order_id: str = ""
    order_id: int = 0
    from_ns: int = 0
    to_ns: int = 0
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHistoryReply:
    """A page of orders."""

    sequence: int = 0
    orders: tuple[OrderRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """How the core is; where wanted with the hash of its state, which takes time that grows with it."""

    min_seq: int = 0
    with_hash: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReply:
    """How the core is, as of `sequence`."""

    epoch: int = 0
    sequence: int = 0
    durable_sequence: int = 0
    event_sequence: int = 0
    ts_ns: int = 0
    durability: Durability | None = None
    read_only: bool = False
    killed: bool = False
    stage_away: bool = False
    live_orders: int = 0
    queued_orders: int = 0
    accounts: int = 0
    sessions: int = 0
    state_hash: int = 0
    version: str = ""
    trades: int = 0
    unposted_trades: int = 0
    settled_by_service: bool = False
