"""BookService: books as the journal makes them, once and as they change.

The journal is folded here a second time, beside the read replica: from its newest snapshot, and from a newer
one where what follows is no longer there. Whoever watches sees nothing of that but a delta that is larger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from cmatch._core import ALL_SHARDS, JournalReader, JournalRecord, Venue
from cmatch.errors import JournalError
from exchange.bus.rpc import Call
from exchange.domain.contracts.marketdata import (
    BookUpdate,
    GetOrderBookRequest,
    StreamOrderBookRequest,
)
from exchange.domain.enums import BookView, Side
from exchange.errors import ExchangeError, RpcError, RpcStatus, ServiceUnavailableError
from exchange.runtime.follow import JournalFollower
from exchange.runtime.log import log
from exchange.runtime.service_host import JournalWay
from exchange.schema.book_rows import CHECKED_ROWS
from exchange.schema.event_rows import TRADE_DTYPE, Records, joined_rows
from exchange.services.marketdata.feed import TradeFeed, last_of_each
from exchange.services.marketdata.mirrors import Mirrors, book_of, rows_of
from exchange.services.marketdata.venue import Venue as Exchange
from exchange.storage.executions import trades_of
from exchange.storage.fold import starting_venue

BYTES_MAX: Final = (4 << 20) - 4_096
"""Of the rows in one answer; a stream has any number."""
_SLICE_COMMANDS: Final = 1 << 16
_AGAIN_S: Final = 1.0
_GATHER_S: Final = 0.001  # ticks wait for it


class BookFold:
    """The journal, folded as far as nothing of it will be undone. One thread at a time.

    What is traded is told to `tell`; until that is set, the last trade of each instrument is kept in `lasts`.

    Args:
        way: To the journal.

    Raises:
        StorageError: Its beginning is gone, and no snapshot stands in for it.
        JournalError, OSError: It cannot be read.
    """

    def __init__(self, way: JournalWay) -> None:
        self.venue: Venue = starting_venue(
            way.directory,
            way.limits(),
            0,
            shard=ALL_SHARDS,
            passed_over=lambda error: log("snapshot passed over", level=logging.WARNING, reason=error),
        )
        self.mirrors: Mirrors | None = None
        self.trades_before = int(self.venue.status()["trades"][0])
        self.lasts: Records = np.zeros(0, TRADE_DTYPE)
        self.tell: Callable[[Records], object] = self._keep
        self._final = way.final
        self._reader = JournalReader(str(way.directory.journal), self.venue.sequence + 1)
        self._next: JournalRecord | None = None

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        return int(self.venue.sequence)

    def advance(self, most_commands: int) -> int:
        """Applies what there is, up to so many commands or a record more, and shows it; how many it was.

        Raises:
            JournalError: It cannot be followed.
        """
        done, final, made = 0, self._final(), list[Records]()
        while done < most_commands:
            if self._next is None:
                some, _, self._next, reports, answers = self.venue.take_orders(
                    self._reader, most_commands - done, final
                )
                if some:
                    done += some
                    made.append(reports)
                    self._show(reports, answers)
            record = self._next
            if record is None or record.first_sequence + record.commands - 1 > final:
                break
            self._next = None
            if record.first_sequence > self.sequence:
                reports, answers = self.venue.apply_payload(record.payload)
                done += record.commands
                made.append(reports)
                self._show(reports, answers)
        if made and len(trades := trades_of(joined_rows(made))):
            self.tell(trades)
        if self.mirrors is not None:
            self.mirrors.look()
        return done

    def _show(self, reports: Records, answers: Records) -> None:
        if self.mirrors is not None:
            self.mirrors.applied(reports, answers)

    def _keep(self, trades: Records) -> None:
        self.lasts = last_of_each(joined_rows([self.lasts, trades]))


@dataclass(frozen=True, slots=True)
class Shown:
    """What books show, as of a sequence.

    Args:
        sequence: Of the last command that was applied.
        ts_ns: Its journaled time.
        symbols: Of all instruments.
        tops: Of those that were touched, the ten best levels of each side: (n,) of LEVEL_DTYPE.
    """

    sequence: int
    ts_ns: int
    symbols: Mapping[int, str]
    tops: Mapping[int, Records]


class BookServer:
    """Answers for the books. Belongs to one event loop.

    Args:
        way: To the journal.
        exchange: Knows symbols.
        feed: Is told of trades; None: nobody is.
        caught_up: Is called once all that there was is in the books.
    """

    def __init__(
        self,
        way: JournalWay,
        exchange: Exchange,
        feed: TradeFeed | None = None,
        caught_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._way = way
        self._caught_up = caught_up
        self._exchange = exchange
        self._feed = feed
        self._mirrors: Mirrors | None = None
        self._follower: JournalFollower | None = None

    async def run(self) -> None:
        """Keeps up with the journal until it is cancelled."""
        while True:
            try:
                fold = await asyncio.to_thread(_caught_up, lambda: BookFold(self._way))
                if self._mirrors is None:
                    self._mirrors = Mirrors(fold.venue)
                    self._caught_up()
                else:
                    self._mirrors.restart(fold.venue)
                fold.mirrors = self._mirrors
                if self._feed is not None:
                    self._feed.begin(fold.trades_before, fold.lasts)
                fold.tell = _nobody if self._feed is None else self._feed.traded
                self._follower = JournalFollower(fold, self._way.directory.journal, gather_s=_GATHER_S)
                log("books follow the journal", sequence=fold.sequence)
                await self._follower.run()
            except (ExchangeError, JournalError, OSError) as error:
                log("books stand still", level=logging.ERROR, reason=error)
                await asyncio.sleep(_AGAIN_S)
            finally:
                self._follower = None

    def quote(self, instrument_id: int) -> tuple[int, int] | None:
        """The best bid and ask, ticks; None where a side is empty, or the journal is not followed."""
        if self._mirrors is None or self._follower is None:
            return None
        rows = rows_of(self._mirrors.venue, instrument_id, BookView.LEVELS, 1)
        prices: list[int] = rows["price"].tolist()
        return (prices[0], prices[1]) if len(prices) == len(Side) else None

    def defined(self) -> tuple[int, bytes] | None:
        """Up to which command, and what instruments are called there; None as of `shown`."""
        if self._mirrors is None or self._follower is None:
            return None
        venue = self._mirrors.venue
        known = venue.instruments()
        return int(venue.sequence), known[["instrument_id", "symbol"]].tobytes()

    def shown(self) -> Shown | None:
        """What may be another than when this was asked last; None where the journal is not followed."""
        if self._mirrors is None or self._follower is None:
            return None
        venue, changed = self._mirrors.venue, self._mirrors.changed()
        known = venue.instruments()
        return Shown(
            int(venue.sequence),
            int(venue.clock),
            {int(row["instrument_id"]): bytes(row["symbol"]).decode("ascii", "replace") for row in known},
            {each: rows_of(venue, each, BookView.LEVELS, CHECKED_ROWS) for each in changed},
        )

    async def book(self, request: GetOrderBookRequest, _: Call) -> BookUpdate:
        """A book as it is."""
        (instrument_id,) = await self._exchange.ids([request.symbol])
        mirrors, follower = self._there()
        try:
            await follower.reached(request.min_seq)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ServiceUnavailableError("the books begin anew from a snapshot") from None
        async with follower.alone():
            book = book_of(
                mirrors.venue, request.symbol, instrument_id, request.view or BookView.LEVELS, request.depth
            )
        if len(book.rows) > BYTES_MAX:
            raise RpcError(
                RpcStatus.OUT_OF_RANGE, f"the book has more than {BYTES_MAX} bytes: ask for less, or a stream"
            )
        return book

    async def stream(self, request: StreamOrderBookRequest, _: Call) -> AsyncGenerator[BookUpdate, None]:
        """A snapshot, then what changes."""
        (instrument_id,) = await self._exchange.ids([request.symbol])
        mirrors, _follower = self._there()
        view = request.view or BookView.LEVELS
        with mirrors.watching(request.symbol, instrument_id, view) as (mirror, watcher):
            while True:
                if watcher.anew:
                    watcher.anew = False
                    for part in mirror.snapshot():
                        yield part
                while watcher.deltas and not watcher.anew:
                    yield watcher.deltas.popleft()
                if not watcher.anew:
                    watcher.ready.clear()
                    await watcher.ready.wait()

    def _there(self) -> tuple[Mirrors, JournalFollower]:
        if self._mirrors is None or self._follower is None:
            raise ServiceUnavailableError("the books are not caught up with the journal")
        return self._mirrors, self._follower


def _nobody(_: Records) -> None:
    """Is told of trades where none are shown."""


def _caught_up(make: Callable[[], BookFold]) -> BookFold:
    fold = make()
    while fold.advance(_SLICE_COMMANDS):
        pass
    return fold
