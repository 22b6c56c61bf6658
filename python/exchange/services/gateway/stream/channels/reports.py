"""Orders and executions of an account, as they are logged: whoever sent what changed them.

The live orders come from the read replica, once a gateway: asked for when everything before them has passed
the tail, so what passes later joins them. A report tells what its order is after it; from then on the state
here is a fold of reports, by the rules of the replica.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from exchange.client.rest import models as m
from exchange.client.results import LIVE, ExecutionReport, Reports
from exchange.domain import queries as q
from exchange.domain.enums import ExecType
from exchange.schema.event_rows import Records
from exchange.services.gateway.past import asking
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.source import Source
from exchange.services.gateway.stream.tail import Listener, Position
from exchange.services.gateway.told import execution_of_report, order_of_report, order_of_row

_PAGE: Final = 1_000
ENTRIES: Final = frozenset({ExecType.ACCEPTED, ExecType.REJECTED})
_NO_CHANGE: Final = frozenset({ExecType.CANCEL_REJECTED, ExecType.DONE})


def changes_of(rows: Records) -> list[ExecutionReport]:
    """The reports that say what an order is: no answers that are given again, no refused cancels."""
    return [
        report
        for report in Reports(rows, 0)
        if report.exec_type not in _NO_CHANGE and not report.duplicate and report.event_sequence
    ]


@dataclass(slots=True)
class Known:
    """What reports do not say of an order.

    Args:
        entered_at: When it was entered, ns.
        notional: Ticks x lots of what was filled; None: of a part of its life nothing is known.
    """

    entered_at: int
    notional: int | None


class OrderFold:
    """What becomes of orders by their reports."""

    def __init__(self) -> None:
        self.known: dict[int, Known] = {}

    def average(self, report: ExecutionReport) -> int | None:
        """The average price of an order after a report, in ticks, rounded down as the replica does."""
        known = self.known.get(report.order_id)
        if known is None or known.notional is None or not known.notional or not report.cum_qty:
            return None
        return known.notional // report.cum_qty

    def take(self, report: ExecutionReport) -> Known:
        """One more report of an order."""
        known = self.known.get(report.order_id)
        if known is None:
            entered = report.exec_type in ENTRIES
            known = Known(report.timestamp, 0 if entered else None)
            self.known[report.order_id] = known
        if report.exec_type is ExecType.TRADE and known.notional is not None:
            known.notional += report.last_qty * report.last_price
        return known

    def ended(self, order_id: int) -> None:
        """It has no more reports."""
        self.known.pop(order_id, None)


class ReportsFeed(Feed):
    """What feeds of reports have in common: the tail, and what of it came before the state was whole."""

    conflates = False

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due)
        self._source = source
        self.position = Position()
        self._rows: list[tuple[Records, Position]] = []
        self._wake = asyncio.Event()
        self._anew = False

    async def follow(self) -> None:
        """See `Feed.follow`."""
        events = self._source.events
        await events.orders.started()
        key = self.key
        with events.reports_of(key.tenant, key.account, Listener(self._put, self._again)):
            while True:
                self._rows, self._anew = [], False
                self.position = events.orders.position
                await self._load(self.position.journal_seq)
                await self._drain()
                self.begin()
                while not self._anew:
                    self._wake.clear()
                    await self._drain(tell=True)
                    await self._wake.wait()

    @abstractmethod
    async def _load(self, min_seq: int) -> None:
        """The state, as of a command of the journal or later."""

    @abstractmethod
    async def _take(self, reports: list[ExecutionReport], *, tell: bool) -> None:
        """What follows; told to nobody before the state is whole."""

    async def _drain(self, *, tell: bool = False) -> None:
        while self._rows and not self._anew:
            rows, position = self._rows.pop(0)
            await self._take(changes_of(rows), tell=tell)
            self.position = position

    def _put(self, rows: Records, position: Position) -> None:
        self._rows.append((rows, position))
        self._wake.set()

    def _again(self) -> None:
        self._anew = True
        self._wake.set()


class OrdersFeed(ReportsFeed):
    """Live orders, then every change of any."""

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due, source)
        self._live: dict[int, m.Order] = {}
        self._fold = OrderFold()
        self._changes: list[m.Order] = []
        self._pages: list[tuple[int, int]] = []  # the last order of each page, and as of which command it was

    def snapshot(self) -> bytes:
        """See `Feed.snapshot`."""
        return self.encoded("snapshot", self.position.event_seq, list(self._live.values()))

    def take(self) -> bytes | None:
        """See `Feed.take`."""
        changes, self._changes = self._changes, []
        return self._update(changes) if changes else None

    def entered_at(self, order_id: int) -> int | None:
        """When an order that lives was entered, ns; None: it does not live."""
        known = self._fold.known.get(order_id)
        return None if known is None else known.entered_at

    def _update(self, changes: Iterable[m.Order]) -> bytes:
        return self.encoded("update", self.position.event_seq, list(changes))

    async def _load(self, min_seq: int) -> None:
        trader = await self._source.exchange.upstream.trader(self.key.tenant)
        self._live, self._fold, self._pages = {}, OrderFold(), []
        after = 0
        while True:
            request = q.OpenOrdersRequest(account=self.key.account, after=after, limit=_PAGE)
            reply = await trader.client.ask(asking(request, q.OpenOrdersReply, min_seq))
            for row in reply.orders:
                instrument = await self._source.exchange.known.by_id(row.instrument_id)
                self._live[row.order_id] = order_of_row(row, instrument)
                self._fold.known[row.order_id] = Known(row.entered_at, 0 if not row.cum_qty else None)
                after = row.order_id
            self._pages.append((after if reply.more else 2**64, reply.sequence))
            if not reply.more:
                return

    def _is_known(self, report: ExecutionReport) -> bool:
        """Whether the page of its order was of a later command."""
        page = bisect_left(self._pages, (report.order_id, 0))
        return report.sequence <= self._pages[page][1]

    async def _take(self, reports: list[ExecutionReport], *, tell: bool) -> None:
        changes = []
        for report in reports:
            if self._is_known(report) or not (report.exec_type in ENTRIES or report.order_id in self._live):
                continue  # whoever asked for an order's end is answered beside the report of that
            instrument = await self._source.exchange.known.by_id(report.instrument_id)
            known = self._fold.take(report)
            order = order_of_report(report, instrument, known.entered_at, self._fold.average(report))
            if report.order_status in LIVE:
                self._live[report.order_id] = order
            else:
                self._live.pop(report.order_id, None)
                self._fold.ended(report.order_id)
            changes.append(order)
        if tell and changes:
            self._changes += changes
            self.position = Position(reports[-1].event_sequence, reports[-1].sequence)
            self.changed(lambda: self._update(changes))


class ExecutionsFeed(ReportsFeed):
    """What is traded, from now on."""

    is_from_now_on = True

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due, source)
        self._new_ones: list[m.PastExecution] = []

    def snapshot(self) -> bytes:
        """See `Feed.snapshot`."""
        return self.encoded("snapshot", self.position.event_seq, [])

    def take(self) -> bytes | None:
        """See `Feed.take`."""
        found, self._new_ones = self._new_ones, []
        return self._update(found) if found else None

    def _update(self, found: list[m.PastExecution]) -> bytes:
        return self.encoded("update", self.position.event_seq, found)

    async def _load(self, min_seq: int) -> None:
        """Nothing; but the replica is asked whether there is such an account of the tenant."""
        trader = await self._source.exchange.upstream.trader(self.key.tenant)
        request = q.OpenOrdersRequest(account=self.key.account, limit=1)
        await trader.client.ask(asking(request, q.OpenOrdersReply, 0))

    async def _take(self, reports: list[ExecutionReport], *, tell: bool) -> None:
        found = []
        for report in reports:
            if report.exec_type is ExecType.TRADE:
                instrument = await self._source.exchange.known.by_id(report.instrument_id)
                found.append(execution_of_report(report, instrument, self._source.directory))
        if found:
            self._new_ones += found
            self.position = Position(reports[-1].event_sequence, reports[-1].sequence)
            if tell:
                self.changed(lambda: self._update(found))
