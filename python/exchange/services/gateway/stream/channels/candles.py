"""Candles: the current one as it grows, and the last of each when the next one begins.

Market data says what a candle is until some command of the journal; the trades behind that are folded here,
by its rules. An interval without a trade carries the close before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from exchange.client.instruments import Instrument
from exchange.client.rest import streams as s
from exchange.domain import queries as q
from exchange.domain.intervals import INTERVALS
from exchange.schema.event_rows import Records
from exchange.services.gateway.past import asking
from exchange.services.gateway.stream.channels.trades import trade_rows
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.source import Source
from exchange.services.gateway.stream.tail import Listener, Position
from exchange.services.gateway.told import candle_of_row

_LATE_NS: Final = 1_000_000_000
"""How long a trade of an interval may take to come here before the next one begins without it."""
_LOW: Final = 32


def opened_by(trade: q.MarketTradeRow, interval_ns: int) -> q.MarketCandleRow:
    """The candle of a trade alone."""
    at = trade.price
    return grown(
        q.MarketCandleRow(
            start_ns=trade.timestamp - trade.timestamp % interval_ns,
            open_price=at,
            high_price=at,
            low_price=at,
            close_price=at,
        ),
        trade,
    )


def grown(candle: q.MarketCandleRow, trade: q.MarketTradeRow) -> q.MarketCandleRow:
    """A candle with one more trade of its interval; one that had none is opened by it."""
    if not candle.trades:
        candle = replace(candle, open_price=trade.price, high_price=trade.price, low_price=trade.price)
    notional = candle.quote_volume + trade.price * trade.qty
    return replace(
        candle,
        high_price=max(candle.high_price, trade.price),
        low_price=min(candle.low_price, trade.price),
        close_price=trade.price,
        volume=candle.volume + trade.qty,
        quote_volume_high=notional >> _LOW,
        quote_volume_low=notional & ((1 << _LOW) - 1),
        trades=candle.trades + 1,
    )


def carried(candle: q.MarketCandleRow, start_ns: int) -> q.MarketCandleRow:
    """The candle of an interval without a trade."""
    at = candle.close_price
    return q.MarketCandleRow(start_ns=start_ns, open_price=at, high_price=at, low_price=at, close_price=at)


class CandlesFeed(Feed):
    """See the module."""

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due)
        self._source = source
        self._interval_ns = INTERVALS[key.interval]
        self._instrument: Instrument | None = None
        self._now: q.MarketCandleRow | None = None
        self._sequence = 0
        self._base = 0  # the command until which market data said what the candle was
        self._ended: list[q.MarketCandleRow] = []
        self._changed = False
        self._held: list[q.MarketTradeRow] | None = None
        self._wake = asyncio.Event()
        self._anew = False

    async def follow(self) -> None:
        """See `Feed.follow`."""
        _ = self._source.market
        instrument = self._instrument = await self._source.instrument(self.key.symbol)
        events = self._source.events
        await events.trades.started()
        with events.trades_of(instrument.instrument_id, Listener(self._take_rows, self._again)):
            while True:
                await self._ask(events.trades.position.journal_seq)
                while not self._anew:
                    self._wake.clear()
                    try:
                        async with asyncio.timeout(self._rest_s()):
                            await self._wake.wait()
                    except TimeoutError:
                        self._roll()

    def snapshot(self) -> bytes:
        """See `Feed.snapshot`."""
        return self._told("snapshot", self._now)

    def take(self) -> bytes | None:
        """See `Feed.take`."""
        ended, self._ended = self._ended, []
        changed, self._changed = self._changed, False
        told = [*ended, *([self._now] if changed and self._now is not None else [])]
        return b",".join(self._told("update", each) for each in told) or None

    def _told(self, kind: s.Kind, candle: q.MarketCandleRow | None) -> bytes:
        instrument = self._instrument
        if instrument is None or candle is None:
            raise RuntimeError("a candle is told before there is one")
        interval: s.Interval = self.key.interval  # type: ignore[assignment]  # a subscription has no other
        data = s.CandleNow(interval=interval, candle=candle_of_row(candle, instrument))
        return self.encoded(kind, self._sequence, data)

    async def _ask(self, min_seq: int) -> None:
        """The current candle, as market data has it, and what was held meanwhile."""
        self._held, self._anew = [], False
        instrument_id = self._instrument.instrument_id if self._instrument else 0
        request = q.MarketCandlesRequest(
            instrument_id=instrument_id,
            interval_ns=self._interval_ns,
            from_ns=max(time.time_ns() - 2 * self._interval_ns - _LATE_NS, 0),
        )
        reply = await self._source.exchange.upstream.ask(asking(request, q.MarketCandlesReply, min_seq))
        self._now = reply.candles[-1] if reply.candles else None
        self._base = self._sequence = reply.sequence
        held, self._held = self._held, None
        self._fold(held)
        self._ended = []
        if self._now is not None:
            self.begin()

    def _take_rows(self, rows: Records, _: Position) -> None:
        if self._instrument is None:
            return
        found = trade_rows(rows, self._instrument.instrument_id)
        if self._held is not None:
            self._held += found
            return
        if not self._fold(found):
            return
        if not self.ready:
            self.begin()
            return
        self._changed = True
        ended, now = tuple(self._ended), self._now
        self.changed(lambda: b",".join(self._told("update", each) for each in (*ended, now)))
        self._wake.set()

    def _fold(self, trades: list[q.MarketTradeRow]) -> bool:
        """Whether any was behind what is known."""
        some = False
        for trade in trades:
            if trade.sequence <= self._base:
                continue
            some = True
            start = trade.timestamp - trade.timestamp % self._interval_ns
            if self._now is None:
                self._now = opened_by(trade, self._interval_ns)
            elif start == self._now.start_ns:
                self._now = grown(self._now, trade)
            elif start > self._now.start_ns:
                self._ended.append(self._now)
                self._now = opened_by(trade, self._interval_ns)
            else:  # it came later than it may: market data says what was
                self._again()
            self._sequence = trade.sequence
        return some

    def _roll(self) -> None:
        """The next interval began, without a trade until now."""
        start = time.time_ns() // self._interval_ns * self._interval_ns
        if self._now is None or start <= self._now.start_ns:
            return
        self._ended.append(self._now)
        self._now = carried(self._now, start)
        self._changed = True
        now = self._now
        self.changed(lambda: self._told("update", now))

    def _rest_s(self) -> float:
        if self._now is None:
            return 60.0
        due_ns = self._now.start_ns + self._interval_ns + _LATE_NS - time.time_ns()
        return max(due_ns / 1e9, 0.01)

    def _again(self) -> None:
        self._anew = True
        self._wake.set()
