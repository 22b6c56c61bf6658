"""What a service has to publish: written with its state, in the same transaction, numbered without a gap.

The numbers are given under a lock that lasts until the transaction ends. So their order is that of the
commits, and a row that appears never has one before it that is still to come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import bindparam, delete, func, insert, select, text, update

from exchange.domain.events import Event, event_id
from exchange.errors import WireError
from exchange.schema.event_rows import ROWS_MAX, EventList, Records, encode_rows
from exchange.schema.events import encode_events
from exchange.storage.sql.store import Transaction
from exchange.storage.sql.tables import OUTBOX, OUTBOX_STREAMS

BATCH_EVENTS_MAX: Final = 256
_OPEN: Final = text("INSERT INTO outbox_streams VALUES (:topic, 1) ON CONFLICT DO NOTHING")
_NEXT: Final = select(OUTBOX_STREAMS.c.next_seq).where(OUTBOX_STREAMS.c.topic == bindparam("topic"))
_TOPICS: Final = select(OUTBOX.c.topic).distinct().order_by(OUTBOX.c.topic)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A batch as it will lie in the log; it is cut once, when it is written here."""

    first_seq: int
    events: int
    stream: int
    ts_ns: int
    key: str
    payload: bytes


def add_events(
    tx: Transaction,
    topic: str,
    stream: int,
    events: Sequence[Event],
    check: Callable[[Event], object] | None = None,
) -> list[Event]:
    """Takes events to be published to a topic; as they will be, with id and sequence of their entity.

    Args:
        tx: The transaction of whatever they tell of.
        topic: Its full name.
        stream: The service's number there.
        events: In order. Ids and sequences that they have are not looked at: both follow from where an event
            stands in the stream, so that they are the same however often it is published.
        check: Is shown each as it will be published, and may raise.

    Raises:
        WireError: One is larger than a record of the log may be.
    """
    if not events:
        return []
    first = _next_of(tx, topic, len(events))
    numbered = [_numbered(event, stream, seq) for seq, event in enumerate(events, first)]
    if check is not None:
        for event in numbered:
            check(event)
    rows = [
        {
            "topic": topic,
            "first_seq": batch[0].entity.sequence,
            "events": len(batch),
            "stream": stream,
            "ts_ns": max(event.occurred_at for event in batch),
            "entity_key": _key(batch),
            "payload": payload,
        }
        for start in range(0, len(numbered), BATCH_EVENTS_MAX)
        for batch, payload in _cut(numbered[start : start + BATCH_EVENTS_MAX])
    ]
    tx.execute(insert(OUTBOX), rows)
    return numbered


def add_rows(tx: Transaction, topic: str, stream: int, kind: EventList, rows: Records, ts_ns: int) -> None:
    """Takes rows of a hot stream, in order; what is published of them follows from the rows.

    Args:
        tx: The transaction of whatever they tell of.
        topic: Its full name.
        stream: The service's number there.
        kind: Which.
        rows: (n,) of ROW_DTYPES[kind].
        ts_ns: The time of all.
    """
    if not len(rows):
        return
    first = _next_of(tx, topic, len(rows))
    cut = [(at, rows[at : at + ROWS_MAX]) for at in range(0, len(rows), ROWS_MAX)]
    tx.execute(
        insert(OUTBOX),
        [
            {
                "topic": topic,
                "first_seq": first + at,
                "events": len(part),
                "stream": stream,
                "ts_ns": ts_ns,
                "entity_key": "",
                "payload": encode_rows(kind, part, 0),
            }
            for at, part in cut
        ],
    )


def go_on_behind(tx: Transaction, topic: str, seq: int) -> None:
    """The log has events up to that sequence: what is added comes behind, though the store was made anew."""
    tx.execute(_OPEN, {"topic": topic})
    behind = (OUTBOX_STREAMS.c.topic == topic, OUTBOX_STREAMS.c.next_seq <= seq)
    tx.execute(update(OUTBOX_STREAMS).where(*behind).values(next_seq=seq + 1))


def outgoing_topics(tx: Transaction) -> list[str]:
    """Topics for which something is there, by name."""
    return list(tx.execute(_TOPICS).scalars())


def outgoing(tx: Transaction, topic: str, most: int, bytes_max: int) -> list[Outgoing]:
    """The oldest batches for a topic: so many and so large together at most, but at least one."""
    columns = (OUTBOX.c.first_seq, OUTBOX.c.events, OUTBOX.c.stream, OUTBOX.c.ts_ns, OUTBOX.c.entity_key)
    rows = tx.execute(
        select(*columns, OUTBOX.c.payload)
        .where(OUTBOX.c.topic == topic)
        .order_by(OUTBOX.c.first_seq)
        .limit(most)
        .execution_options(yield_per=16)
    )
    found: list[Outgoing] = []
    size = 0
    for first_seq, events, stream, ts_ns, key, payload in rows:
        size += len(payload)
        if found and size > bytes_max:
            break
        found.append(Outgoing(first_seq, events, stream, ts_ns, key, bytes(payload)))
    rows.close()
    return found


def remove_published(tx: Transaction, topic: str, up_to_seq: int) -> int:
    """The log has everything up to that sequence for good; how many batches that were here."""
    return tx.execute(delete(OUTBOX).where(OUTBOX.c.topic == topic, OUTBOX.c.first_seq <= up_to_seq)).rowcount


def last_sequence(tx: Transaction, topic: str) -> int:
    """Of the last event for a topic that was taken here, published or not; 0: there is none."""
    next_seq = tx.execute(_NEXT, {"topic": topic}).scalar_one_or_none()
    return 0 if next_seq is None else int(next_seq) - 1


def waiting(tx: Transaction) -> int:
    """Events that are not known to be in the log."""
    return int(tx.execute(select(func.coalesce(func.sum(OUTBOX.c.events), 0))).scalar_one())


def _next_of(tx: Transaction, topic: str, count: int) -> int:
    """The first of so many sequences, which are given."""
    tx.execute(_OPEN, {"topic": topic})
    mine = OUTBOX_STREAMS.c.topic == topic
    first = int(tx.execute(select(OUTBOX_STREAMS.c.next_seq).where(mine).with_for_update()).scalar_one())
    tx.execute(update(OUTBOX_STREAMS).where(mine).values(next_seq=first + count))
    return first


def _numbered(event: Event, stream: int, seq: int) -> Event:
    return replace(
        event,
        event_id=event_id(event.occurred_at, stream, seq),
        entity=replace(event.entity, sequence=seq),
    )


def _key(batch: Sequence[Event]) -> str:
    keys = {event.entity.entity_id for event in batch}
    return keys.pop() if len(keys) == 1 else ""


def _cut(events: list[Event]) -> list[tuple[list[Event], bytes]]:
    """In frames that fit into a record each."""
    try:
        return [(events, encode_events(events))]
    except WireError:
        if len(events) == 1:
            raise
    half = len(events) // 2
    return [*_cut(events[:half]), *_cut(events[half:])]
