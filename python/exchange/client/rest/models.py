"""What goes over HTTP, as types: the gateway reads and writes JSON by them, OpenAPI is made of them.

Decimals are strings, times are RFC 3339 in UTC with nanoseconds, ids of 64 bits are strings of digits.
A field that is null was not said, or does not apply. What is sent may have no other fields than these.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType


class DecimalText(str):
    """A decimal as its sender wrote it. JSON numbers are refused, for they may have been rounded."""

    __slots__ = ()


Side = Literal["buy", "sell"]
OrderType = Literal[
    "limit",
    "market",
    "market_to_limit",
    "stop",
    "stop_limit",
    "trailing_stop",
    "trailing_stop_limit",
    "pegged",
]
TimeInForce = Literal["day", "gtc", "gtd", "ioc", "fok", "at_open", "at_close"]
Peg = Literal["primary", "midpoint"]
StpMode = Literal["none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"]
RespType = Literal["ACK", "RESULT", "FULL"]
OrderStatus = Literal[
    "pending_new",
    "open",
    "partially_filled",
    "filled",
    "canceled",
    "expired",
    "rejected",
    "suspended",
]
Interval = Literal["1s", "1m", "5m", "15m", "1h", "4h", "1d"]
ClientOrderId = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[!-~]+$")]
Account = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Nanoseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Asked(Struct, forbid_unknown_fields=True, omit_defaults=True, rename="camel", kw_only=True):
    """What a program sends."""


class Told(Struct, rename="camel", kw_only=True):
    """What the gateway answers."""


class NewOrder(Asked):
    """An order to enter. Decimals have at most the instrument's places."""

    symbol: str
    side: Side
    type: OrderType = "limit"
    time_in_force: TimeInForce | None = None
    qty: DecimalText | None = None
    quote_qty: DecimalText | None = None
    price: DecimalText | None = None
    stop_price: DecimalText | None = None
    trail: DecimalText | None = None
    peg: Peg | None = None
    offset: DecimalText | None = None
    display_qty: DecimalText | None = None
    min_qty: DecimalText | None = None
    expire_at: str | None = None
    post_only: bool = False
    reduce_only: bool = False
    hidden: bool = False
    stp_mode: StpMode = "none"
    stp_group: Account | None = None
    client_order_id: ClientOrderId | None = None
    account: Account | None = None
    resp_type: RespType = "ACK"


class ReplaceOrder(Asked):
    """What changes of a live order; what is not said stays. `qty` counts what was filled."""

    qty: DecimalText | None = None
    price: DecimalText | None = None
    stop_price: DecimalText | None = None
    client_order_id: ClientOrderId | None = None
    account: Account | None = None


class BatchOrder(NewOrder):
    """An order of a batch; answered as ACK."""

    resp_type: Literal["ACK"] = "ACK"


class Batch(Asked):
    """Up to 20 orders, taken in their order, each answered for itself."""

    orders: Annotated[list[BatchOrder], Meta(min_length=1, max_length=20)]


class TransferMoney(Asked):
    """Money from one account of the tenant to another one."""

    asset: str
    amount: DecimalText
    to_account: Account
    account: Account | None = None


class OfAccount(Asked):
    """Which account, where the key may use several."""

    account: Account | None = None


class CancelQuery(OfAccount):
    """Names the cancel, so that it can be sent again."""

    client_order_id: ClientOrderId | None = None


class MassCancelQuery(CancelQuery):
    """What is cancelled: all orders of the account, or of a symbol or a side."""

    symbol: str | None = None
    side: Side | None = None


