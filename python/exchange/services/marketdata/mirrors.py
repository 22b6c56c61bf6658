"""Mirrors of books: what a fold of the journal shows, as snapshots and gapless deltas for whoever watches.

journal ──▶ venue ──▶ books that a record touched ──▶ before against after ──▶ delta ──▶ watchers

A delta leads from one state of the fold to a later one, whatever lies between: hidden reserves, pegs, stops
and auctions are the engine's matter, and what it shows is what is compared.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

from cmatch._core import Venue
from exchange.domain.contracts.marketdata import BookUpdate
from exchange.domain.enums import BookUpdateKind, BookView, Side
from exchange.schema.book_rows import LEVEL_DTYPE, ORDER_DTYPE, ROW_DTYPES, rows_checksum
from exchange.schema.event_rows import Records
from exchange.services.marketdata.changes import level_changes, order_changes

QUEUE_MAX: Final = 1_024
"""Deltas that wait for a reader; then they are let go, and a new snapshot takes their place."""
PART_ROWS: Final = 65_536
"""Of a snapshot, in one message."""
_SHARE: Final = 3
"""So many times as long as a look took a book rests: large ones take a quarter of the time."""
_CHANGES: Final = {BookView.LEVELS: level_changes, BookView.ORDERS: order_changes}


def rows_of(venue: Venue, instrument_id: int, view: BookView, depth: int = 0) -> Records:
    """A book as it is, best first, bids before asks.

    Args:
        venue: Whose.
        instrument_id: Of which instrument; one that is not defined has an empty book.
        view: What of it.
        depth: Rows of a side; 0: all.

    Returns:
        (n,) of ROW_DTYPES[view].
    """
    try:
        if view is BookView.LEVELS:
            return _levels([venue.l2(instrument_id, int(side), depth) for side in Side])
        orders = venue.l3(instrument_id)
    except IndexError:  # it is defined further on in the journal
        return np.zeros(0, ROW_DTYPES[view])
    if depth:
        orders = np.concatenate([orders[orders["side"] == side][:depth] for side in Side])
    return orders.view(ORDER_DTYPE)  # which lies like the engine's, action being zero


def _levels(sides: list[Records]) -> Records:
    rows = np.concatenate(sides).view(LEVEL_DTYPE)  # which lies like the engine's but for the side
    rows["side"][: len(sides[0])] = int(Side.BUY)
    rows["side"][len(sides[0]) :] = int(Side.SELL)
    return rows


class BookWatcher:
    """One stream's updates that it has not read."""

    def __init__(self) -> None:
        self.deltas: deque[BookUpdate] = deque()
        self.anew = True  # a snapshot comes before all that waits
        self.ready = asyncio.Event()
        self.ready.set()

    def offer(self, delta: BookUpdate) -> None:
        """One more; too many are let go."""
        if not self.anew:
            self.deltas.append(delta)
            if len(self.deltas) > QUEUE_MAX:
                self.begin_anew()
        self.ready.set()

    def begin_anew(self) -> None:
        """Lets go of what waits: a snapshot stands in for it."""
        self.deltas.clear()
        self.anew = True
        self.ready.set()


class Mirror:
    """One book in one view, as it was when it was last looked at.

    Args:
        symbol: Of its instrument.
        instrument_id: Of its instrument.
        view: What of it.
        venue: Where it is now.
    """

    def __init__(self, symbol: str, instrument_id: int, view: BookView, venue: Venue) -> None:
        self.symbol = symbol
        self.instrument_id = instrument_id
        self.view = view
        self.rows = rows_of(venue, instrument_id, view)
        self.sequence = int(venue.sequence)
        self.ts_ns = int(venue.clock)
        self.watchers: set[BookWatcher] = set()

    def look(self, venue: Venue) -> BookUpdate | None:
        """What changed since; None where nothing did."""
        rows = rows_of(venue, self.instrument_id, self.view)
        changed = _CHANGES[self.view](self.rows, rows)
        if not len(changed):
            return None
        first = self.sequence + 1
        self.rows, self.sequence, self.ts_ns = rows, int(venue.sequence), int(venue.clock)
        return self._update(BookUpdateKind.DELTA, first, changed)

    def snapshot(self) -> Iterator[BookUpdate]:
        """It, in as many parts as it needs."""
        rows = self.rows
        starts = range(0, max(len(rows), 1), PART_ROWS)
        parts = [
            self._update(
                BookUpdateKind.SNAPSHOT, self.sequence, rows[at : at + PART_ROWS], more=at < starts[-1]
            )
            for at in starts
        ]
        return iter(parts)

    def _update(self, kind: BookUpdateKind, first: int, rows: Records, *, more: bool = False) -> BookUpdate:
        return BookUpdate(
            symbol=self.symbol,
            instrument_id=self.instrument_id,
            view=self.view,
            kind=kind,
            first_seq=first,
            last_seq=self.sequence,
            ts_ns=self.ts_ns,
            more=more,
            checksum=0 if more else rows_checksum(self.view, self.rows),
            rows=rows.tobytes(),
        )


