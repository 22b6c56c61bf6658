"""How far a service's store is at what it reads: not behind its consumer group, and not ahead of the log.

A group is told that something is done once the store has it for good. So a store that was removed, emptied,
or put back from a copy is behind its own group, and what it lacks never comes again.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from exchange.bus.log.interface import Batch, EventLog
from exchange.bus.topics import TopicTable
from exchange.errors import LogCorrupt
from exchange.runtime.audit.check import Check
from exchange.storage.sql import Transaction
from exchange.storage.sql.tables import CURSORS, WATERMARKS


class Places:
    """Of one service. Made before its store is looked at: what was done by then the store has to have.

    Args:
        events: The log.
        topics: The table.
        service: Whose store it is.
        reads: The topics that it takes, `domain.stream`.
        runs: Whether the exchange runs: its journal may be read further than the store.

    Raises:
        LogCorrupt: Where a group is cannot be read.
    """

    def __init__(
        self, events: EventLog, topics: TopicTable, service: str, reads: Sequence[str], *, runs: bool
    ) -> None:
        self.events = events
        self.topics = topics
        self.runs = runs
        self._service = service
        self._reads = {name: topics.full_name(name) for name in reads}
        self._groups = {
            full: group.cursor
            for full in self._reads.values()
            for group in events.groups(full)
            if group.name == service
        }

    @property
    def known(self) -> bool:
        """Whether the log knows the service as one that takes events."""
        return bool(self._groups)

    def hold(self, tx: Transaction, check: Check) -> None:
        """Holds the store against its groups, and against what the log has."""
        asked = select(CURSORS.c.topic, CURSORS.c.next_offset).where(
            CURSORS.c.consumer_group == self._service
        )
        cursors = {str(topic): int(cursor) for topic, cursor in tx.execute(asked)}
        for full in self._reads.values():
            cursor, done = cursors.get(full, 0), self._groups.get(full, 0)
            if cursor < done:
                check.find(f"the store has taken {full} to {cursor:,}, and its consumer group {done:,}")
            if cursor > (end := self.events.extent(full).end):
                check.find(f"the store has taken {full} to {cursor:,}, which ends at {end:,}")

    def last(self, tx: Transaction, name: str) -> int:
        """The number of the last event of a topic that the store says it has; 0: none."""
        w = WATERMARKS.c
        of = (w.consumer_group == self._service, w.topic == self._reads[name])
        return int(tx.execute(select(func.max(w.last_seq)).where(*of)).scalar() or 0)

    def last_batch(self, tx: Transaction, name: str) -> Batch | None:
        """What the store took last of a topic, whole; None: nothing yet, or it is no longer there."""
        full, c = self._reads[name], CURSORS.c
        of = (c.consumer_group == self._service, c.topic == full)
        cursor = int(tx.execute(select(c.next_offset).where(*of)).scalar() or 0)
        extent = self.events.extent(full)
        if not extent.begin < cursor <= extent.end:
            return None
        with self.events.reader(full, cursor - 1) as reader:
            records = reader.read(records_max=1)
        return records[0].batch if records else None

    def first(self, name: str) -> int | None:
        """The number of the oldest event that the log has of a topic; None: it has none.

        A new group begins with the oldest record there is: so the store has all events from there on, or from
        an earlier one.
        """
        try:
            with self.events.reader(self._reads[name]) as reader:
                records = reader.read(records_max=1)
        except LogCorrupt:  # of that the topic's own audit has to tell
            return None
        return records[0].batch.first_seq if records else None
