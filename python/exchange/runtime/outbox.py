"""The outbox of a service: what its handlers return, on the way to the event log."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from exchange.bus.log.events import event_type_of
from exchange.bus.log.interface import RECORD_BYTES_MAX, Batch, EventLog, TopicWriter
from exchange.bus.topics import TopicTable
from exchange.domain.events import DeadLetter, Event, check_event, find_event_type
from exchange.domain.events.catalogue import DEAD_LETTERS
from exchange.errors import ErrorClass, ExchangeError, LogFault, LogRefused, class_of
from exchange.observability.tracing import Attributes, Kind, span
from exchange.resilience import Clock
from exchange.runtime.log import log
from exchange.runtime.patience import Patience
from exchange.schema.event_rows import EventList, Records
from exchange.storage.sql import Kept, Store, Transaction
from exchange.storage.sql.outbox import (
    Outgoing,
    add_events,
    add_rows,
    go_on_behind,
    outgoing,
    outgoing_topics,
    remove_published,
)

EPOCH: Final = 1
"""Of all that an outbox publishes: it has one past, which its store keeps."""
_BATCHES_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class ToldRows:
    """What a handler has to tell, as rows of a hot stream.

    Args:
        kind: Which.
        rows: (n,) of ROW_DTYPES[kind], in order.
        occurred_at: The time of all, ns since 1970.
    """

    kind: EventList
    rows: Records
    occurred_at: int


class Outbox:
    """Takes events into the transaction in which they came to be.

    Args:
        service: Whose it is.
        topics: The table.
    """

    def __init__(self, service: str, topics: TopicTable) -> None:
        self._service = service
        self._topics = topics

    def add(self, tx: Transaction, events: Iterable[Event]) -> list[Event]:
        """Takes events in order; as they will be published, by topic. Ids and sequences are given here.

        Raises:
            LogRefused: One may not be published: it is not in the catalogue, or not by this service.
            WireError: One is larger than a record of the log may be.
        """
        by_topic: dict[str, list[Event]] = defaultdict(list)
        added: list[Event] = []
        for event in events:
            by_topic[self._topic_of(event)].append(event)
        for topic, some in by_topic.items():
            full, stream = self._stream_of(topic)
            added += add_events(tx, full, stream, some, partial(check_event, topic=topic))
        return added

    def add_rows(self, tx: Transaction, told: ToldRows) -> None:
        """Takes rows of a hot stream, in order.

        Raises:
            LogRefused: WRONG_PRODUCER: they are not this service's.
        """
        row = event_type_of(told.kind)
        full, stream = self._stream_of(row.topic)
        if self._service not in row.producers:
            raise LogRefused(LogFault.WRONG_PRODUCER, f"{row.name} is not published by {self._service}")
        add_rows(tx, full, stream, told.kind, told.rows, told.occurred_at)

    def _stream_of(self, topic: str) -> tuple[str, int]:
        """The full name of a topic, and the service's number there."""
        full = self._topics.full_name(topic)
        stream = self._topics.find(full).writers.get(self._service)
        if stream is None:
            raise LogRefused(LogFault.WRONG_PRODUCER, f"{full} is not written by {self._service}")
        return full, stream

    def _topic_of(self, event: Event) -> str:
        if isinstance(event.payload, DeadLetter):
            return f"{DEAD_LETTERS}.{self._service}"
        return find_event_type(event.event_type, event.event_version).topic


class OutboxPublisher:
    """Publishes what is in an outbox, in its order; one of a service at a time, from one thread.

    What the log has for good is removed here. A crash between the two leaves rows that are appended again,
    under the same numbers, by which the log knows them. While the log cannot be written it waits, and tries
    again for ever.

    Args:
        store: Of the service.
        event_log: Where to.
        clock: The time.
    """

    def __init__(self, store: Store, event_log: EventLog, clock: Clock) -> None:
        self._store = store
        self._log = event_log
        self._topics = Kept(store, outgoing_topics)
        self._writers: dict[str, TopicWriter] = {}
        self.hold = Patience(clock)
        self.published = 0  # batches

    @property
    def wait_s(self) -> float:
        """How long it does nothing, as the log or the store is away; 0: it is not."""
        return self.hold.wait_s

    def step(self) -> bool:
        """Publishes some of what is there; whether there was anything.

        Raises:
            LogRefused, LogCorrupt: The log and the outbox have two pasts: somebody has to look.
        """
        if self.wait_s > 0:
            return False
        try:
            topics = self._topics.get()
            for topic in topics:
                self._publish(topic)
        except ExchangeError as error:
            self._hold(error)
            return False
        self.hold.succeeded()
        return bool(topics)

    def close(self) -> None:
        """Lets others write its topics."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _publish(self, topic: str) -> None:
        with self._store.read() as tx:
            batches = outgoing(tx, topic, _BATCHES_MAX, RECORD_BYTES_MAX)
        if not batches:
            return
        if topic not in self._writers:
            self._writers[topic] = self._log.writer(topic)
        writer = self._writers[topic]
        about: Attributes = {
            "messaging.destination.name": topic,
            "messaging.batch.message_count": len(batches),
        }
        with span(f"publish {topic}", Kind.PRODUCER, attributes=about):
            self.published += writer.append([_batch(each) for each in batches])
            writer.sync()
        with self._store.begin() as tx:
            remove_published(tx, topic, batches[-1].first_seq)

    def _hold(self, error: ExchangeError) -> None:
        in_use = isinstance(error, LogRefused) and error.fault is LogFault.TOPIC_IN_USE
        if not in_use and class_of(error) is not ErrorClass.DEPENDENCY_DOWN:
            raise error
        self.close()
        if self.hold.failed(error):
            log("outbox held", level=logging.WARNING, service=self._store.service, why=error)


def go_on(store: Store, events: EventLog, topic: str) -> None:
    """Has events numbered behind those that the log has, where the store was removed to be made anew.

    Args:
        store: Of the only service that writes the topic.
        events: The log.
        topic: Its full name.
    """
    end = events.extent(topic).end
    if not end:
        return
    with events.reader(topic, end - 1) as reader:
        (record,) = reader.read(records_max=1)
    with store.begin() as tx:
        go_on_behind(tx, topic, record.batch.last_seq)


def _batch(row: Outgoing) -> Batch:
    return Batch(
        stream=row.stream,
        epoch=EPOCH,
        first_seq=row.first_seq,
        count=row.events,
        ts_ns=row.ts_ns,
        payload=row.payload,
        key=row.key,
    )
