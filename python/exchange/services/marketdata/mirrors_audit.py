"""The books of a running exchange, as a client keeps them, held against what the journal makes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cmatch._core import Venue
from exchange.client import AsyncClient
from exchange.client.order_book import OrderBook
from exchange.domain.enums import BookView, Side
from exchange.runtime.audit import Check
from exchange.services.marketdata.mirrors import rows_of
from exchange.storage.executions import Outcome

_UPDATES: Final = 50
_SECONDS: Final = 2.0
_Row = tuple[int, int, int, int]
_COLUMNS: Final = {
    BookView.LEVELS: ("side", "price", "qty", "count"),
    BookView.ORDERS: ("side", "price", "qty", "order_id"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A book as a client had it.

    Args:
        symbol: Of the instrument.
        instrument_id: Likewise.
        view: Levels or orders.
        sequence: Of the last command that is in it.
        rows: Best first, bids before asks: side, price, quantity, and how many orders or whose.
        updates: How many made it.
    """

    symbol: str
    instrument_id: int
    view: BookView
    sequence: int
    rows: list[_Row]
    updates: int


async def watch_books(client: AsyncClient) -> list[Seen]:
    """Every book in both views: its snapshot, and some changes of it where there are any.

    Raises:
        TransportError: Nobody answers.
    """
    watched = (_watch(client, each.symbol, view) for each in client.instruments for view in BookView)
    return list(await asyncio.gather(*watched))


async def _watch(client: AsyncClient, symbol: str, view: BookView) -> Seen:
    updates = 0
    async with client.market_data.order_book(symbol, view=view) as stream:
        await anext(stream)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                while updates < _UPDATES:
                    await anext(stream)
                    updates += 1
        book = stream.book
        return Seen(symbol, book.instrument_id, view, book.sequence, _shown(book), updates)


class MirrorsAudit:
    """Holds books against the fold of the journal where they were seen.

    Args:
        seen: Before the audit began.
    """

    def __init__(self, seen: Iterable[Seen]) -> None:
        self.check = Check("mirrors")
        self._waiting: dict[int, list[Seen]] = defaultdict(list)
        for book in seen:
            self._waiting[book.sequence].append(book)
        self._books = self._rows = self._updates = 0

    def take(self, outcome: Outcome, venue: Venue) -> None:
        """Looks at the books that were seen after this record."""
        for book in self._waiting.pop(outcome.sequence, ()):
            self._compare(book, venue)

    def close(self, venue: Venue) -> None:
        """Looks at those of the end, and sums up."""
        for sequence, books in self._waiting.items():
            for book in books:
                if sequence == venue.sequence:
                    self._compare(book, venue)
                else:
                    self.check.find(f"{book.symbol}: no record of the journal ends with {sequence}")
        self.check.says = (
            f"{self._books} books of clients, {self._rows:,} rows after {self._updates:,} changes,"
            " are what the engine shows"
        )

    def _compare(self, book: Seen, venue: Venue) -> None:
        made = rows_shown(venue, book.instrument_id, book.view)
        self._books += 1
        self._rows += len(made)
        self._updates += book.updates
        if made != book.rows:
            self.check.find(
                f"{book.symbol}, {book.view}: after {book.sequence} a client has {len(book.rows)} rows,"
                f" the engine {len(made)}, and they differ"
            )


def _shown(book: OrderBook) -> list[_Row]:
    if book.view is BookView.LEVELS:
        return [
            (int(side), level.price, level.qty, level.count) for side in Side for level in book.levels(side)
        ]
    return [
        (int(side), order.price, order.qty, order.order_id) for side in Side for order in book.orders(side)
    ]


def rows_shown(venue: Venue, instrument_id: int, view: BookView) -> list[_Row]:
    """What an engine shows, as of `Seen`."""
    rows = rows_of(venue, instrument_id, view)
    return list(zip(*(rows[name].tolist() for name in _COLUMNS[view]), strict=True))
