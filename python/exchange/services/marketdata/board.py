"""What every instrument shows now, and who watches it. Pure but for the events that wake watchers."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from exchange.domain.contracts.marketdata import MarketTick
from exchange.domain.queries import BookTopReply, MarketTradeRow
from exchange.schema.event_rows import Records
from exchange.services.marketdata.folding import trade_rows
from exchange.services.marketdata.queries import trade_of
from exchange.services.marketdata.venue import NAME

STALE_NS: Final = 2_000_000_000
"""So long nothing may be heard of the venue before a tick is stale."""
LOST_NS: Final = 10_000_000_000
"""A tick is no older than that: from then on there is an error."""
QUEUE_MAX: Final = 1_024


@dataclass(frozen=True, slots=True)
class Quote:
    """The best of a book; None where a side is empty."""

    ts_ns: int = 0
    bid_price: int | None = None
    bid_qty: int = 0
    ask_price: int | None = None
    ask_qty: int = 0


class Watcher:
    """One stream's ticks that it has not read. A slow reader gets the newest of each instrument.

    Args:
        instruments: What it watches.
    """

    def __init__(self, instruments: Sequence[int]) -> None:
        self.instruments = frozenset(instruments)
        self.ticks: deque[MarketTick] = deque()
        self.ready = asyncio.Event()

    def offer(self, tick: MarketTick) -> None:
        """One more."""
        if len(self.ticks) >= max(QUEUE_MAX, len(self.instruments)):
            newest = {each.instrument_id: each for each in self.ticks}
            self.ticks = deque(newest.values())
        self.ticks.append(tick)
        self.ready.set()


class Board:
    """The last trade and the quote of every instrument. Belongs to one event loop.

    Ticks of an instrument are numbered from 1 since the board was made.

    Args:
        symbol_of: The symbol of an instrument.
        now_ns: A monotonic clock.
    """

    def __init__(self, symbol_of: Callable[[int], str], now_ns: Callable[[], int]) -> None:
        self._symbol_of = symbol_of
        self._now_ns = now_ns
        self._lasts: dict[int, MarketTradeRow] = {}
        self._quotes: dict[int, Quote] = {}
        self._numbers: Counter[int] = Counter()
        self._watchers: set[Watcher] = set()
        self._heard_ns = now_ns()
        self._due: tuple[int, int] | None = None  # a trade that the venue has, and when that was seen
        self.last_trade = 0

    @property
    def watched(self) -> frozenset[int]:
        """Instruments that somebody watches."""
        return frozenset().union(*(watcher.instruments for watcher in self._watchers))

    @property
    def age_ns(self) -> int:
        """Since all that is shown was certainly so; 0 while that is a moment ago."""
        age = self._now_ns() - self._heard_ns
        return age if age > STALE_NS else 0

    def begin(self, lasts: Mapping[int, MarketTradeRow]) -> None:
        """The last trades of all instruments, as of somewhere in the log."""
        self._lasts |= lasts
        self.last_trade = max([self.last_trade, *(trade.trade_id for trade in lasts.values())])

    def traded(self, trades: Records) -> None:
        """What follows in the log: rows of trades, n > 0."""
        trades = trades[trades["trade_id"] > self.last_trade]
        if not len(trades):
            return
        self.last_trade = int(trades["trade_id"][-1])
        watched = self.watched
        mine = np.isin(trades["instrument_id"], list(watched))
        _, behind = np.unique(trades["instrument_id"][::-1], return_index=True)
        mine[len(trades) - 1 - behind] = True
        for values in trade_rows(trades[mine]):
            trade = trade_of(values)
            self._lasts[trade.instrument_id] = trade
            if trade.instrument_id in watched:
                self._show(trade.instrument_id)

    def quoted(self, tops: Mapping[int, BookTopReply]) -> None:
        """What the books of some instruments show."""
        watched = self.watched
        for instrument_id, top in tops.items():
            quote = Quote(
                top.ts_ns,
                None if top.bid is None else top.bid.price,
                0 if top.bid is None else top.bid.qty,
                None if top.ask is None else top.ask.price,
                0 if top.ask is None else top.ask.qty,
            )
            known, self._quotes[instrument_id] = self._quotes.get(instrument_id, Quote()), quote
            if replace(known, ts_ns=quote.ts_ns) != quote and instrument_id in watched:
                self._show(instrument_id)

    def heard(self, last_trade: int, asked_ns: int) -> None:
        """The venue answered: it has had that trade, when it was asked.

        What is shown is as new as the last time at which the log had brought all that the venue had.
        """
        if self._due is not None and self.last_trade < self._due[0]:
            return
        if self.last_trade >= last_trade:
            self._heard_ns, self._due = asked_ns, None
        else:
            if self._due is not None:
                self._heard_ns = self._due[1]
            self._due = (last_trade, asked_ns)

    def remind(self) -> None:
        """Shows everything again, with its age."""
        for instrument_id in self.watched:
            self._show(instrument_id)

    def tick(self, instrument_id: int) -> MarketTick:
        """What an instrument shows."""
        last, quote = self._lasts.get(instrument_id), self._quotes.get(instrument_id, Quote())
        age = self.age_ns
        return MarketTick(
            symbol=self._symbol_of(instrument_id),
            instrument_id=instrument_id,
            stale=age > 0,
            sequence=self._numbers[instrument_id],
            ts_ns=max(quote.ts_ns, last.timestamp if last else 0),
            bid_price=quote.bid_price,
            ask_price=quote.ask_price,
            last_price=last.price if last else None,
            bid_qty=quote.bid_qty,
            ask_qty=quote.ask_qty,
            last_qty=last.qty if last else 0,
            venue=NAME,
            age_ns=age,
        )

    def last_price(self, instrument_id: int) -> int | None:
        """Of an instrument's last trade, ticks; None where there was none."""
        last = self._lasts.get(instrument_id)
        return None if last is None else last.price

    @contextmanager
    def watching(self, instruments: Sequence[int]) -> Iterator[Watcher]:
        """A watcher, which has first a tick of each as it is."""
        watcher = Watcher(instruments)
        for instrument_id in instruments:
            watcher.offer(self.tick(instrument_id))
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.remove(watcher)

    def _show(self, instrument_id: int) -> None:
        self._numbers[instrument_id] += 1
        tick = self.tick(instrument_id)
        for watcher in self._watchers:
            if instrument_id in watcher.instruments:
                watcher.offer(tick)
