"""One event each, once: the event log held against what the journal makes."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from cmatch._core import Venue
from exchange.bus.log.events import batch_of_rows
from exchange.bus.log.interface import Batch, EventLog, Record
from exchange.bus.topics import Topic, TopicTable
from exchange.errors import LogCorrupt, LogRefused, WireError
from exchange.runtime.audit.check import Check
from exchange.runtime.publisher import TRADES
from exchange.schema.event_rows import EventRows, decode_rows
from exchange.storage.executions import Outcome, Rows

_NOTHING: Final = -1


class PublishedAudit:
    """Reads a topic beside the fold: row for row they are the same, each there once.

    How many records of the journal a batch is of is the publisher's matter; that it ends with one of their
    events, and its bytes are those of its rows, is not. What retention removed, or lies before a snapshot
    that the fold began with, is passed over; what the publisher has not come to yet is counted. What is
    published after this is made is not looked at: the journal of a running exchange may have been read by
    then.

    Args:
        name: Of the topic, `domain.stream`.
        events: The log.
        topics: The table.
    """

    def __init__(self, name: str, events: EventLog, topics: TopicTable) -> None:
        self.check = Check(name)
        full_name = topics.full_name(name)
        self._row: Topic = topics.find(full_name)
        self._records = records_of(events, full_name, self.check)
        self._rows_of = attrgetter("trades" if name == TRADES else "executions")
        self._compared = self._unpublished = 0
        self._last = _NOTHING  # event that was compared last
        self._next: Batch | None = None
        self._found: EventRows | None = None  # its rows, where they make its bytes
        self._good = True  # what was compared of it
        self._move()

    def take(self, outcome: Outcome, _venue: Venue) -> None:
        """Compares what comes of the next record."""
        for rows in self._rows_of(outcome):
            self._compare(outcome.epoch, rows)

    def _compare(self, epoch: int, made: Rows) -> None:
        while self._next is not None and self._next.last_seq < made.first:
            if self._last != _NOTHING:
                self.check.find(f"events {self._next.first_seq} to {self._next.last_seq} are there again")
            self._move()
        if self._next is None:
            self._unpublished += len(made.rows)
            return
        begin, end = self._next.first_seq, self._next.last_seq
        if begin > made.first and self._last != _NOTHING and self._last < begin - 1:
            self.check.find(f"events {made.first} to {min(made.last, begin - 1)} are missing")
        if begin > made.last:
            return
        part = made.part(max(made.first, begin), min(made.last, end))
        if self._good and not self._is_as(part, epoch):
            self._good = False
            self.check.find(f"events {begin} to {end} are others than the journal makes")
        self._compared += len(part.rows)
        self._last = part.last
        if part.last == end:
            self._move()
        if part.last < made.last:
            self._compare(epoch, made.part(part.last + 1, made.last))

    def _is_as(self, made: Rows, epoch: int) -> bool:
        """Whether the batch has these rows."""
        batch, found = self._next, self._found
        if batch is None or found is None or found.kind is not made.kind:
            return False
        at = made.first - batch.first_seq
        rows, tenants = found.rows[at : at + len(made.rows)], found.tenants[at : at + len(made.tenants)]
        return (
            batch.epoch == epoch
            and rows.tobytes() == made.rows.tobytes()
            and tenants.tobytes() == made.tenants.tobytes()
        )

    def _move(self) -> None:
        record = next(self._records, None)
        self._next, self._good = None if record is None else record.batch, True
        self._found = None if self._next is None else self._rows_in(self._next)

    def _rows_in(self, batch: Batch) -> EventRows | None:
        """Those of a batch; None: it is not in bytes what its own rows make."""
        try:
            found = decode_rows(batch.payload)
            whole = batch_of_rows(
                self._row, found.kind, found.rows, batch.first_seq, epoch=batch.epoch, tenants=found.tenants
            )
        except (LogRefused, WireError):
            return None
        return found if batch == whole else None

    def close(self, _venue: Venue) -> None:
        """Holds the ends against each other, and sums up."""
        if self._next is not None and self._compared and self._next.last_seq > self._last:
            beyond = max(self._next.first_seq, self._last + 1)
            self.check.find(f"events from {beyond} on are not in the journal")
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
