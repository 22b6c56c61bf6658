"""Messages of ExecutionService. Prices are ticks, quantities lots, times ns."""

from dataclasses import dataclass

from exchange.domain.enums import OrderType, Side, TimeInForce, TradeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteTradeRequest:
    """Asks for a trade: against a quote where `quote_id` is given, otherwise in the book."""

    request_id: str = ""
    symbol: str = ""
    side: Side | None = None
    type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    account: int = 0
    order_qty: int = 0
    price: int | None = None
    rfq_id: str = ""
    quote_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTradeRequest:
    """Asks for a trade."""

    trade_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeState:
    """A requested trade as it is now."""

    trade_id: str = ""
    request_id: str = ""
    symbol: str = ""
    side: Side | None = None
    status: TradeStatus | None = None
    reject: int = 0
    account: int = 0
    order_qty: int = 0
    cum_qty: int = 0
    average_price: int | None = None
    counterparty: str = ""
    reason: str = ""
    ts_ns: int = 0
    version: int = 0
