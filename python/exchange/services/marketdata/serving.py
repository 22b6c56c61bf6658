"""What answers for market data, put together.

journal ──▶ books ──▶ feed ──▶ board ──▶ watchers ──▶ streams        store ──▶ bars of GetHistory
                                 ▲ quotes, and what the last trade is
read replica ────────────────────┘ four times a second, ten where somebody watches

Books are of `books`, prices of `pricing`, what is asked by HTTP of `http`, events of `telling`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from exchange.bus.rpc import RpcClient, SocketChannel, serve_server_stream, serve_unary
from exchange.config.index_sources import index_sources
from exchange.domain.contracts import (
    GET_HISTORY,
    GET_MARK_PRICE,
    GET_ORDER_BOOK,
    GET_SNAPSHOT,
    STREAM_ORDER_BOOK,
    STREAM_TICK_RUNS,
    STREAM_TICKS,
)
from exchange.domain.prices import IndexRules
from exchange.domain.queries import MarketCandlesRequest, MarketTickersRequest
from exchange.errors import ConfigError, ExchangeError
from exchange.observability.server import PageServer
from exchange.resilience import Policies
from exchange.runtime.chores import chores
from exchange.runtime.log import log
from exchange.runtime.priority import go_realtime
from exchange.runtime.queries import answering
from exchange.runtime.service_host import Ground
from exchange.services.marketdata.board import Board
from exchange.services.marketdata.books import BookServer
from exchange.services.marketdata.fallback import Fallback
from exchange.services.marketdata.feed import TradeFeed
from exchange.services.marketdata.http import PricePages
from exchange.services.marketdata.pricing import PriceServer
from exchange.services.marketdata.server import MarketDataServer
from exchange.services.marketdata.telling import Teller
from exchange.services.marketdata.venue import Venue

if TYPE_CHECKING:  # its WebSockets are for those who have a venue with a feed
    from exchange.client.coinbase_stream import CoinbaseStream


@asynccontextmanager
async def serve(ground: Ground) -> AsyncIterator[Mapping[str, Any]]:
    """The methods, for as long as the block lasts, and the HTTP beside them; who takes events tells, too."""
    way, policies, settings = ground.replica, ground.policies, ground.settings.market_data
    channel = SocketChannel(ground.context, way.endpoint, keys=way.keys, server_public=way.server_key)
    venue = Venue(RpcClient(channel, policies.of("marketdata", "replica")))
    board = Board(venue.symbol, time.monotonic_ns)
    feed = TradeFeed(ground.store, board) if ground.answers else None
    own = 0 if ground.takes else settings.realtime_priority  # who only answers; else the store would, too
    books = BookServer(
        ground.journal, venue, feed, partial(go_realtime, own, "market_data.realtime_priority")
    )
    async with AsyncExitStack() as opened:
        opened.push_async_callback(venue.close)
        telling = ground.takes and settings.events_ms > 0
        if telling or feed is not None:
            await opened.enter_async_context(chores(books.run()))
        if telling:
            work = Teller(ground, books).run(settings.events_ms / 1_000)
            await opened.enter_async_context(chores(work))
        if feed is not None:
            await opened.enter_async_context(chores(feed.run()))
            yield await opened.enter_async_context(_answers(ground, venue, books, board))
        else:
            yield {}


@asynccontextmanager
async def _answers(
    ground: Ground, venue: Venue, books: BookServer, board: Board
) -> AsyncIterator[Mapping[str, Any]]:
    settings = ground.settings.market_data
    stream = _stream(settings.fallback_stream_url)
    fallback = _fallback(settings.fallback_url, ground.policies, stream)
    market = MarketDataServer(ground, venue, board, fallback)
    rules = IndexRules(
        settings.index_stale_ms * 1_000_000, settings.index_outlier_bps, settings.index_sources_min
    )
    prices = PriceServer(
        index_sources(settings.index), rules, venue.row, books.quote, board.last_price, fallback
    )
    works = [market.listen(), prices.run(), venue.watch(books.defined), *([stream.run()] if stream else [])]
    try:
        async with chores(*works):
            with _pages(ground, market):
                yield {
                    **serve_unary(GET_SNAPSHOT, market.snapshot),
                    **serve_unary(GET_HISTORY, market.history),
                    **serve_server_stream(STREAM_TICKS, market.stream_ticks),
                    **serve_server_stream(STREAM_TICK_RUNS, market.stream_runs),
                    **serve_unary(GET_ORDER_BOOK, books.book),
                    **serve_server_stream(STREAM_ORDER_BOOK, books.stream),
                    **serve_unary(GET_MARK_PRICE, prices.mark),
                    "marketdata.MarketCandlesRequest": answering(MarketCandlesRequest, market.candles),
                    "marketdata.MarketTickersRequest": answering(
                        MarketTickersRequest, market.tickers, market.with_quotes
                    ),
                }
    finally:
        if fallback is not None:
            await fallback.close()


def _fallback(url: str, policies: Policies, stream: CoinbaseStream | None) -> Fallback | None:
    """The venue that stands in; its client is loaded where there is one."""
    if not url:
        return None
    coinbase = import_module("exchange.client.coinbase").CoinbaseClient
    return Fallback(coinbase(url, policies.of("marketdata", "coinbase")), stream)


def _stream(url: str) -> CoinbaseStream | None:
    """What that venue says by itself; its client is loaded where there is one."""
    if not url:
        return None
    try:
        module = import_module("exchange.client.coinbase_stream")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"market_data.fallback_stream_url needs an extra: pip install 'cmatch[gateway]' ({error})"
        ) from None

    def changed(why: ExchangeError | None) -> None:
        if why is None:
            log("another venue's feed is live", url=url)
        else:
            log("another venue's feed broke", level=logging.WARNING, url=url, why=why)

    stream: CoinbaseStream = module.CoinbaseStream(url, changed)
    return stream


@contextmanager
def _pages(ground: Ground, market: MarketDataServer) -> Iterator[None]:
    """Prices and candles by HTTP, where somebody serves them or the settings say so."""
    pages = PricePages(asyncio.get_running_loop(), market.shown, market.minutes, ground.pages)
    address = ground.settings.endpoints.prices
    if ground.mount is not None:
        ground.mount(pages)
    if ground.mount is not None or not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server = PageServer(pages, (host.strip("[]"), int(port)))
    except OSError as error:
        raise ConfigError(f"endpoints.prices: {address} cannot be had: {error.strerror}") from None
    with server:
        log("prices by HTTP", address=f"{host}:{server.port}")
        yield
