"""What goes over a WebSocket of the gateway, as types: frames both ways, and the data of channels.

A frame from a program has `op`, one from the gateway has `type`. Data of a channel is a type of
`exchange.client.rest.models` where there is one for it; conventions are those of that module.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from exchange.client.rest import models as m

STREAM_PATH: Final = "/v1/stream"
"""Every channel; who asks has to be known."""
MARKET_PATH: Final = "/stream/market"
"""What everybody may see."""

Interval = Literal["1s", "1m", "5m", "15m", "1h", "4h", "1d"]
Channel = Literal[
    "ticker", "book", "trades", "candles", "mark", "orders", "executions", "balances", "positions"
]
PUBLIC_CHANNELS: Final = ("ticker", "book", "trades", "candles", "mark")
PRIVATE_CHANNELS: Final = ("orders", "executions", "balances", "positions")
Kind = Literal["snapshot", "update"]
RequestId = Annotated[str, Meta(max_length=64)]
Symbols = Annotated[list[str], Meta(max_length=1_000)]
OrderId = Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")]


class Ask(Struct, forbid_unknown_fields=True, rename="camel", kw_only=True, tag_field="op"):
    """What a program sends; `id` comes back with the answer."""

    id: RequestId = ""


class Resume(Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Where a connection that broke was.

    `token` is the last `resumeToken`, `sequence` the largest `sequence` of its updates of orders, executions,
    balances and positions.
    """

    token: str
    sequence: Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")] = "0"


class Logon(Ask, tag="LOGON"):
    """Who asks: a token, or an API key that signs `GET /v1/stream` with an empty body."""

    token: str = ""
    api_key: str = ""
    timestamp: str | int = ""
    nonce: str = ""
    signature: str = ""
    cancel_on_disconnect: bool = False
    resume: Resume | None = None


class Subscribe(Ask, tag="SUBSCRIBE"):
    """Tell of channels. Public ones need instruments, by symbol; private ones may name accounts."""

    channels: Annotated[list[str], Meta(min_length=1, max_length=16)] = field(
        default_factory=lambda: ["ticker"]
    )
    instrument_ids: Symbols = []
    accounts: Annotated[list[m.Account], Meta(max_length=1_000)] = []
    interval: Interval = "1m"
    raw: bool = False


class Unsubscribe(Subscribe, tag="UNSUBSCRIBE"):
    """Tell no more of channels."""


class Ping(Ask, tag="PING"):
    """Is anybody there? `at` comes back."""

    at: Annotated[str, Meta(max_length=64)] | int | float | None = None


class EnterOrder(Ask, tag="ORDER"):
    """Enter an order."""

    order: m.NewOrder


class CancelOrder(Ask, tag="CANCEL"):
    """Cancel an order, by its id or the client's. `cancelId` names the cancel, which can be sent again."""

    order_id: OrderId = ""
    client_order_id: m.ClientOrderId | None = None
    account: m.Account | None = None
    cancel_id: m.ClientOrderId | None = None


class ReplaceOrder(Ask, tag="REPLACE"):
    """Change an order, by its id or the client's."""

    change: m.ReplaceOrder
    order_id: OrderId = ""
    client_order_id: m.ClientOrderId | None = None


class MassCancel(Ask, tag="MASS_CANCEL"):
    """Cancel all orders of an account, a symbol or a side."""

    account: m.Account | None = None
    symbol: str | None = None
    side: m.Side | None = None


class Rates(Ask, tag="RATES"):
    """What is left of budgets?"""


ASKED: Final = (
    Logon, Subscribe, Unsubscribe, Ping, EnterOrder, CancelOrder, ReplaceOrder, MassCancel, Rates,
)  # fmt: skip
Asked = Logon | Subscribe | Unsubscribe | Ping | EnterOrder | CancelOrder | ReplaceOrder | MassCancel | Rates


class Told(Struct, rename="camel", kw_only=True, tag_field="type"):
    """What the gateway sends."""


class Replied(Told, kw_only=True):
    """What answers a frame; `id` is that one's."""

    id: str = ""


