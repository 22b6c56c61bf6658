"""Mark: what an instrument is worth, sampled once a second by market data and asked for as often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from exchange.client.instruments import Instrument
from exchange.client.rest import streams as s
from exchange.domain.contracts.marketdata import MarkPrice
from exchange.services.gateway.known import decimal
from exchange.services.gateway.stream.channels.latest import LatestFeed
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.source import Source
from exchange.services.gateway.told import word

_ASK_S: Final = 1.0
_MICRO_PLACES: Final = 6
_NS_A_MS: Final = 1_000_000


class MarkFeed(LatestFeed):
    """See the module."""

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due, source)
        self._mark = MarkPrice()

    async def follow(self) -> None:
        """See `Feed.follow`."""
        requests = self._source.market
        self._instrument = await self._source.instrument(self.key.symbol)
        asked = requests.mark_price(self.key.symbol)
        while True:
            mark = await self._source.exchange.upstream.ask(asked)
            known, self._mark = self._mark, mark
            if not self.ready:
                self.begin()
            elif mark != known:
                self._tell()
            await asyncio.sleep(_ASK_S)

    def lost(self) -> None:
        """What was told last is stale from now on."""
        if self.ready and not self._mark.stale:
            self._mark = replace(self._mark, stale=True)
            self._tell()

    @property
    def _sequence(self) -> int:
        return self._mark.ts_ns

    def _data(self, instrument: Instrument) -> s.Mark:
        mark = self._mark
        price = instrument.price_scale
        return s.Mark(
            mark_price=decimal(mark.mark_price, price),
            index_price=decimal(mark.index_micro_ticks, price + _MICRO_PLACES),
            status="stale" if mark.stale else "live",
            age_ms=mark.age_ns // _NS_A_MS,
            sources=[
                s.MarkSource(
                    name=each.name,
                    weight=each.weight,
                    state=word(each.state),
                    price=decimal(each.micro_ticks, price + _MICRO_PLACES) if each.micro_ticks else None,
                    age_ms=each.age_ns // _NS_A_MS,
                )
                for each in mark.sources
            ],
        )
