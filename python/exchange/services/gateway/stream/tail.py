"""Events as they are logged: one reader a topic for all of a gateway, from when somebody first wants them.

Every change of every order passes here, whoever made it. Listeners are told on the event loop, in the order
of the log; what a listener registers before, it does not miss: `position` is what had passed until then.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from exchange.bus.log.interface import EventLog, Record
from exchange.bus.topics import TopicTable
from exchange.domain.enums import CommandList, RejectCode
from exchange.errors import ExchangeError, LogFault, LogRefused
from exchange.runtime.log import log
from exchange.runtime.reader_threads import ReaderThreads, next_records
from exchange.schema.event_rows import EventList, EventRows, Records
from exchange.schema.events import decode_events

ORDERS_TOPIC: Final = "orders.lifecycle"
TRADES_TOPIC: Final = "execution.trades"
_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Position:
    """What has passed: the last event of the topic, and the command of the journal that it follows from."""

    event_seq: int = 0
    journal_seq: int = 0


class Listener:
    """Who is told of rows; overflow and accidents of the log are `gap`.

    Args:
        rows: Takes rows, n > 0, in their order, and where the topic is after them.
        gap: Something may have been missed: begin anew.
    """

    def __init__(self, rows: Callable[[Records, Position], None], gap: Callable[[], None]) -> None:
        self.rows = rows
        self.gap = gap


class Tail:
    """Follows one topic in a thread of its own. Belongs to one event loop.

    Args:
        event_log: Where it is.
        topic: Its full name.
        show: Takes the rows of a record.
        gap: Records were missed.
    """

    def __init__(
        self,
        event_log: EventLog,
        topic: str,
        show: Callable[[EventRows, Position], None],
        gap: Callable[[], None],
    ) -> None:
        self.position = Position()
        self.ready = asyncio.Event()
        self._log = event_log
        self.topic = topic
        self._show = show
        self._gap = gap
        self._next: int | None = None
        self._thread = ReaderThreads("tail")
        self._task: asyncio.Task[None] | None = None

    async def started(self) -> None:
        """Waits until it is where the log ends."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"tail {self.topic}")
        await self.ready.wait()

    async def close(self) -> None:
        """Ends it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.close()

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except ExchangeError as error:
                log("events cannot be read", level=logging.WARNING, topic=self.topic, reason=error)
                if isinstance(error, LogRefused) and error.fault is LogFault.TRUNCATED:
                    self._next = None
                    self._gap()
                await asyncio.sleep(_AGAIN_S)

    async def _follow(self) -> None:
        if self._next is None:
            extent = await self._thread.run(lambda: self._log.extent(self.topic))
            self._next = max(extent.begin, extent.end - 1)  # the last record says where the topic is
        with self._log.reader(self.topic, self._next) as reader:
            records = await self._thread.run(reader.read)
            while True:
                for record in records:
                    self._take(record)
                    self._next = record.offset + 1
                self.ready.set()
                records = await self._thread.run(partial(next_records, reader))

    def _take(self, record: Record) -> None:
        batch = record.batch
        events = decode_events(batch.payload, batch.stream, batch.first_seq)
        if events.rows is None:
            self.position = Position(batch.last_seq, self.position.journal_seq)
            return
        self.position = Position(batch.last_seq, int(events.rows.rows["sequence"][-1]))
        self._show(events.rows, self.position)


class Tails:
    """Both topics, and who listens to what of them.

    Args:
        event_log: Where they are.
        topics: The table.
    """

    def __init__(self, event_log: EventLog, topics: TopicTable) -> None:
        self.orders = Tail(event_log, topics.full_name(ORDERS_TOPIC), self._reported, self._gap_of_orders)
        self.trades = Tail(event_log, topics.full_name(TRADES_TOPIC), self._traded, self._gap_of_trades)
        self._reports: dict[tuple[int, int], set[Listener]] = defaultdict(set)
        self._money: dict[tuple[int, int], set[Callable[[Position], None]]] = defaultdict(set)
        self._of_instruments: dict[int, set[Listener]] = defaultdict(set)

    @contextmanager
    def reports_of(self, tenant: int, account: int, listener: Listener) -> Iterator[None]:
        """Tells of the execution reports of an account, while the block runs."""
        with _within(self._reports, (tenant, account), listener):
            yield

    @contextmanager
    def money_of(self, tenant: int, account: int, touched: Callable[[Position], None]) -> Iterator[None]:
        """Tells that something happened to an account, or may have, while the block runs.

        A command of the ledger names but one of the accounts that it touches.
        """
        with _within(self._money, (tenant, account), touched):
            yield

    @contextmanager
    def trades_of(self, instrument_id: int, listener: Listener) -> Iterator[None]:
        """Tells of the trades of an instrument, while the block runs."""
        with _within(self._of_instruments, instrument_id, listener):
            yield

    async def close(self) -> None:
        """Ends both."""
        await self.orders.close()
        await self.trades.close()

    def _reported(self, events: EventRows, at: Position) -> None:
        rows = events.rows
        if events.kind is EventList.ANSWERS:
            if self._money and bool((rows["family"] == int(CommandList.LEDGER)).any()):
                for each in [each for found in self._money.values() for each in found]:
                    each(at)
            return
        if events.kind is not EventList.REPORTS or not (self._reports or self._money):
            return
        # Who named an account that is not theirs, or none, is not told among its orders.
        wanted = {account for _, account in (*self._reports, *self._money)}
        mine = np.isin(rows["account"], list(wanted))
        mine &= rows["reject"] != int(RejectCode.UNKNOWN_ACCOUNT)
        for account in np.unique(rows["account"][mine]).tolist():
            of_account = mine & (rows["account"] == account)
            for tenant in np.unique(events.tenants[of_account]).tolist():
                whose = (tenant, account)
                if whose in self._reports:
                    found = rows[of_account & (events.tenants == tenant)]
                    for listener in tuple(self._reports[whose]):
                        listener.rows(found, at)
                for touched in tuple(self._money.get(whose, ())):
                    touched(at)

    def _traded(self, events: EventRows, at: Position) -> None:
        if events.kind is not EventList.TRADES or not self._of_instruments:
            return
        rows = events.rows
        for instrument_id in np.unique(rows["instrument_id"]).tolist():
            listeners = self._of_instruments.get(instrument_id)
            if listeners:
                found = rows[rows["instrument_id"] == instrument_id]
                for listener in tuple(listeners):
                    listener.rows(found, at)

    def _gap_of_orders(self) -> None:
        for listener in [each for found in self._reports.values() for each in found]:
            listener.gap()
        for touched in [each for found in self._money.values() for each in found]:
            touched(self.orders.position)

    def _gap_of_trades(self) -> None:
        for listener in [each for found in self._of_instruments.values() for each in found]:
            listener.gap()


@contextmanager
def _within(table: dict[Any, set[Any]], key: object, one: object) -> Iterator[None]:
    table[key].add(one)
    try:
        yield
    finally:
        table[key].discard(one)
        if not table[key]:
            del table[key]
