"""Queries to the replica, the history, market data and admin, and their replies: the messages of their RPC.

`min_seq` is the journal sequence that the reply must have seen (0: any), `sequence` the one that it has seen.
`after` is the last key of the page before (0: the first page), `limit` the most rows (0: as many as the
server gives), `more` says that another page follows. Prices are ticks, quantities lots, money minor units,
times ns.
"""

from dataclasses import dataclass
from typing import Final

from exchange.domain.enums import (
    CancelReason,
    Durability,
    FeeMode,
    InstrumentKind,
    LimitKind,
    Liquidity,
    OrderFlag,
    OrderStatus,
    OrderType,
    Phase,
    SettlementStatus,
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
class BalanceRow:
    """A balance, in minor units."""

    asset: int = 0
    symbol: str = ""
    scale: int = 0
    total: int = 0
    available: int = 0
    reserved: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRow:
    """Money held for an order, or by a reserve command."""

    asset: int = 0
    amount: int = 0
    order_id: int = 0
    reservation_id: int = 0
    expire_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """A position, with the live orders that may change it."""

    instrument_id: int = 0
    position: int = 0
    open_buy_qty: int = 0
    open_sell_qty: int = 0
    open_orders: int = 0
    gross_notional: int = 0
    net_notional: int = 0
    daily_result: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """A limit and where it was set; `interval` in ns, of an order rate."""

    kind: LimitKind | None = None
    account: int = 0
    instrument_id: int = 0
    value: int = 0
    interval: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """A price, what is displayed there, and how many orders."""

    price: int = 0
    qty: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrderRow:
    """A displayed order of L3."""

    order_id: int = 0
    price: int = 0
    qty: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """One account's side of a trade."""

    order_id: int = 0
    side: Side | None = None
    liquidity: Liquidity | None = None
    fee: int = 0
    fee_asset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """A trade; with the side of the asking account where one asked."""

    trade_id: int = 0
    instrument_id: int = 0
    ts_ns: int = 0
    sequence: int = 0
    price: int = 0
    qty: int = 0
    taker_side: Side | None = None
    fill: FillRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRow:
    """An asset; `scale` decimals of one minor unit."""

    asset: int = 0
    symbol: str = ""
    scale: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRow:
    """An instrument, and the prices that it is measured by."""

    instrument_id: int = 0
    symbol: str = ""
    instrument_kind: InstrumentKind | None = None
    base: int = 0
    quote: int = 0
    phase: Phase | None = None
    fee_mode: FeeMode | None = None
    price_scale: int = 0
    qty_scale: int = 0
    maker_rate: int = 0
    taker_rate: int = 0
    tick_step: int = 0
    lot_step: int = 0
    min_price: int = 0
    max_price: int = 0
    max_qty: int = 0
    max_notional: int = 0
    reference: int | None = None
    mark: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account."""

    account: int = 0
    tenant: int = 0
    parent: int = 0
    killed: bool = False
    open_orders: int = 0
    countdown_at: int | None = None


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
class BalancesRequest:
    """Every balance of an account."""

    min_seq: int = 0
    account: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancesReply:
    """Balances, by asset."""

    sequence: int = 0
    balances: tuple[BalanceRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationsRequest:
    """What of an account is held; `asset` None is all."""

    min_seq: int = 0
    account: int = 0
    asset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationsReply:
    """Reservations."""

    sequence: int = 0
    reservations: tuple[ReservationRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsRequest:
    """Every position of an account."""

    min_seq: int = 0
    account: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsReply:
    """Positions, by instrument."""

    sequence: int = 0
    positions: tuple[PositionRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsRequest:
    """The limits that bind an account."""

    min_seq: int = 0
    account: int = 0
    instrument_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsReply:
    """Limits."""

    sequence: int = 0
    limits: tuple[LimitRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookTopRequest:
    """L1 of a book."""

    min_seq: int = 0
    instrument_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookTopReply:
    """The best of both sides; None where a side is empty."""

    sequence: int = 0
    ts_ns: int = 0
    phase: Phase | None = None
    bid: LevelRow | None = None
    ask: LevelRow | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLevelsRequest:
    """L2 of a book; depth 0 is all."""

    min_seq: int = 0
    instrument_id: int = 0
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLevelsReply:
    """Levels, best first."""

    sequence: int = 0
    ts_ns: int = 0
    bids: tuple[LevelRow, ...] = ()
    asks: tuple[LevelRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrdersRequest:
    """L3 of a book; limit 0 is all."""

    min_seq: int = 0
    instrument_id: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrdersReply:
    """Orders, best first, then by time."""

    sequence: int = 0
    ts_ns: int = 0
    bids: tuple[BookOrderRow, ...] = ()
    asks: tuple[BookOrderRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesRequest:
    """Trades of an instrument, or of an account with its fills."""

    min_seq: int = 0
    instrument_id: int = 0
    account: int = 0
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesReply:
    """A page of trades, the newest first."""

    sequence: int = 0
    trades: tuple[TradeRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentsRequest:
    """Every instrument and asset."""

    min_seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentsReply:
    """Instruments and assets."""

    sequence: int = 0
    assets: tuple[AssetRow, ...] = ()
    instruments: tuple[InstrumentRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsRequest:
    """An account, or all of the caller's tenant."""

    min_seq: int = 0
    account: int = 0
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsReply:
    """A page of accounts."""

    sequence: int = 0
    accounts: tuple[AccountRow, ...] = ()
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTradeRow:
    """A trade as everybody may see it; its key is `trade_id`."""

    trade_id: int = 0
    instrument_id: int = 0
    price: int = 0
    qty: int = 0
    taker_side: Side | None = None
    auction: bool = False
    timestamp: int = 0
    sequence: int = 0
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTradesRequest:
    """Every trade, a page at a time, the newest first unless `oldest_first`."""

    min_seq: int = 0
    instrument_id: int = 0
    from_ns: int = 0
    to_ns: int = 0
    oldest_first: bool = False
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTradesReply:
    """A page of trades."""

    sequence: int = 0
    trades: tuple[MarketTradeRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRow:
    """A trade, and what became of it: money in minor units. The side of another tenant is zero."""

    trade_id: int = 0
    instrument_id: int = 0
    status: SettlementStatus | None = None
    price: int = 0
    qty: int = 0
    buyer: int = 0
    seller: int = 0
    buyer_tenant: int = 0
    seller_tenant: int = 0
    cost: int = 0
    goods: int = 0
    buyer_fee: int = 0
    seller_fee: int = 0
    buyer_fee_asset: int = 0
    seller_fee_asset: int = 0
    traded_at: int = 0
    settled_at: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementsRequest:
    """Trades and their settlement, a page at a time, the newest first unless `oldest_first`."""

    min_seq: int = 0
    trade_id: int = 0
    account: int = 0
    status: SettlementStatus | None = None
    oldest_first: bool = False
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementsReply:
    """A page of settlements; how far trades are taken, and posted."""

    sequence: int = 0
    taken: int = 0
    posted: int = 0
    settlements: tuple[SettlementRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCandleRow:
    """What was traded within one interval; without a trade (`trades` 0) its prices are the last close."""

    start_ns: int = 0
    open_price: int = 0
    high_price: int = 0
    low_price: int = 0
    close_price: int = 0
    volume: int = 0
    quote_volume_high: int = 0
    quote_volume_low: int = 0
    trades: int = 0

    @property
    def quote_volume(self) -> int:
        """Of all its trades together, ticks x lots; exact."""
        return (self.quote_volume_high << 32) + self.quote_volume_low


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCandlesRequest:
    """The candles of an instrument that start from `from_ns` to before `to_ns`, oldest first."""

    min_seq: int = 0
    instrument_id: int = 0
    interval_ns: int = 0
    from_ns: int = 0
    to_ns: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCandlesReply:
    """A page of candles; the next one begins with the last one's start and an interval."""

    sequence: int = 0
    candles: tuple[MarketCandleRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTickerRow:
    """What an instrument did in 24 hours, from `from_ns` to before `to_ns`, and its best bid and ask."""

    instrument_id: int = 0
    from_ns: int = 0
    to_ns: int = 0
    open_price: int = 0
    high_price: int = 0
    low_price: int = 0
    volume: int = 0
    quote_volume_high: int = 0
    quote_volume_low: int = 0
    trades: int = 0
    last_price: int = 0
    last_qty: int = 0
    last_side: Side | None = None
    last_trade_id: int = 0
    last_at: int = 0
    bid_price: int | None = None
    bid_qty: int = 0
    ask_price: int | None = None
    ask_qty: int = 0

    @property
    def change(self) -> int:
        """The last price less the first one of the 24 hours, ticks."""
        return self.last_price - self.open_price

    @property
    def quote_volume(self) -> int:
        """Of all its trades together, ticks x lots; exact."""
        return (self.quote_volume_high << 32) + self.quote_volume_low


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTickersRequest:
    """The tickers of an instrument, or of all that were ever traded (0), by instrument; `at_ns` 0 is now."""

    min_seq: int = 0
    instrument_id: int = 0
    at_ns: int = 0
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTickersReply:
    """A page of tickers."""

    sequence: int = 0
    tickers: tuple[MarketTickerRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminChangeRow:
    """A change that an administrator made, or wished and was refused; its key is `change_id`."""

    change_id: str = ""
    changed_at: int = 0
    change: str = ""
    entity_type: str = ""
    entity_id: str = ""
    who: str = ""
    why: str = ""
    before: str = ""
    afterwards: str = ""
    reject: int = 0
    sequence: int = 0
    version: int = 0
    correlation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminChangesRequest:
    """The history of what administrators changed, the newest first unless `oldest_first`."""

    min_seq: int = 0
    entity_type: str = ""
    entity_id: str = ""
    who: str = ""
    correlation_id: str = ""
    from_ns: int = 0
    to_ns: int = 0
    refused: bool = False
    oldest_first: bool = False
    after: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminChangesReply:
    """A page of changes."""

    sequence: int = 0
    changes: tuple[AdminChangeRow, ...] = ()
    more: bool = False


Request = (
    OpenOrdersRequest
    | OrderHistoryRequest
    | BalancesRequest
    | ReservationsRequest
    | PositionsRequest
    | LimitsRequest
    | BookTopRequest
    | BookLevelsRequest
    | BookOrdersRequest
    | TradesRequest
    | InstrumentsRequest
    | AccountsRequest
    | StatusRequest
    | HistoryOrdersRequest
    | HistoryExecutionsRequest
    | MarketTradesRequest
    | SettlementsRequest
    | MarketCandlesRequest
    | MarketTickersRequest
    | AdminChangesRequest
)
Reply = (
    OpenOrdersReply
    | OrderHistoryReply
    | BalancesReply
    | ReservationsReply
    | PositionsReply
    | LimitsReply
    | BookTopReply
    | BookLevelsReply
    | BookOrdersReply
    | TradesReply
    | InstrumentsReply
    | AccountsReply
    | StatusReply
    | HistoryOrdersReply
    | HistoryExecutionsReply
    | MarketTradesReply
    | SettlementsReply
    | MarketCandlesReply
    | MarketTickersReply
    | AdminChangesReply
)

QUERIES: Final[dict[type[Request], type[Reply]]] = {
    OpenOrdersRequest: OpenOrdersReply,
    OrderHistoryRequest: OrderHistoryReply,
    BalancesRequest: BalancesReply,
    ReservationsRequest: ReservationsReply,
    PositionsRequest: PositionsReply,
    LimitsRequest: LimitsReply,
    BookTopRequest: BookTopReply,
    BookLevelsRequest: BookLevelsReply,
    BookOrdersRequest: BookOrdersReply,
    TradesRequest: TradesReply,
    InstrumentsRequest: InstrumentsReply,
    AccountsRequest: AccountsReply,
    StatusRequest: StatusReply,
    HistoryOrdersRequest: HistoryOrdersReply,
    HistoryExecutionsRequest: HistoryExecutionsReply,
    MarketTradesRequest: MarketTradesReply,
    SettlementsRequest: SettlementsReply,
    MarketCandlesRequest: MarketCandlesReply,
    MarketTickersRequest: MarketTickersReply,
    AdminChangesRequest: AdminChangesReply,
}
"""What is asked, and what answers it."""
