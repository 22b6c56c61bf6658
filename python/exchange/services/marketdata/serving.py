"""MarketDataService, and what the board adds to tickers.

log ──▶ feed ──▶ board ──▶ watchers ──▶ streams         store ──▶ bars of GetHistory
                   ▲ quotes, and what the last trade is
read replica ──────┘ four times a second, ten where somebody watches
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from exchange.bus.rpc import Call, RpcClient, SocketChannel, serve_server_stream, serve_unary
from exchange.domain.contracts import GET_HISTORY, GET_SNAPSHOT, STREAM_TICKS
from exchange.domain.contracts.marketdata import (
    GetHistoryReply,
    GetHistoryRequest,
    GetSnapshotReply,
    GetSnapshotRequest,
    MarketTick,
    PriceBar,
    StreamTicksRequest,
)
from exchange.domain.queries import MarketCandlesRequest, MarketTickersReply, MarketTickersRequest
from exchange.errors import ExchangeError, RpcError, RpcStatus, ServiceUnavailableError
from exchange.runtime.caller import Caller
from exchange.runtime.queries import answering
from exchange.runtime.service_host import Ground
from exchange.services.marketdata.board import LOST_NS, Board, Watcher
from exchange.services.marketdata.feed import TradeFeed
from exchange.services.marketdata.queries import candles, tickers
from exchange.services.marketdata.venue import Venue

SYMBOLS_MAX: Final = 1_000
_LISTEN_S: Final = 0.25
_QUOTES_S: Final = 0.1
_REMIND_S: Final = 1.0
_NS_A_S: Final = 1_000_000_000


@asynccontextmanager
async def serve(ground: Ground) -> AsyncIterator[Mapping[str, Any]]:
    """The methods, for as long as the block lasts."""
    way, policies = ground.replica, ground.policies
    channel = SocketChannel(ground.context, way.endpoint, keys=way.keys, server_public=way.server_key)
    venue = Venue(RpcClient(channel, policies.of("marketdata", "replica")))
    board = Board(venue.symbol, time.monotonic_ns)
    market = MarketDataServer(ground, venue, board)
    feed = TradeFeed(ground.store, ground.event_log, ground.topics, board)
    tasks = [asyncio.create_task(feed.run()), asyncio.create_task(market.listen())]
    try:
        yield {
            **serve_unary(GET_SNAPSHOT, market.snapshot),
            **serve_unary(GET_HISTORY, market.history),
            **serve_server_stream(STREAM_TICKS, market.stream_ticks),
            "marketdata.MarketTickersRequest": answering(
                MarketTickersRequest, market.tickers, market.with_quotes
            ),
        }
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await venue.close()


class MarketDataServer:
    """Answers for a board and a store.

    Args:
        ground: Whose store.
        venue: What it asks for quotes.
        board: What is shown.
    """

    def __init__(self, ground: Ground, venue: Venue, board: Board) -> None:
        self._ground = ground
        self._venue = venue
        self._board = board

    async def listen(self) -> None:
        """Hears of the venue until it is cancelled: whether trades are missing, and what quotes are."""
        said, reminded = False, time.monotonic()
        while True:
            watched = self._board.watched
            with suppress(ExchangeError):  # silence makes what is shown stale
                asked_ns = time.monotonic_ns()
                last = await self._venue.last_trade()
                tops = await self._venue.tops(watched)
                self._board.quoted(tops)
                if len(tops) == len(watched):
                    self._board.heard(last, asked_ns)
            stale = self._board.age_ns > 0
            if stale != said or (stale and time.monotonic() >= reminded + _REMIND_S):
                self._board.remind()
                said, reminded = stale, time.monotonic()
            await asyncio.sleep(_QUOTES_S if watched else _LISTEN_S)

    async def snapshot(self, request: GetSnapshotRequest, _: Call) -> GetSnapshotReply:
        """A tick of each, as it is now."""
        instruments = await self._shown(request.symbols)
        return GetSnapshotReply(ticks=tuple(map(self._board.tick, instruments)))

    async def stream_ticks(self, request: StreamTicksRequest, _: Call) -> AsyncGenerator[MarketTick, None]:
        """A tick of each, then those that come."""
        instruments = await self._shown(request.symbols)
        with self._board.watching(instruments) as watcher:
            source = (
                _paced(watcher, request.interval_ms_min / 1_000) if request.interval_ms_min else _all(watcher)
            )
            async with aclosing(source):
                async for tick in source:
                    self._check_age()
                    yield tick

    async def history(self, request: GetHistoryRequest, call: Call) -> GetHistoryReply:
        """Bars of an instrument: its candles."""
        (instrument_id,) = await self._venue.ids([request.symbol])
        asked = MarketCandlesRequest(
            instrument_id=instrument_id,
            interval_ns=request.interval_ns,
            from_ns=request.from_ns,
            to_ns=request.until_ns,
            limit=request.limit,
        )
        found = await asyncio.to_thread(self._candles, asked, Caller.of_tenant(call.metadata.tenant_id))
        return GetHistoryReply(
            bars=tuple(
                PriceBar(
                    start_ns=row.start_ns,
                    open_price=row.open_price,
                    high_price=row.high_price,
                    low_price=row.low_price,
                    close_price=row.close_price,
                    volume=row.volume,
                    trades=row.trades,
                )
                for row in found.candles
            ),
            more=found.more,
        )

    def tickers(self, request: MarketTickersRequest, caller: Caller) -> MarketTickersReply:
        """Of the store."""
        with self._ground.store.read() as tx:
            return tickers(tx, request, caller)

    async def with_quotes(self, reply: MarketTickersReply) -> MarketTickersReply:
        """Tickers with the best bid and ask of each book that shows one now."""
        tops = await self._venue.tops(row.instrument_id for row in reply.tickers)
        rows = []
        for row in reply.tickers:
            top = tops.get(row.instrument_id)
            bid, ask = (top.bid, top.ask) if top else (None, None)
            if bid is not None:
                row = replace(row, bid_price=bid.price, bid_qty=bid.qty)  # noqa: PLW2901
            if ask is not None:
                row = replace(row, ask_price=ask.price, ask_qty=ask.qty)  # noqa: PLW2901
            rows.append(row)
        return replace(reply, tickers=tuple(rows))

    async def _shown(self, symbols: Sequence[str]) -> list[int]:
        """The instruments of symbols, whose quotes the board has now where that is possible."""
        if not 0 < len(symbols) <= SYMBOLS_MAX:
            raise RpcError(RpcStatus.INVALID_ARGUMENT, f"expected 1 to {SYMBOLS_MAX} symbols")
        instruments = await self._venue.ids(symbols)
        self._board.quoted(await self._venue.tops(instruments))
        self._check_age()
        return instruments

    def _check_age(self) -> None:
        age = self._board.age_ns
        if age > LOST_NS:
            raise ServiceUnavailableError(f"nothing was heard of the venue for {age / _NS_A_S:.1f} s")

    def _candles(self, request: MarketCandlesRequest, caller: Caller) -> Any:
        with self._ground.store.read() as tx:
            return candles(tx, request, caller)


async def _all(watcher: Watcher) -> AsyncGenerator[MarketTick, None]:
    """Every tick."""
    while True:
        while watcher.ticks:
            yield watcher.ticks.popleft()
        watcher.ready.clear()
        await watcher.ready.wait()


async def _paced(watcher: Watcher, interval_s: float) -> AsyncGenerator[MarketTick, None]:
    """Of each instrument the newest tick, no oftener than that."""
    newest: dict[int, MarketTick] = {}
    due: dict[int, float] = {}
    while True:
        newest |= {tick.instrument_id: tick for tick in watcher.ticks}
        watcher.ticks.clear()
        watcher.ready.clear()
        now = time.monotonic()
        for instrument_id in [each for each in newest if due.get(each, 0.0) <= now]:
            due[instrument_id] = now + interval_s
            yield newest.pop(instrument_id)
        pause = min((due[each] for each in newest), default=None)
        with suppress(TimeoutError):
            await asyncio.wait_for(watcher.ready.wait(), None if pause is None else max(pause - now, 0.0))
