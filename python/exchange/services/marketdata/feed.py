"""The trades of the log as they come, for the board: from where the store is, without being its consumer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import select

from exchange.bus.log.events import events_of
from exchange.bus.log.interface import EventLog, TopicReader
from exchange.bus.topics import TopicTable
from exchange.domain.queries import MarketTradeRow
from exchange.errors import ExchangeError
from exchange.runtime.log import log
from exchange.schema.event_rows import EventList, Records, joined_rows
from exchange.services.marketdata.board import Board
from exchange.services.marketdata.queries import last_trades
from exchange.storage.sql import Store
from exchange.storage.sql.tables import CURSORS

T = TypeVar("T")

_TOPIC: Final = "execution.trades"
_LOOK_S: Final = 0.25
_AGAIN_S: Final = 1.0


class TradeFeed:
    """Shows a board the trades of the log. Belongs to one event loop, with a thread that reads and waits.

    Args:
        store: Whose last trades and cursor it begins with.
        event_log: What it reads.
        topics: The table.
        board: What is shown the trades.
    """

    def __init__(self, store: Store, event_log: EventLog, topics: TopicTable, board: Board) -> None:
        self._store = store
        self._log = event_log
        self._topic = topics.full_name(_TOPIC)
        self._board = board
        self._thread = ThreadPoolExecutor(1, "trades")

    async def run(self) -> None:
        """Shows trades until it is cancelled. What cannot be read is tried again, from where the store is."""
        try:
            while True:
                try:
                    await self._follow()
                except ExchangeError as error:
                    log("trades cannot be read", level=logging.WARNING, why=error)
                    await asyncio.sleep(_AGAIN_S)
        finally:
            self._thread.shutdown()

    async def _follow(self) -> None:
        lasts, offset = await self._beside(self._begin)
        self._board.begin(lasts)
        with self._log.reader(self._topic, offset) as reader:
            while True:
                if rows := await self._beside(lambda: _next(reader)):
                    self._board.traded(joined_rows(rows))

    def _begin(self) -> tuple[dict[int, MarketTradeRow], int]:
        oldest = self._log.extent(self._topic).begin
        with self._store.read() as tx:
            cursor = tx.execute(
                select(CURSORS.c.next_offset).where(
                    CURSORS.c.consumer_group == self._store.service, CURSORS.c.topic == self._topic
                )
            ).scalar()
            return last_trades(tx), max(oldest, int(cursor or 0))

    async def _beside(self, work: Callable[[], T]) -> T:
        """Work in the thread; who is cancelled waits for its end, as the reader is not closed under it."""
        done = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait({done})
            raise


def _next(reader: TopicReader) -> list[Records]:
    """What comes next, waited for a while: the trades of each record."""
    records = reader.read() or (reader.read() if reader.wait(_LOOK_S) else [])
    found = (events_of(record) for record in records)
    return [each.rows.rows for each in found if each.kind is EventList.TRADES and each.rows is not None]
