"""MarketDataService, and what the board adds to tickers: what is shown, how old it is, and who stands in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Final

from exchange.bus.rpc import Call
from exchange.domain.contracts.marketdata import (
    GetHistoryReply,
    GetHistoryRequest,
    GetSnapshotReply,
    GetSnapshotRequest,
    MarketTick,
    PriceBar,
    StreamTicksRequest,
    TickRun,
)
from exchange.domain.intervals import MINUTE_NS
from exchange.domain.queries import (
    InstrumentRow,
    MarketCandleRow,
    MarketCandlesReply,
    MarketCandlesRequest,
    MarketTickersReply,
    MarketTickersRequest,
)
from exchange.errors import ExchangeError, RpcError, RpcStatus, ServiceUnavailableError
from exchange.runtime.caller import OPERATOR, Caller
from exchange.runtime.service_host import Ground
from exchange.schema.tick_rows import ticks_of
from exchange.services.marketdata.board import LOST_NS, STALE_NS, Board, Heard, Run, Watcher
from exchange.services.marketdata.fallback import Fallback
from exchange.services.marketdata.http import first_of
from exchange.services.marketdata.queries import candles, last_at, taken_to, tickers
from exchange.services.marketdata.venue import Venue
from exchange.storage.sql import Transaction

SYMBOLS_MAX: Final = 1_000
_LISTEN_S: Final = 0.25
_QUOTES_S: Final = 0.1
_REMIND_S: Final = 1.0
_NS_A_S: Final = 1_000_000_000


class MarketDataServer:
    """Answers for a board and a store.

    Args:
        ground: Whose store.
        venue: What it asks for quotes.
        board: What is shown.
        fallback: Who stands in where that is too old.
    """

    def __init__(self, ground: Ground, venue: Venue, board: Board, fallback: Fallback | None) -> None:
        self._ground = ground
        self._venue = venue
        self._board = board
        self._fallback = fallback
        self._kept: Heard | None = None  # of the store, once the venue was heard of
        self._kept_to = 0
        self._had = (0, 0)  # the venue's last trade, and when it was asked for it

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
                await self._hear_store(last, asked_ns)
            stale = self._board.age_ns > 0
            if stale != said or (stale and time.monotonic() >= reminded + _REMIND_S):
                self._board.remind()
                said, reminded = stale, time.monotonic()
            await asyncio.sleep(_QUOTES_S if watched else _LISTEN_S)

    async def snapshot(self, request: GetSnapshotRequest, _: Call) -> GetSnapshotReply:
        """A tick of each, as it is now."""
        instruments = await self._shown(request.symbols)
        ticks = await asyncio.gather(*(self._certain(self._board.tick(each)) for each in instruments))
        return GetSnapshotReply(ticks=tuple(ticks))

    async def shown(self, symbol: str) -> tuple[MarketTick, InstrumentRow]:
        """A tick of one as of its last trade, without its quotes being looked at."""
        row = await self._venue.row(symbol)
        tick = replace(self._board.tick(row.instrument_id), ts_ns=self._board.traded_ns(row.instrument_id))
        return await self._certain(tick), row

    async def minutes(
        self, symbol: str, periods: int
    ) -> tuple[tuple[MarketCandleRow, ...], InstrumentRow, int]:
        """The last candles of a minute, so many, and for how long they may lack trades, ns."""
        row = await self._venue.row(symbol)
        asked = MarketCandlesRequest(
            instrument_id=row.instrument_id,
            interval_ns=MINUTE_NS,
            from_ns=first_of(time.time_ns(), periods),
            limit=periods,
        )
        found, age_ns = await asyncio.to_thread(self._minutes, asked)
        return found.candles, row, age_ns

    async def stream_ticks(self, request: StreamTicksRequest, call: Call) -> AsyncGenerator[MarketTick, None]:
        """A tick of each, then those that come."""
        async with aclosing(self.stream_runs(request, call)) as runs:
            async for run in runs:
                for tick in ticks_of(run):
                    yield tick

    async def stream_runs(self, request: StreamTicksRequest, _: Call) -> AsyncGenerator[TickRun, None]:
        """A tick of each, then those that come, as many of an instrument as came together."""
        instruments = await self._shown(request.symbols)
        with self._board.watching(instruments) as watcher:
            source = (
                _paced(watcher, request.interval_ms_min / 1_000) if request.interval_ms_min else _all(watcher)
            )
            async with aclosing(source):
                async for run in source:
                    tick = await self._certain(run.last)
                    yield TickRun(last=tick, before=run.before if tick is run.last else b"")

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
        found = await asyncio.to_thread(self.candles, asked, Caller.of_tenant(call.metadata.tenant_id))
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

    def candles(self, request: MarketCandlesRequest, caller: Caller) -> MarketCandlesReply:
        """Of the store; none is made up where it may lack trades."""
        with self._ground.store.read() as tx:
            return candles(tx, request, caller, time.time_ns() - self._lag(tx))

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
        return instruments

    async def _certain(self, tick: MarketTick) -> MarketTick:
        """The tick, or where that is too old what another venue shows."""
        age = self._board.age_ns
        if age <= LOST_NS:
            return tick
        if self._fallback is None:
            raise ServiceUnavailableError(f"nothing was heard of the venue for {age / _NS_A_S:.1f} s")
        return await self._fallback.tick(await self._venue.row(tick.symbol), tick.sequence)

    def _minutes(self, request: MarketCandlesRequest) -> tuple[MarketCandlesReply, int]:
        """Candles, and for how long they may lack trades: since the last one that was taken at most."""
        with self._ground.store.read() as tx:
            now, lag = time.time_ns(), self._lag(tx)
            last = last_at(tx) if lag else 0
            return candles(tx, request, Caller(OPERATOR), now - lag), min(
                lag, max(now - last, 0)
            ) if last else 0

    async def _hear_store(self, last: int, asked_ns: int) -> None:
        """The venue had that trade when it was asked: whether the store has it."""
        if self._kept_to < last:
            self._kept_to = await asyncio.to_thread(self._taken)
        if self._kept is None:
            self._kept = Heard(asked_ns - time.time_ns())  # 1970: never yet
        self._had = (last, asked_ns)
        self._kept.heard(self._kept_to, last, asked_ns)

    def _lag(self, tx: Transaction) -> int:
        """Since the store certainly had all trades, ns; 0 while that is a moment ago, or nobody was heard."""
        if self._kept is None:
            return 0
        self._kept.heard(taken_to(tx), *self._had)
        lag = time.monotonic_ns() - self._kept.at_ns
        return lag if lag > STALE_NS else 0

    def _taken(self) -> int:
        with self._ground.store.read() as tx:
            return taken_to(tx)


async def _all(watcher: Watcher) -> AsyncGenerator[Run, None]:
    """Every tick."""
    while True:
        await watcher.ready.wait()
        while (run := watcher.take()) is not None:
            yield run


async def _paced(watcher: Watcher, interval_s: float) -> AsyncGenerator[Run, None]:
    """Of each instrument the newest tick, no oftener than that."""
    newest: dict[int, MarketTick] = {}
    due: dict[int, float] = {}
    while True:
        while (run := watcher.take()) is not None:
            newest[run.last.instrument_id] = run.last
        now = time.monotonic()
        for instrument_id in [each for each in newest if due.get(each, 0.0) <= now]:
            due[instrument_id] = now + interval_s
            yield Run(newest.pop(instrument_id))
        pause = min((due[each] for each in newest), default=None)
        with suppress(TimeoutError):
            await asyncio.wait_for(watcher.ready.wait(), None if pause is None else max(pause - now, 0.0))
