"""Events in an event log: checked against the catalogue on their way in, read as events on their way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from exchange.bus.log.interface import Batch, Record
from exchange.bus.topics import Topic
from exchange.domain.events import Event, check_event, event_id
from exchange.domain.events.catalogue import (
    COMMAND_ANSWERED,
    ORDER_EVENTS,
    TRADE_EXECUTED,
    TRADE_SETTLED,
    EventType,
)
from exchange.errors import LogFault, LogRefused
from exchange.schema.event_rows import VERSION, EventList, Records, Tenants, encode_rows
from exchange.schema.events import EventBatch, decode_events, encode_events

_ROW_TYPES: Final[Mapping[EventList, EventType]] = {
    EventList.REPORTS: next(iter(ORDER_EVENTS.values())),  # the others differ in name and meaning alone
    EventList.ANSWERS: COMMAND_ANSWERED,
    EventList.TRADES: TRADE_EXECUTED,
    EventList.SETTLEMENTS: TRADE_SETTLED,
}


def event_type_of(kind: EventList) -> EventType:
    """Which events rows are, or one of them."""
    return _ROW_TYPES[kind]


def stream_of(topic: Topic, producer: str) -> int:
    """The number of a producer's stream.

    Raises:
        LogRefused: WRONG_PRODUCER.
    """
    stream = topic.writers.get(producer)
    if stream is None:
        raise LogRefused(LogFault.WRONG_PRODUCER, f"{topic.name} is not written by {producer or 'nobody'}")
    return stream


def batch_of_events(
    topic: Topic,
    producer: str,
    events: Sequence[Event],
    first_seq: int,
    *,
    key: str,
    epoch: int = 1,
    headers: Mapping[str, str] | None = None,
) -> Batch:
    """A batch of events that are published as one.

    Args:
        topic: Where.
        producer: The service that publishes them.
        events: At least one, in the order of their sequences, with the ids that follow from these.
        first_seq: Of the first, in the producer's stream.
        key: By which an engine may spread the topic: the value of the topic's `key`.
        epoch: Of the producer.
        headers: Beside them.

    Raises:
        LogRefused: UNKNOWN_EVENT, WRONG_PRODUCER, SUNSET, BAD_EVENT.
        WireError: A value does not fit its field.
    """
    stream = stream_of(topic, producer)
    for seq, event in enumerate(events, first_seq):
        check_event(event, topic.name)
        if event.producer != producer:
            raise LogRefused(
                LogFault.WRONG_PRODUCER, f"{producer} publishes an event of {event.producer or 'nobody'}"
            )
        if event.event_id != event_id(event.occurred_at, stream, seq):
            raise LogRefused(
                LogFault.BAD_EVENT,
                f"{event.event_type} {event.event_id} has not the id of sequence {seq} of stream {stream}",
            )
    return Batch(
        stream=stream,
        epoch=epoch,
        first_seq=first_seq,
        count=len(events),
        ts_ns=max(event.occurred_at for event in events),
        schema_version=VERSION,
        payload=encode_events(events),
        key=key,
        headers=headers or {},
    )


def batch_of_rows(
    topic: Topic,
    kind: EventList,
    rows: Records,
    first_seq: int,
    *,
    epoch: int,
    tenants: Tenants,
) -> Batch:
    """A batch of a hot stream: rows that follow from the journal, with the time of the last one.

    Raises:
        LogRefused: BAD_EVENT, WRONG_PRODUCER: the catalogue has such rows elsewhere.
        WireError: More rows than a frame holds, or none.
    """
    row = event_type_of(kind)
    if row.topic != topic.name:
        raise LogRefused(LogFault.BAD_EVENT, f"{row.name} belongs to {row.topic}, not to {topic.name}")
    return Batch(
        stream=stream_of(topic, row.producers[0]),
        epoch=epoch,
        first_seq=first_seq,
        count=len(rows),
        ts_ns=int(rows["timestamp"].max(initial=0)),
        schema_version=VERSION,
        payload=encode_rows(kind, rows, int(rows["sequence"].max(initial=0)), tenants),
    )


def events_of(record: Record) -> EventBatch:
    """The events of a record.

    Raises:
        WireError: It holds none, or what is not known here.
    """
    batch = record.batch
    return decode_events(batch.payload, batch.stream, batch.first_seq)
