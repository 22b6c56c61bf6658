"""Book: all levels, then what changes, each update joining the one before it.

The upstream is `BookService.StreamOrderBook`; the copy that it keeps is checked against every checksum and
begins anew where it parts, and then all readers have a snapshot again.
"""

from __future__ import annotations

from collections.abc import Callable

from exchange.client.instruments import Instrument
from exchange.client.order_book import BookDelta, BookSnapshot, Level, OrderBook
from exchange.client.rest import streams as s
from exchange.domain.enums import Side
from exchange.services.gateway.known import decimal
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.source import Source

Changes = dict[tuple[int, int], tuple[int, int]]
"""By side and price the quantity and the number of orders from now on."""


class BookFeed(Feed):
    """See the module."""

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due)
        self._source = source
        self._book = OrderBook()
        self._instrument: Instrument | None = None
        self._first: int | None = None  # of what changed since paced readers were told
        self._changes: Changes = {}

    async def follow(self) -> None:
        """See `Feed.follow`."""
        requests = self._source.market
        self._instrument = await self._source.instrument(self.key.symbol)
        asked = requests.order_book(self.key.symbol)
        async with self._source.exchange.upstream.subscribe(asked) as stream:
            async for update in stream:
                self._book = stream.book
                if isinstance(update, BookSnapshot):
                    self.begin()
                else:
                    self._apply(update)

    def snapshot(self) -> bytes:
        """See `Feed.snapshot`."""
        book = self._book
        data = s.BookSnapshot(
            bids=self._levels(book.bids),
            asks=self._levels(book.asks),
            checksum=book.checksum,
            last_sequence=str(book.sequence),
        )
        return self.encoded("snapshot", book.sequence, data)

    def take(self) -> bytes | None:
        """See `Feed.take`."""
        first, changes = self._first, self._changes
        self._first, self._changes = None, {}
        if first is None:
            return None
        return self._delta(first, self._book.sequence, self._book.checksum, changes)

    def _apply(self, delta: BookDelta) -> None:
        rows = delta.rows
        columns = (rows[name].tolist() for name in ("side", "price", "qty", "count"))
        changes = {(side, price): (qty, count) for side, price, qty, count in zip(*columns, strict=True)}
        if self._first is None:
            self._first = delta.first_seq
        self._changes |= changes
        self.changed(lambda: self._delta(delta.first_seq, delta.last_seq, delta.checksum, changes))

    def _delta(self, first: int, last: int, checksum: int, changes: Changes) -> bytes:
        sides: dict[int, list[Level]] = {int(side): [] for side in Side}
        for (side, price), (qty, count) in changes.items():
            sides[side].append(Level(price, qty, count))
        data = s.BookDelta(
            bids=self._levels(sides[int(Side.BUY)]),
            asks=self._levels(sides[int(Side.SELL)]),
            checksum=checksum,
            first_sequence=str(first),
            last_sequence=str(last),
        )
        return self.encoded("update", last, data)

    def _levels(self, levels: list[Level]) -> list[s.Level]:
        instrument = self._instrument
        if instrument is None:
            raise RuntimeError("a book is told before its instrument is known")
        price, qty = instrument.price_scale, instrument.qty_scale
        return [(decimal(each.price, price), decimal(each.qty, qty), each.count) for each in levels]