class Mirrors:
    """The books that somebody watches. Belongs to one event loop.

    Args:
        venue: The fold.
        now_ns: A monotonic clock.
    """

    def __init__(self, venue: Venue, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.venue = venue
        self._now_ns = now_ns
        self._mirrors: dict[tuple[int, BookView], Mirror] = {}
        self._touched: set[int] = set()
        self._due: dict[tuple[int, BookView], int] = {}
        self._changed: set[int] | None = None  # instruments since `changed`, once that is asked; None: all

    def applied(self, reports: Records, answers: Records) -> None:
        """What came of records: which books may show something else.

        Each change of a book is told of by a report, but for those of administrators, and those of a shard's
        book, whose reports come later.
        """
        if not self._mirrors and self._changed is None:
            return
        if len(answers) or len(self.venue.shards()):
            self._touched.update(instrument_id for instrument_id, _ in self._mirrors)
            self._changed = None
            return
        touched = np.unique(reports["instrument_id"]).tolist()
        self._touched.update(touched)
        if self._changed is not None:
            self._changed.update(touched)

    def changed(self) -> set[int]:
        """Instruments whose books may show something else than when this was asked last."""
        found, self._changed = self._changed, set[int]()
        return set(self.venue.instruments()["instrument_id"].tolist()) if found is None else found

    def look(self) -> None:
        """Shows watchers what changed."""
        if not self._touched:
            return
        waiting: set[int] = set()
        for key, mirror in self._mirrors.items():
            if key[0] not in self._touched:
                continue
            began = self._now_ns()
            if began < self._due.get(key, 0):
                waiting.add(key[0])
                continue
            self._show(mirror)
            ended = self._now_ns()
            self._due[key] = ended + _SHARE * (ended - began)
        self._touched = waiting

    @property
    def behind(self) -> bool:
        """Whether a book rests that may show something else."""
        return bool(self._touched)

    def restart(self, venue: Venue) -> None:
        """Goes on with another fold of the same journal: all that lies between is in the next deltas."""
        self.venue = venue
        self._changed = None
        self._touched.update(instrument_id for instrument_id, _ in self._mirrors)

    @contextmanager
    def watching(
        self, symbol: str, instrument_id: int, view: BookView
    ) -> Iterator[tuple[Mirror, BookWatcher]]:
        """A watcher of a book, which has first a snapshot."""
        key = (instrument_id, view)
        mirror = self._mirrors.get(key)
        if mirror is None:
            mirror = self._mirrors[key] = Mirror(symbol, instrument_id, view, self.venue)
        else:
            self._show(mirror)
        watcher = BookWatcher()
        mirror.watchers.add(watcher)
        try:
            yield mirror, watcher
        finally:
            mirror.watchers.remove(watcher)
            if not mirror.watchers:
                del self._mirrors[key]
                self._due.pop(key, None)

    def _show(self, mirror: Mirror) -> None:
        delta = mirror.look(self.venue)
        if delta is not None:
            for watcher in mirror.watchers:
                watcher.offer(delta)


def book_of(venue: Venue, symbol: str, instrument_id: int, view: BookView, depth: int) -> BookUpdate:
    """A snapshot in one part, of the best rows of each side."""
    rows = rows_of(venue, instrument_id, view, depth)
    return BookUpdate(
        symbol=symbol,
        instrument_id=instrument_id,
        view=view,
        kind=BookUpdateKind.SNAPSHOT,
        first_seq=int(venue.sequence),
        last_seq=int(venue.sequence),
        ts_ns=int(venue.clock),
        checksum=rows_checksum(view, rows),
        rows=rows.tobytes(),
    )