class Page(OfAccount):
    """Which part of a list: `cursor` is `nextCursor` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")] | None = None


class OpenOrdersQuery(Page):
    """Of one symbol, or all."""

    symbol: str | None = None


class HistoryQuery(OpenOrdersQuery):
    """What orders and executions are searched by. Times are ns since 1970.

    `min_sequence` is the journal sequence that the answer must have seen.
    """

    order_id: Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")] | None = None
    client_order_id: ClientOrderId | None = None
    side: Side | None = None
    from_ns: Nanoseconds = 0
    to_ns: Nanoseconds = 0
    oldest_first: bool = False
    min_sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class OrderHistoryQuery(HistoryQuery):
    """Also by what orders are now."""

    order_status: OrderStatus | None = None


class SymbolQuery(OfAccount):
    """Of one symbol, or all."""

    symbol: str | None = None


class AccountSwitchQuery(OfAccount):
    """As of when: who threw the switch reads it with the sequence of the answer."""

    min_sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class ThrowAccountSwitch(Asked):
    """The kill switch of an account to throw, or to take back."""

    on: bool
    why: Annotated[str, Meta(max_length=200)] = ""
    account: Account | None = None


class NoQuery(Asked):
    """Nothing is said."""


class BookQuery(Asked):
    """How many levels, or orders, of each side of a book; 0 is all."""

    depth: Annotated[int, Meta(ge=0, le=1000)] = 10


class TradesQuery(Asked):
    """Which trades. Times are ns since 1970."""

    from_ns: Nanoseconds = 0
    to_ns: Nanoseconds = 0
    oldest_first: bool = False
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")] | None = None


class TickersQuery(Asked):
    """Which part of the list: `cursor` is `nextCursor` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")] | None = None


class CandlesQuery(Asked):
    """Which candles; the last ones where no beginning is said. Times are ns since 1970."""

    interval: Interval = "1m"
    from_ns: Nanoseconds = 0
    to_ns: Nanoseconds = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class OneSymbol(Asked):
    """A symbol."""

    symbol: str


class OneSymbolBook(OneSymbol):
    """A symbol, and how much of its book."""

    depth: Annotated[int, Meta(ge=0, le=1000)] = 10


class Problem(Struct, kw_only=True):
    """Why a request was refused: the one form of all errors. `code` is of the table in the documentation."""

    code: int
    name: str
    message: str
    transient: bool
    details: dict[str, Any]
    correlation_id: str


class Execution(Told):
    """One side of a trade."""

    trade_id: str
    last_qty: str
    last_price: str
    fee: str
    fee_asset: str
    liquidity: str | None
    timestamp: str


class OrderAnswer(Told):
    """What became of an order, a change or a cancel.

    With RESULT the state is that after all it did at once, with FULL also the executions.
    """

    order_id: str
    client_order_id: str
    account: int
    symbol: str
    exec_type: str
    order_status: str | None
    order_qty: str
    cum_qty: str
    leaves_qty: str
    price: str | None
    stop_price: str | None
    sequence: str
    timestamp: str
    durability: str | None
    duplicate: bool
    executions: list[Execution] | UnsetType = UNSET


class BatchResult(Told):
    """What became of one order of a batch: `order` where it was accepted, else `error`."""

    status: int
    order: OrderAnswer | None = None
    error: Problem | None = None


class BatchAnswer(Told):
    """In the order of the request."""

    results: list[BatchResult]


class MassCancelAnswer(Told):
    """How many orders are cancelled; each has its own report."""

    cancelled: int
    client_order_id: str
    account: int
    sequence: str
    timestamp: str
    duplicate: bool


class Order(Told):
    """An order as it is now."""

    order_id: str
    client_order_id: str
    account: int
    symbol: str
    side: str | None
    type: str | None
    time_in_force: str | None
    order_status: str | None
    order_qty: str
    cum_qty: str
    leaves_qty: str
    price: str | None
    stop_price: str | None
    average_price: str | None
    reject: int
    cancel_reason: str | None
    entered_at: str | None
    updated_at: str | None
    sequence: str


class Orders(Told):
    """A page of orders; `nextCursor` is null on the last one."""

    orders: list[Order]
    next_cursor: str | None


class PastExecution(Execution):
    """One side of a trade, with its order."""

    exec_id: str
    order_id: str
    client_order_id: str
    account: int
    symbol: str
    side: str | None
    cum_qty: str
    leaves_qty: str
    sequence: str


class Executions(Told):
    """A page of executions."""

    executions: list[PastExecution]
    next_cursor: str | None


class Balance(Told):
    """What an account has of an asset."""

    asset: str
    total: str
    available: str
    reserved: str
    version: str


class Balances(Told):
    """Of an account, as of a sequence of the journal."""

    account: int
    balances: list[Balance]
    sequence: str


