"""Which feed a channel is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from exchange.services.gateway.stream.channels.book import BookFeed
from exchange.services.gateway.stream.channels.candles import CandlesFeed
from exchange.services.gateway.stream.channels.mark import MarkFeed
from exchange.services.gateway.stream.channels.money import BalancesFeed, PositionsFeed
from exchange.services.gateway.stream.channels.reports import ExecutionsFeed, OrdersFeed
from exchange.services.gateway.stream.channels.ticker import TickerFeed
from exchange.services.gateway.stream.channels.trades import TradesFeed
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.hub import Make
from exchange.services.gateway.stream.source import Source

FEEDS: Final[Mapping[str, Callable[[Key, Callable[[Feed], None], Source], Feed]]] = {
    "ticker": TickerFeed,
    "book": BookFeed,
    "trades": TradesFeed,
    "candles": CandlesFeed,
    "mark": MarkFeed,
    "orders": OrdersFeed,
    "executions": ExecutionsFeed,
    "balances": BalancesFeed,
    "positions": PositionsFeed,
}


def feeds_of(source: Source) -> Make:
    """Makes feeds of a source."""
    return lambda key, due: FEEDS[key.channel](key, due, source)
