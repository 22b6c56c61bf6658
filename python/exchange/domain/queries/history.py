"""The order history: every order and every execution."""

from dataclasses import dataclass

from exchange.domain.enums import CancelReason, Liquidity, OrderStatus, OrderType, Side, TimeInForce
from exchange.domain.queries.matching import AssetRow


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentScales:
    """What turns ticks and lots of an instrument into decimals."""

    instrument_id: int = 0
    symbol: str = ""
    base: int = 0
    quote: int = 0
    price_scale: int = 0
    qty_scale: int = 0
    tick_step: int = 0
    lot_step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """What orders and executions of the history may be asked by; 0 and empty say nothing.

    Args:
        min_seq: The journal sequence that the reply must have seen.
        account: Whose; 0 is all that the caller may see.
        instrument_id: Of this instrument.
        symbol: Likewise, where `instrument_id` is 0.
        order_id: Of this order.
        client_order_id: Of orders that have this id, or had it before a replace.
        side: Of this side.
        from_ns: At that journaled time or later; of an order when it was entered.
        to_ns: Before that.
        oldest_first: The other way round.
        after: The key of the last row of the page before.
        limit: The most rows; 0: as many as the server gives.
    """

    min_seq: int = 0
    account: int = 0
    instrument_id: int = 0
    symbol: str = ""
    order_id: int = 0
    client_order_id: str = ""
    side: Side | None = None
    from_ns: int = 0
    to_ns: int = 0
    oldest_first: bool = False
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReply:
    """What pages of the history have beside their rows: what the rows name, where it is known."""

    sequence: int = 0
    more: bool = False
    instruments: tuple[InstrumentScales, ...] = ()
    assets: tuple[AssetRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOrderRow:
    """An order as the history has it, as of `sequence`; its key is `entered_sequence`."""

    entered_sequence: int = 0
    order_id: int = 0
    client_order_id: str = ""
    orig_client_order_id: str = ""
    tenant: int = 0
    account: int = 0
    instrument_id: int = 0
    side: Side | None = None
    type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    order_status: OrderStatus | None = None
    order_qty: int = 0
    cum_qty: int = 0
    leaves_qty: int = 0
    price: int | None = None
    stop_price: int | None = None
    fills: int = 0
    notional_high: int = 0
    notional_low: int = 0
    reject: int = 0
    cancel_reason: CancelReason | None = None
    entered_at: int = 0
    updated_at: int = 0
    sequence: int = 0
    correlation_id: str = ""

    @property
    def notional(self) -> int:
        """Of all its executions together, ticks x lots; exact."""
        return (self.notional_high << 32) + self.notional_low


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOrdersRequest(HistoryRequest):
    """Every order, a page at a time, the newest first unless `oldest_first`; `order_status`: now."""

    order_status: OrderStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOrdersReply(HistoryReply):
    """A page of orders."""

    orders: tuple[HistoryOrderRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryExecutionRow:
    """One side of a trade; its key is `exec_id`."""

    exec_id: int = 0
    trade_id: int = 0
    order_id: int = 0
    client_order_id: str = ""
    tenant: int = 0
    account: int = 0
    instrument_id: int = 0
    side: Side | None = None
    liquidity: Liquidity | None = None
    order_status: OrderStatus | None = None
    last_qty: int = 0
    last_price: int = 0
    cum_qty: int = 0
    leaves_qty: int = 0
    fee: int = 0
    fee_asset: int = 0
    timestamp: int = 0
    sequence: int = 0
    correlation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryExecutionsRequest(HistoryRequest):
    """Every execution, a page at a time, the newest first unless `oldest_first`."""

    trade_id: int = 0
    liquidity: Liquidity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryExecutionsReply(HistoryReply):
    """A page of executions."""

    executions: tuple[HistoryExecutionRow, ...] = ()
