"""What somebody who comes back has missed: execution reports of the event log, from an event of theirs on.

The log is searched by the sequence of events, so a token need not know of offsets, nor a gateway of tokens.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from exchange.bus.log.interface import EventLog
from exchange.client.rest import models as m
from exchange.client.results import LIVE, ExecutionReport
from exchange.domain import queries as q
from exchange.domain.enums import ExecType
from exchange.errors import ExchangeError
from exchange.schema.event_rows import EventList, rows_at
from exchange.schema.events import decode_events
from exchange.services.gateway.past import asking
from exchange.services.gateway.stream.channels.reports import (
    ENTRIES,
    ExecutionsFeed,
    Known,
    OrderFold,
    ReportsFeed,
    changes_of,
)
from exchange.services.gateway.stream.feed import Key
from exchange.services.gateway.stream.source import Source
from exchange.services.gateway.told import execution_of_report, order_of_report

EVENTS_MAX: Final = 1_000_000
"""Who missed more of the whole exchange begins anew."""
_ORDERS_MAX: Final = 1_000
_RECORDS: Final = 64


def reports_between(
    event_log: EventLog, topic: str, key: Key, after: int, upto: int
) -> list[ExecutionReport] | None:
    """The reports of an account that say what an order is; reads files.

    Args:
        event_log: Where they are.
        topic: Of orders.
        key: Whose.
        after: The last event that was told.
        upto: The last event that is wanted.

    Returns:
        In their order; None: some are not there any more, or they are too many.
    """
    if upto - after > EVENTS_MAX or after > upto:
        return None
    if after == upto:
        return []
    try:
        extent = event_log.extent(topic)
        offset = _offset_of(event_log, topic, after + 1, extent.begin, extent.end)
        if offset is None:
            return None
        found: list[ExecutionReport] = []
        with event_log.reader(topic, offset) as reader:
            while records := reader.read(_RECORDS):
                for record in records:
                    batch = record.batch
                    if batch.first_seq > upto:
                        return found
                    events = decode_events(batch.payload, batch.stream, batch.first_seq).rows
                    if events is None or events.kind is not EventList.REPORTS:
                        continue
                    rows = events.rows
                    mine = (rows["account"] == key.account) & (events.tenants == key.tenant)
                    mine &= (rows["event_sequence"] > after) & (rows["event_sequence"] <= upto)
                    if mine.any():
                        found += changes_of(rows_at(rows, mine))
    except ExchangeError:
        return None
    return found


def _offset_of(event_log: EventLog, topic: str, seq: int, begin: int, end: int) -> int | None:
    """The offset of the record with an event; None: it was removed."""
    low, high = begin, end - 1
    first = _first_seq(event_log, topic, begin)
    if first is None or first > seq:
        return None
    while low < high:
        middle = (low + high + 1) // 2
        first = _first_seq(event_log, topic, middle)
        if first is None or first > seq:
            high = middle - 1
        else:
            low = middle
    return low


def _first_seq(event_log: EventLog, topic: str, offset: int) -> int | None:
    with event_log.reader(topic, offset) as reader:
        records = reader.read(1)
    return records[0].batch.first_seq if records else None


@dataclass(slots=True)
class Missed:
    """What is to be told of one feed before it goes on.

    Args:
        feed: Of orders or executions.
        raw: Whether it is told at once.
        upto: The last event that is in it.
        reports: Their changes, in order.
        told: As data of the channel.
    """

    feed: ReportsFeed
    raw: bool
    upto: int
    reports: list[ExecutionReport]
    told: list[m.Order] | list[m.PastExecution]

    @property
    def is_whole(self) -> bool:
        """Whether nothing came since."""
        return self.feed.position.event_seq <= self.upto

    def updates(self) -> list[bytes]:
        """It, encoded."""
        feed = self.feed
        if isinstance(feed, ExecutionsFeed):
            return [feed.encoded("snapshot", self.upto, self.told)]
        first = [feed.encoded("update", self.upto, self.told)] if self.told else []
        return [*first, feed.snapshot()]


async def missed_of(source: Source, feed: ReportsFeed, after: int, *, raw: bool) -> Missed | None:
    """What was missed of a feed since an event; None: that cannot be said any more."""
    event_log, events = source.event_log, source.events
    if event_log is None:
        return None
    found = Missed(feed, raw, after, [], [])
    while not found.is_whole:
        upto = feed.position.event_seq
        more = await asyncio.to_thread(
            reports_between, event_log, events.orders.topic, feed.key, found.upto, upto
        )
        if more is None:
            return None
        found.reports += more
        found.upto = upto
    if isinstance(feed, ExecutionsFeed):
        found.told = [await _execution(source, each) for each in found.reports if _is_trade(each)]
        return found
    try:
        orders = await _orders(source, feed, found.reports)
    except ExchangeError:  # nobody says when they were entered
        return None
    if orders is None:
        return None
    found.told = orders
    return found


def _is_trade(report: ExecutionReport) -> bool:
    return report.exec_type is ExecType.TRADE


async def _execution(source: Source, report: ExecutionReport) -> m.PastExecution:
    instrument = await source.exchange.known.by_id(report.instrument_id)
    return execution_of_report(report, instrument, source.directory)


async def _orders(source: Source, feed: ReportsFeed, reports: list[ExecutionReport]) -> list[m.Order] | None:
    """Orders after each report; when those were entered that began before, the replica says."""
    fold = OrderFold()
    entered = {each.order_id for each in reports if each.exec_type in ENTRIES}
    older = sorted({each.order_id for each in reports} - entered)
    if len(older) > _ORDERS_MAX:
        return None
    if older:
        trader = await source.exchange.upstream.trader(feed.key.tenant)
        for order_id in older:
            request = q.OrderHistoryRequest(account=feed.key.account, order_id=order_id, limit=1)
            reply = await trader.client.ask(asking(request, q.OrderHistoryReply, 0))
            if reply.orders:
                fold.known[order_id] = Known(reply.orders[0].entered_at, None)
    told = []
    ended: set[int] = set()
    for report in reports:
        if report.order_id in ended:
            continue  # see OrdersFeed
        if report.order_status not in LIVE:
            ended.add(report.order_id)
        instrument = await source.exchange.known.by_id(report.instrument_id)
        known = fold.take(report)
        told.append(order_of_report(report, instrument, known.entered_at, fold.average(report)))
    return told
