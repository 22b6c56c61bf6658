"""What a reader of a stream is told, one type a channel, and what becomes of it while nobody reads.

An event that was not read yet is replaced by, or joined with, the next one of the same thing where that
loses nothing that still counts: the last price, the book as it is, what an account has now. Trades, orders
and executions each count; of those the oldest are dropped at the bound, and the reader is told how many.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from exchange.client.rest import models as m
from exchange.client.rest import streams as s
from exchange.client.stream.book import StreamBook
from exchange.errors import ExchangeError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """Of a channel.

    Args:
        sequence: Journal sequence of what it tells.
        is_snapshot: All there is, rather than what changed.
    """

    sequence: int
    is_snapshot: bool

    @property
    def key(self) -> Hashable | None:
        """What the next one of the same thing has, too; None: each one counts."""
        return None

    def joined(self, newer: Any) -> Any:
        """This one and the next one as one."""
        return replace(newer, is_snapshot=self.is_snapshot or newer.is_snapshot)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerEvent(_Told):
    """What an instrument shows, and its 24 hours."""

    symbol: str
    ticker: s.Tick

    @property
    def key(self) -> Hashable:
        """See above."""
        return "ticker", self.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEvent(_Told):
    """A book changed; `book` has it as it is when it is looked at."""

    symbol: str
    book: StreamBook

    @property
    def key(self) -> Hashable:
        """See above."""
        return "book", self.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesEvent(_Told):
    """Trades of a market, oldest first."""

    symbol: str
    trades: list[m.Trade]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleEvent(_Told):
    """A candle as it is now; the last one of each is told."""

    symbol: str
    interval: str
    candle: m.Candle

    @property
    def key(self) -> Hashable:
        """See above."""
        return "candles", self.symbol, self.interval, self.candle.start


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkEvent(_Told):
    """What an instrument is worth."""

    symbol: str
    mark: s.Mark

    @property
    def key(self) -> Hashable:
        """See above."""
        return "mark", self.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersEvent(_Told):
    """Orders of an account, after each change; those that ended, too."""

    account: int
    orders: list[m.Order]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionsEvent(_Told):
    """Executions of an account."""

    account: int
    executions: list[m.PastExecution]


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancesEvent(_Told):
    """What an account has, of the assets that changed."""

    account: int
    balances: list[m.Balance]

    @property
    def key(self) -> Hashable:
        """See above."""
        return "balances", self.account

    def joined(self, newer: BalancesEvent) -> BalancesEvent:
        """The last word on each asset."""
        if newer.is_snapshot:
            return newer
        by_asset = {each.asset: each for each in (*self.balances, *newer.balances)}
        return replace(newer, is_snapshot=self.is_snapshot, balances=list(by_asset.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsEvent(_Told):
    """What an account is long or short, of the instruments that changed."""

    account: int
    positions: list[m.Position]

    @property
    def key(self) -> Hashable:
        """See above."""
        return "positions", self.account

    def joined(self, newer: PositionsEvent) -> PositionsEvent:
        """The last word on each instrument."""
        if newer.is_snapshot:
            return newer
        by_symbol = {each.symbol: each for each in (*self.positions, *newer.positions)}
        return replace(newer, is_snapshot=self.is_snapshot, positions=list(by_symbol.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedEvent:
    """A connection is there: the first one, or a new one in the place of one that broke.

    Args:
        connection_id: As in the gateway's log.
        resumed: Own orders and executions of in between are told; else they have to be asked for.
        reconnects: How often the connection broke so far.
    """

    connection_id: str
    resumed: bool
    reconnects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LaggedEvent:
    """The reader was too slow: the oldest events that each count were dropped.

    Args:
        dropped: How many, since the last event of this kind.
        channels: Of which channels.
    """

    dropped: int
    channels: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLostEvent:
    """A new connection was refused what the one before had: it is told no more, unless it is asked for again.

    Args:
        channel: Which.
        symbols: Of a public channel.
        accounts: Of a private one.
        error: Why.
    """

    channel: str
    symbols: tuple[str, ...]
    accounts: tuple[int, ...]
    error: ExchangeError


ChannelEvent: TypeAlias = (
    TickerEvent
    | BookEvent
    | TradesEvent
    | CandleEvent
    | MarkEvent
    | OrdersEvent
    | ExecutionsEvent
    | BalancesEvent
    | PositionsEvent
)
Event: TypeAlias = ChannelEvent | ConnectedEvent | LaggedEvent | SubscriptionLostEvent


def event_of(update: s.Update, data: Any) -> ChannelEvent:
    """The event of an update of any channel but books.

    Args:
        update: As it came.
        data: Its data, as the type of its channel.
    """
    words: dict[str, Any] = {"sequence": int(update.sequence), "is_snapshot": update.kind == "snapshot"}
    match update.channel:
        case "ticker":
            return TickerEvent(**words, symbol=str(update.symbol), ticker=data)
        case "trades":
            return TradesEvent(**words, symbol=str(update.symbol), trades=data)
        case "candles":
            return CandleEvent(**words, symbol=str(update.symbol), interval=data.interval, candle=data.candle)
        case "mark":
            return MarkEvent(**words, symbol=str(update.symbol), mark=data)
        case "orders":
            return OrdersEvent(**words, account=account_of(update), orders=data)
        case "executions":
            return ExecutionsEvent(**words, account=account_of(update), executions=data)
        case "balances":
            return BalancesEvent(**words, account=account_of(update), balances=data)
        case "positions":
            return PositionsEvent(**words, account=account_of(update), positions=data)
        case _:
            raise ValueError(f"no event is made of {update.channel}")


def account_of(update: s.Update) -> int:
    """Whose an update is; 0 where it is nobody's."""
    return update.account if isinstance(update.account, int) else 0