class Position(Told):
    """What an account is long (negative: short) of an instrument, with the live orders that may change it."""

    symbol: str
    position: str
    open_buy_qty: str
    open_sell_qty: str
    open_orders: int


class Positions(Told):
    """Of an account."""

    account: int
    positions: list[Position]
    sequence: str


class Limit(Told):
    """A limit that binds an account; in lots or minor units, as `kind` says."""

    kind: str | None
    account: int
    symbol: str | None
    value: str
    interval_ns: str


class Limits(Told):
    """Of an account."""

    account: int
    limits: list[Limit]
    sequence: str


class AccountSwitch(Told):
    """The kill switch of an account: whether it or its tenant's is on, and who threw it; null: not known."""

    account: int
    on: bool
    who: str | None
    why: str | None
    set_at: str | None
    may_release: bool
    sequence: str


class TransferAnswer(Told):
    """Money that was moved, and what the account has after it."""

    transfer_id: str
    account: int
    to_account: int
    asset: str
    amount: str
    total: str
    available: str
    sequence: str
    timestamp: str
    duplicate: bool


class Instrument(Told):
    """What is traded. A tick is `tickSize` of `quote`, a lot `lotSize` of `base`; rates are in 1e-9."""

    symbol: str
    instrument_id: int
    kind: str | None
    base: str
    quote: str
    phase: str | None
    price_scale: int
    qty_scale: int
    tick_size: str
    lot_size: str
    min_price: str
    max_price: str
    max_qty: str
    maker_rate: int
    taker_rate: int
    fee_mode: str | None
    mark_price: str | None
    reference_price: str | None
    last_price: str | None


class Asset(Told):
    """What balances are in."""

    symbol: str
    asset_id: int
    scale: int


class Instruments(Told):
    """All instruments and assets."""

    instruments: list[Instrument]
    assets: list[Asset]
    sequence: str


class Level(Told):
    """What is displayed at a price, and of how many orders."""

    price: str
    qty: str
    orders: int


class BookOrder(Told):
    """A displayed order."""

    order_id: str
    price: str
    qty: str


class Book(Told):
    """Both sides by price, best first (L2)."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    sequence: str
    timestamp: str


class BookOfOrders(Told):
    """Both sides by order, best first, then by time (L3)."""

    symbol: str
    bids: list[BookOrder]
    asks: list[BookOrder]
    sequence: str
    timestamp: str


class Quote(Told):
    """The best of both sides; null where a side is empty."""

    symbol: str
    bid_price: str | None
    bid_qty: str | None
    ask_price: str | None
    ask_qty: str | None
    last_price: str | None
    phase: str | None
    sequence: str
    timestamp: str


class Trade(Told):
    """A trade, as everybody may see it."""

    trade_id: str
    symbol: str
    price: str
    qty: str
    taker_side: str | None
    auction: bool
    timestamp: str
    sequence: str


class Trades(Told):
    """A page of trades."""

    trades: list[Trade]
    next_cursor: str | None


class Candle(Told):
    """Trades of an interval."""

    start: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    trades: int


class Candles(Told):
    """Of a symbol, oldest first."""

    symbol: str
    interval: str
    candles: list[Candle]


class Ticker(Told):
    """What a market did in the 24 hours from `from` to `to`."""

    symbol: str
    last_price: str
    last_qty: str
    last_side: str | None
    last_trade_id: str
    last_at: str
    open_price: str
    high_price: str
    low_price: str
    change: str
    change_percent: str | None
    volume: str
    quote_volume: str
    trades: int
    bid_price: str | None
    bid_qty: str
    ask_price: str | None
    ask_qty: str


class Tickers(Told):
    """Of all markets that were ever traded."""

    tickers: list[Ticker]


class TickersPage(Told):
    """Of markets that were ever traded, in the order of their instruments' ids."""

    tickers: list[Ticker]
    next_cursor: str | None


class ServerTime(Told):
    """The gateway's time."""

    time: str
    time_ms: int


class Status(Told):
    """How the exchange is."""

    status: str
    version: str
    epoch: str
    sequence: str
    durability: str | None
    read_only: bool
    killed: bool
    live_orders: int
    journal_time: str
