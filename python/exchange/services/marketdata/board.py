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
from exchange.schema.event_rows import Records, rows_at
from exchange.schema.tick_rows import RUN_MAX, TICK_DTYPE
from exchange.services.marketdata.folding import trade_rows
from exchange.services.marketdata.queries import trade_of
from exchange.services.marketdata.venue import NAME

STALE_NS: Final = 2_000_000_000
"""So long nothing may be heard of the venue before a tick is stale."""
LOST_NS: Final = 10_000_000_000
"""A tick is no older than that: from then on there is an error."""
RUNS_MAX: Final = 1_024
"""That wait for a reader."""
HELD_BYTES_MAX: Final = 1 << 20
"""Of the trades in them."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The best of a book; None where a side is empty."""

    ts_ns: int = 0
    bid_price: int | None = None
    bid_qty: int = 0
    ask_price: int | None = None
    ask_qty: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """Ticks of one instrument that follow each other: the last one, and the trades of those before it.

    Args:
        last: Of them.
        before: As of `TickRun`.
    """

    last: MarketTick
    before: bytes = b""


class Watcher:
    """One stream's ticks that it has not read, in runs. A slow reader gets the newest of each instrument.

    Args:
        instruments: What it watches.
    """

    def __init__(self, instruments: Sequence[int]) -> None:
        self.instruments = frozenset(instruments)
        self.ready = asyncio.Event()
        self._runs: deque[Run] = deque()
        self._held = 0  # bytes of the trades

    def __len__(self) -> int:
        """How many runs wait."""
        return len(self._runs)

    def offer(self, run: Run) -> None:
        """One more."""
        if len(self) >= max(RUNS_MAX, len(self.instruments)) or self._held > HELD_BYTES_MAX:
            newest = {each.last.instrument_id: each.last for each in self._runs}
            self._runs = deque(map(Run, newest.values()))
            self._held = 0
        self._runs.append(run)
        self._held += len(run.before)
        self.ready.set()

    def take(self) -> Run | None:
        """The one that waits longest; None where none does."""
        if not self._runs:
            self.ready.clear()
            return None
        run = self._runs.popleft()
        self._held -= len(run.before)
        return run


class Heard:
    """When something had all trades that the venue had, as far as that is certain. Pure.

    Args:
        at_ns: Monotonic, to begin with.
    """

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns
        self._due: tuple[int, int] | None = None  # a trade that the venue has, and when that was seen

    def heard(self, has: int, last_trade: int, asked_ns: int) -> None:
        """It has trades up to one; the venue had those up to another when it was asked."""
        due = self._due
        if due is not None and has < due[0]:
            return
        if has >= last_trade:
            self.at_ns, self._due = asked_ns, None
        else:
            if due is not None:
                self.at_ns = due[1]
            self._due = (last_trade, asked_ns)


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
        self._heard = Heard(now_ns())
        self.last_trade = 0

    @property
    def watched(self) -> frozenset[int]:
        """Instruments that somebody watches."""
        return frozenset().union(*(watcher.instruments for watcher in self._watchers))

    @property
    def age_ns(self) -> int:
        """Since all that is shown was certainly so; 0 while that is a moment ago."""
        age = self._now_ns() - self._heard.at_ns
        return age if age > STALE_NS else 0

    def begin(self, lasts: Mapping[int, MarketTradeRow]) -> None:
        """The last trades of all instruments, as of somewhere in the log."""
        self._lasts |= lasts
        self.last_trade = max([self.last_trade, *(trade.trade_id for trade in lasts.values())])

    def traded(self, trades: Records) -> None:
        """What follows in the log: rows of trades, n > 0."""
        trades = rows_at(trades, trades["trade_id"] > self.last_trade)
        for at in range(0, len(trades), RUN_MAX):
            self._take(trades[at : at + RUN_MAX])

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
        self._heard.heard(self.last_trade, last_trade, asked_ns)

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

    def traded_ns(self, instrument_id: int) -> int:
        """When an instrument was traded last; 0 where it never was."""
        last = self._lasts.get(instrument_id)
        return 0 if last is None else last.timestamp

    def last_price(self, instrument_id: int) -> int | None:
        """Of an instrument's last trade, ticks; None where there was none."""
        last = self._lasts.get(instrument_id)
        return None if last is None else last.price

    @contextmanager
    def watching(self, instruments: Sequence[int]) -> Iterator[Watcher]:
        """A watcher, which has first a tick of each as it is."""
        watcher = Watcher(instruments)
        for instrument_id in instruments:
            watcher.offer(Run(self.tick(instrument_id)))
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.remove(watcher)

    def _take(self, trades: Records) -> None:
        """Of each instrument in turn, those of it as one run."""
        self.last_trade = int(trades["trade_id"][-1])
        watched = self.watched
        order = np.argsort(trades["instrument_id"], kind="stable")
        of = trades["instrument_id"][order]
        ends = np.append(np.flatnonzero(of[1:] != of[:-1]) + 1, len(of))
        begin = 0
        for end, values in zip(ends.tolist(), trade_rows(rows_at(trades, order[ends - 1])), strict=True):
            trade = trade_of(values)
            self._lasts[trade.instrument_id] = trade
            if trade.instrument_id in watched:
                self._show_run(trade.instrument_id, rows_at(trades, order[begin:end]))
            begin = end

    def _show(self, instrument_id: int) -> None:
        self._numbers[instrument_id] += 1
        self._offer(Run(self.tick(instrument_id)))

    def _show_run(self, instrument_id: int, trades: Records) -> None:
        """Each of some trades of one instrument, of which the last is the last one."""
        self._numbers[instrument_id] += len(trades)
        before = np.zeros(len(trades) - 1, TICK_DTYPE)
        quoted_ns = self._quotes.get(instrument_id, Quote()).ts_ns
        before["ts_ns"] = np.maximum(trades["timestamp"][:-1], quoted_ns)
        before["last_price"], before["last_qty"] = trades["price"][:-1], trades["qty"][:-1]
        self._offer(Run(self.tick(instrument_id), before.tobytes()))

    def _offer(self, run: Run) -> None:
        for watcher in self._watchers:
            if run.last.instrument_id in watcher.instruments:
                watcher.offer(run)
