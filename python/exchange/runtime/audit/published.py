"""One event each, once: the event log held against what the journal makes."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from cmatch._core import Venue
from exchange.bus.log.interface import Batch, EventLog, Record
from exchange.bus.topics import Topic, TopicTable
from exchange.errors import LogCorrupt
from exchange.runtime.audit.check import Check
from exchange.runtime.publisher import TRADES, batch_of
from exchange.storage.executions import Outcome

_NOTHING: Final = -1


class PublishedAudit:
    """Reads a topic beside the fold: batch for batch they are the same, each there once.

    What retention removed, or lies before a snapshot that the fold began with, is passed over; what the
    publisher has not come to yet is counted. What is published after this is made is not looked at: the
    journal of a running exchange may have been read by then.

    Args:
        name: Of the topic, `domain.stream`.
        events: The log.
        topics: The table.
    """

    def __init__(self, name: str, events: EventLog, topics: TopicTable) -> None:
        self.check = Check(name)
        full_name = topics.full_name(name)
        self._row: Topic = topics.find(full_name)
        self._records = (record.batch for record in records_of(events, full_name, self.check))
        self._next: Batch | None = next(self._records, None)
        self._rows_of = attrgetter("trades" if name == TRADES else "executions")
        self._compared = self._unpublished = 0
        self._last = _NOTHING  # event that was compared last

    def take(self, outcome: Outcome, _venue: Venue) -> None:
        """Compares what comes of the next record."""
        for rows in self._rows_of(outcome):
            self._compare(batch_of(self._row, outcome, rows))

    def _compare(self, made: Batch) -> None:
        while self._next is not None and self._next.last_seq < made.first_seq:
            if self._last != _NOTHING:
                self.check.find(f"events {self._next.first_seq} to {self._next.last_seq} are there again")
            self._next = next(self._records, None)
        if self._next is None:
            self._unpublished += made.count
            return
        if self._next.first_seq > made.last_seq:
            if self._last != _NOTHING:
                self.check.find(f"events {made.first_seq} to {made.last_seq} are missing")
            return
        if self._next != made:
            self.check.find(f"events {made.first_seq} to {made.last_seq} are others than the journal makes")
        self._compared += made.count
        self._last = made.last_seq
        self._next = next(self._records, None)

    def close(self, _venue: Venue) -> None:
        """Holds the ends against each other, and sums up."""
        if self._next is not None and self._compared:
            self.check.find(f"events from {self._next.first_seq} on are not in the journal")
        self.check.says = f"{self._compared:,} events as the journal makes them, each once"
        if self._unpublished:
            self.check.says += f"; {self._unpublished:,} not published"


def records_of(events: EventLog, topic: str, check: Check) -> Iterator[Record]:
    """What a topic has now, as far as it can be read; that it cannot is noted."""
    try:
        end = events.extent(topic).end
    except LogCorrupt as error:
        check.find(str(error))
        return
    with events.reader(topic) as reader:
        while True:
            try:
                records: list[Record] = reader.read()
            except LogCorrupt as error:
                check.find(str(error))
                return
            yield from (record for record in records if record.offset < end)
            if not records or records[-1].offset >= end:
                return
