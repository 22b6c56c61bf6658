"""PriceService: index and mark price of the instruments that have sources, a sample a second.

book ─┐
static ├─▶ what each said last ─▶ index ─▶ mark ─▶ GetMarkPrice
venue ─┘                            ▲        ▲ last trade, 30 s of the book's middle above the index
                        too few: stale, the last mark stands
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from exchange.bus.rpc import Call
from exchange.config.index_sources import IndexSource
from exchange.domain.contracts.marketdata import GetMarkPriceRequest, MarkPrice, PriceSource
from exchange.domain.prices import MICRO, IndexRules, Said, index_price, mark_price
from exchange.domain.queries import InstrumentRow
from exchange.errors import ExchangeError, RpcError, RpcStatus, ServiceUnavailableError
from exchange.services.marketdata.fallback import INT64_MAX, Fallback, scaled

SAMPLES: Final = 30
"""Of the book's premium: those of the last half minute."""
_EVERY_S: Final = 1.0
_MICRO_SCALE: Final = 6

Quoted = Callable[[int], tuple[int, int] | None]
"""The best bid and ask of an instrument's book, ticks; None where a side is empty, or nobody knows."""
Lasting = Callable[[int], int | None]
"""The price of an instrument's last trade, ticks."""
Known = Callable[[str], Awaitable[InstrumentRow]]
"""An instrument by its symbol."""


class Priced:
    """One instrument.

    Args:
        sources: Of its index.
        rules: Which of them count.
    """

    def __init__(self, sources: tuple[IndexSource, ...], rules: IndexRules) -> None:
        self.sources = sources
        self._rules = rules
        self._said: dict[int, tuple[int, int]] = {}  # by place: a price and when, micro-ticks and ns
        self._premiums: deque[tuple[int, int]] = deque(maxlen=SAMPLES)
        self._mark: MarkPrice | None = None
        self._good_ns = 0
        self.now = MarkPrice()

    def say(self, at: int, price: int | None, said_ns: int) -> None:
        """What a source says, and since when; what it does not say now it may have said before.

        What is less than a tick, or has no room in a message, is no price.
        """
        if price is not None and MICRO <= price <= INT64_MAX:
            self._said[at] = (price, said_ns)

    def sample(
        self, row: InstrumentRow, quote: tuple[int, int] | None, last: int | None, now_ns: int, ts_ns: int
    ) -> None:
        """Takes the second's sample.

        Args:
            row: The instrument.
            quote: Best bid and ask, ticks.
            last: Price of the last trade, ticks.
            now_ns: A monotonic time.
            ts_ns: Since 1970.
        """
        said = [self._of(at, source, now_ns) for at, source in enumerate(self.sources)]
        index, states = index_price(said, self._rules)
        sources = tuple(
            PriceSource(
                name=each.name,
                weight=each.weight,
                state=state,
                micro_ticks=each.price or 0,
                age_ns=each.age_ns,
            )
            for each, state in zip(said, states, strict=True)
        )
        if index is not None:
            if quote is not None:
                self._premiums.append((now_ns, (sum(quote) * MICRO) - 2 * index))
            recent = now_ns - SAMPLES * 1_000_000_000
            premiums = [premium for at_ns, premium in self._premiums if at_ns > recent]
            self._good_ns = now_ns
            self._mark = MarkPrice(
                symbol=row.symbol,
                instrument_id=row.instrument_id,
                ts_ns=ts_ns,
                mark_price=mark_price(index, None if last is None else last * MICRO, premiums),
                index_micro_ticks=index,
                last_price=last,
            )
        known = self._mark or MarkPrice(symbol=row.symbol, instrument_id=row.instrument_id)
        age = 0 if index is not None else now_ns - self._good_ns
        self.now = replace(known, stale=index is None, age_ns=age, sources=sources)

    @property
    def known(self) -> bool:
        """Whether there was ever an index."""
        return self._mark is not None

    def _of(self, at: int, source: IndexSource, now_ns: int) -> Said:
        price, said_ns = self._said.get(at, (None, now_ns))
        return Said(source.name, source.weight, price, now_ns - said_ns)


class PriceServer:
    """Samples prices and answers for them. Belongs to one event loop.

    Args:
        wanted: The sources of each instrument, by symbol.
        rules: Which of them count.
        known: Instruments.
        quoted: Books.
        last: Last trades.
        fallback: The venue that a source may be.
    """

    def __init__(
        self,
        wanted: Mapping[str, tuple[IndexSource, ...]],
        rules: IndexRules,
        known: Known,
        quoted: Quoted,
        last: Lasting,
        fallback: Fallback | None,
    ) -> None:
        self._priced = {symbol: Priced(sources, rules) for symbol, sources in wanted.items()}
        self._known = known
        self._quoted = quoted
        self._last = last
        self._fallback = fallback

    async def run(self) -> None:
        """Samples until it is cancelled."""
        due = time.monotonic()
        while self._priced:
            await asyncio.gather(*(self._sample(symbol, of) for symbol, of in self._priced.items()))
            due = max(due + _EVERY_S, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def mark(self, request: GetMarkPriceRequest, _: Call) -> MarkPrice:
        """The last sample."""
        await self._known(request.symbol)
        priced = self._priced.get(request.symbol)
        if priced is None:
            raise RpcError(
                RpcStatus.FAILED_PRECONDITION, f"market_data.index names no source of {request.symbol}"
            )
        if not priced.known:
            raise ServiceUnavailableError(f"too few sources of {request.symbol} have a price")
        return priced.now

    async def _sample(self, symbol: str, priced: Priced) -> None:
        with suppress(ExchangeError):  # the next sample is in a second; what is missing ages
            row = await self._known(symbol)
            quote = self._quoted(row.instrument_id)
            for at, source in enumerate(priced.sources):
                price, age_ns = await self._asked(source, row, quote)
                priced.say(at, price, time.monotonic_ns() - age_ns)
            priced.sample(row, quote, self._last(row.instrument_id), time.monotonic_ns(), time.time_ns())

    async def _asked(
        self, source: IndexSource, row: InstrumentRow, quote: tuple[int, int] | None
    ) -> tuple[int | None, int]:
        """What a source says now, micro-ticks, and how old that is: another venue's as its last trade."""
        if source.price is not None:
            return scaled(source.price, row.price_scale + _MICRO_SCALE), 0
        if source.name == "book":
            return None if quote is None else sum(quote) * (MICRO // 2), 0
        if self._fallback is None:
            return None, 0
        try:
            said = await self._fallback.ticker(row.symbol)
        except ExchangeError:
            return None, 0
        return scaled(said.price, row.price_scale + _MICRO_SCALE), said.age_ns(time.time_ns())
