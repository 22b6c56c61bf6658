"""What administrators changed: `admin.changes` held against what the journal makes."""

from __future__ import annotations

from cmatch._core import Venue
from exchange.bus.log.events import events_of
from exchange.bus.log.interface import EventLog, Record
from exchange.bus.topics import TopicTable
from exchange.runtime.audit.check import Check
from exchange.runtime.audit.published import records_of
from exchange.runtime.changes import CHANGES, ChangeMaker
from exchange.storage.executions import Outcome


class ChangesAudit:
    """Reads the topic beside the fold: each change and each refusal as the journal makes it, once.

    The journal does not number changes: they are counted on from the first one that both have. What lies
    before that is passed over; what the publisher has not come to yet is counted.

    Args:
        events: The log.
        topics: The table.
    """

    def __init__(self, events: EventLog, topics: TopicTable) -> None:
        self.check = Check(CHANGES)
        topic = topics.full_name(CHANGES)
        self._records = records_of(events, topic, self.check)
        self._maker = ChangeMaker(topics.find(topic))
        self._next: Record | None = next(self._records, None)
        self._compared = self._unpublished = 0

    def take(self, outcome: Outcome, _venue: Venue) -> None:
        """Compares what comes of the next record."""
        number = self._maker.number
        batches = self._maker.make(outcome)
        if not batches:
            return
        (made,) = batches
        first = outcome.sequence - outcome.commands + 1
        while self._next is not None and (at := _sequence(self._next)) < first:
            if self._compared:
                self.check.find(f"a change by command {at} is not in the journal, or there again")
            self._next = next(self._records, None)
        if self._next is None:
            self._unpublished += made.count
            return
        found = self._next.batch
        if _sequence(self._next) > outcome.sequence:
            if self._compared:
                self.check.find(f"what commands {first} to {outcome.sequence} changed is missing")
            self._maker.number = number
            return
        if not self._compared:
            self._maker.number = found.first_seq - 1
            (made,) = self._maker.make(outcome)
        if found != made:
            self.check.find(f"what commands {first} to {outcome.sequence} changed is another than there")
        self._compared += found.count
        self._next = next(self._records, None)

    def close(self, _venue: Venue) -> None:
        """Holds the ends against each other, and sums up."""
        if self._next is not None and self._compared:
            self.check.find(f"changes from command {_sequence(self._next)} on are not in the journal")
        self.check.says = f"{self._compared:,} changes as the journal makes them, each once"
        if self._unpublished:
            self.check.says += f"; {self._unpublished:,} not published"


def _sequence(record: Record) -> int:
    """Of the command that made the first event of a record."""
    return events_of(record)[0].entity.sequence