class Welcome(Replied, tag="WELCOME"):
    """The connection is open: by whom, with what."""

    connection_id: str
    server_time: str
    heartbeat_ms: int
    tenant: int | UnsetType = UNSET
    accounts: list[int] | UnsetType = UNSET
    scopes: list[str] | UnsetType = UNSET
    resume_token: str | UnsetType = UNSET
    resumed: bool | UnsetType = UNSET


class Subscribed(Replied, tag="SUBSCRIBED"):
    """What is told from now on; snapshots follow. `subscriptions` is how many the connection has."""

    channels: list[str]
    instrument_ids: list[str]
    accounts: list[int]
    subscriptions: int
    resume_token: str | UnsetType = UNSET


class Unsubscribed(Subscribed, tag="UNSUBSCRIBED"):
    """What is told no more."""


class Pong(Replied, tag="PONG"):
    """Somebody is there."""

    at: str | int | float | None
    server_time: str


class Budget(Struct, rename="camel", kw_only=True):
    """What is left of a budget: weight at once, and seconds until it is full again."""

    budget: str
    cancels: bool
    limit: int
    remaining: int
    reset_s: int


class Result(Replied, tag="RESULT"):
    """What became of a request about orders, as over HTTP."""

    status: int
    order: m.OrderAnswer | UnsetType = UNSET
    cancelled: int | UnsetType = UNSET
    budgets: list[Budget] | UnsetType = UNSET


class Failed(Replied, tag="ERROR"):
    """Why a request was refused; the connection stays open."""

    error: m.Problem


class Heartbeat(Told, tag="HEARTBEAT"):
    """Nothing was told for a while."""

    server_time: str


class Update(Struct, rename="camel", kw_only=True):
    """One of a frame's updates. `data` is of the channel's type: see `DATA`."""

    channel: Channel
    symbol: str | UnsetType = UNSET
    account: int | UnsetType = UNSET
    kind: Kind
    sequence: str
    data: Any


class Updates(Told, tag="UPDATES"):
    """What changed: all of a connection's subscriptions of a tenth of a second."""

    at: str
    updates: list[Update]


class Data(Struct, rename="camel", kw_only=True):
    """Of a channel."""


class Tick(Data):
    """What an instrument shows, and what its market did in 24 hours, which is renewed once a second.

    The latter is null until a first trade. `status` is `live`, or `stale` with how old it may be.
    """

    symbol: str
    bid_price: str | None
    bid_qty: str
    ask_price: str | None
    ask_qty: str
    last_price: str | None
    last_qty: str
    status: Literal["live", "stale"]
    age_ms: int
    source: str
    open_price: str | None = None
    high_price: str | None = None
    low_price: str | None = None
    change: str | None = None
    change_percent: str | None = None
    volume: str | None = None
    quote_volume: str | None = None
    trades: int | None = None


Level = tuple[str, str, int]
"""Price, quantity, and of how many orders."""


class BookSnapshot(Data):
    """All levels of a book, best first, after the command `lastSequence`."""

    bids: list[Level]
    asks: list[Level]
    checksum: int
    last_sequence: str


class BookDelta(Data):
    """Levels as they are from now on, quantity 0 where there is none.

    It leads from the book after `firstSequence` - 1 to that after `lastSequence`.
    """

    bids: list[Level]
    asks: list[Level]
    checksum: int
    first_sequence: str
    last_sequence: str


class CandleNow(Data):
    """A candle as it is now."""

    interval: Interval
    candle: m.Candle


class MarkSource(Data):
    """What one source of an index says."""

    name: str
    weight: int
    state: str | None
    price: str | None
    age_ms: int


class Mark(Data):
    """What an instrument is worth. The index has six places more than prices."""

    mark_price: str
    index_price: str
    status: Literal["live", "stale"]
    age_ms: int
    sources: list[MarkSource]


DATA: Final[dict[str, tuple[Any, Any]]] = {
    "ticker": (Tick, Tick),
    "book": (BookSnapshot, BookDelta),
    "trades": (list[m.Trade], list[m.Trade]),
    "candles": (CandleNow, CandleNow),
    "mark": (Mark, Mark),
    "orders": (list[m.Order], list[m.Order]),
    "executions": (list[m.PastExecution], list[m.PastExecution]),
    "balances": (list[m.Balance], list[m.Balance]),
    "positions": (list[m.Position], list[m.Position]),
}
"""By channel the types of a snapshot's data and of an update's."""
