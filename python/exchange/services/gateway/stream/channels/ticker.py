"""Ticker: the best of both sides and the last trade as they change, and 24 hours of the market.

The upstream is `TickService.StreamTickRuns`. What the market did is asked for once a second, where it
was traded since or a minute went by.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from exchange.client.instruments import Instrument
from exchange.client.market_records import ticker_record
from exchange.client.rest import streams as s
from exchange.domain.contracts.marketdata import MarketTick
from exchange.errors import ExchangeError
from exchange.services.gateway.known import decimal, decimal_or_none
from exchange.services.gateway.market import plain
from exchange.services.gateway.stream.channels.latest import LatestFeed
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.source import Source

_DAY_S: Final = 1.0
_MINUTE_S: Final = 60.0
_OF_DAY: Final = (
    "open_price", "high_price", "low_price", "change", "change_percent", "volume", "quote_volume", "trades",
)  # fmt: skip


class TickerFeed(LatestFeed):
    """See the module."""

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due, source)
        self._tick = MarketTick()
        self._heard = 0.0
        self._day: dict[str, Any] = {}

    async def follow(self) -> None:
        """See `Feed.follow`."""
        requests = self._source.market
        self._instrument = await self._source.instrument(self.key.symbol)
        day = asyncio.create_task(self._keep_day())
        try:
            async with self._source.exchange.upstream.subscribe(requests.ticks(self.key.symbol)) as ticks:
                async for tick in ticks:
                    self._tick, self._heard = tick, time.monotonic()
                    if self.ready:
                        self._tell()
                    else:
                        self.begin()
        finally:
            day.cancel()
            await asyncio.gather(day, return_exceptions=True)

    def lost(self) -> None:
        """What was told last is stale from now on."""
        if self.ready:
            age_ns = int((time.monotonic() - self._heard) * 1e9)
            self._tick = replace(self._tick, stale=True, age_ns=max(self._tick.age_ns, age_ns))
            self._tell()

    @property
    def _sequence(self) -> int:
        return self._tick.sequence

    def _data(self, instrument: Instrument) -> s.Tick:
        tick = self._tick
        price, qty = instrument.price_scale, instrument.qty_scale
        return s.Tick(
            symbol=instrument.symbol,
            bid_price=decimal_or_none(tick.bid_price, price),
            bid_qty=decimal(tick.bid_qty, qty),
            ask_price=decimal_or_none(tick.ask_price, price),
            ask_qty=decimal(tick.ask_qty, qty),
            last_price=decimal_or_none(tick.last_price, price),
            last_qty=decimal(tick.last_qty, qty),
            status="stale" if tick.stale else "live",
            age_ms=tick.age_ns // 1_000_000,
            source=tick.venue,
            **self._day,
        )

    async def _keep_day(self) -> None:
        """Asks what the market did, once a second where that may be something else."""
        asked: tuple[object, int] | None = None
        while True:
            now = (self._tick.last_price, self._tick.ts_ns), int(time.time() // _MINUTE_S)
            if now != asked:
                with suppress(ExchangeError):  # the next second asks again
                    await self._ask_day()
                    asked = now
            await asyncio.sleep(_DAY_S)

    async def _ask_day(self) -> None:
        instrument = self._instrument
        if instrument is None:
            return
        row = await self._source.exchange.upstream.ask(self._source.market.ticker(instrument.instrument_id))
        if row is None:
            return
        record = ticker_record(row, self._source.directory)
        day: dict[str, Any] = {name: plain(record[name]) for name in _OF_DAY}
        day["trades"] = row.trades
        if day != self._day:
            self._day = day
            if self.ready:
                self._tell()
