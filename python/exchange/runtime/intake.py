"""One topic as a service takes it: what is new of it, in order, each event with effect once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final

from sqlalchemy.exc import DBAPIError

from exchange.bus.log.interface import ConsumerGroup, EventLog, Record
from exchange.domain.events import Entity, EventEnvelope
from exchange.errors import ErrorClass, LogUnavailable, WireError, class_of
from exchange.observability.correlation import correlated
from exchange.observability.tracing import Attributes, Kind, span
from exchange.resilience import Clock
from exchange.runtime.event_run import EventRun, follows, joined, runs
from exchange.runtime.handling import Handling, Place
from exchange.runtime.log import log
from exchange.runtime.patience import Patience
from exchange.runtime.taken import Known, Part, StreamGap
from exchange.schema.events import EventBatch, decode_events, envelope_of
from exchange.storage.sql import Store, StoreUnavailable, Transaction
from exchange.storage.sql.dead_letters import DeadLetters, EntityKey, Reason, entity_of
from exchange.storage.sql.inbox import Inbox

UNREADABLE: Final = "Unreadable"
"""The type of what stands for a record whose bytes are no events; its payload is those bytes."""
_RECORDS_MAX: Final = 1_024  # of one transaction
_COMMIT_S: Final = 1.0  # how often the log is told how far the group is


class Intake:
    """Takes one topic for a service. One thread.

    Args:
        group: The service's place at the topic.
        event_log: Where it is read.
        store: Of the service.
        handling: What is done with events.
        clock: The time.
        now_ns: The time, ns since 1970.
    """

    def __init__(
        self,
        group: ConsumerGroup,
        event_log: EventLog,
        store: Store,
        handling: Handling,
        clock: Clock,
        now_ns: Callable[[], int],
    ) -> None:
        self.topic = group.topic
        self._group = group
        self._store = store
        self._handling = handling
        self._clock = clock
        self._now_ns = now_ns
        self._inbox = Inbox(group.name)
        self._letters = DeadLetters(group.name)
        with store.begin() as tx:
            cursor = self._inbox.open(tx, self.topic, group.cursor)
        self.reader = event_log.reader(self.topic, cursor)
        self._done = cursor  # what the store has committed
        self._told_at = clock.now()
        # Parts that are taken in one transaction, those that come first at the end.
        self._todo: list[list[Part]] = []
        self.tries = Patience(clock)  # of the one event that fails
        self.hold = Patience(clock)  # of everything, while a dependency is down
        self.counts: Counter[str] = Counter()

    @property
    def done(self) -> int:
        """The offset up to which the store has what came of the topic."""
        return self._done

    @property
    def wait_s(self) -> float:
        """How long it does nothing, as something failed; 0: nothing did."""
        return max(self.tries.wait_s, self.hold.wait_s)

    def step(self) -> bool:
        """Takes what is there, or tries again what is due; whether it came any further.

        Raises:
            StreamGap, LogRefused, LogCorrupt: The log lacks what the service has not had.
        """
        if self.wait_s > 0:
            return False
        try:
            if not self._todo and not self._read():
                self.hold.succeeded()
                self._tell()
                return False
            self._take(self._todo[-1])
        except Exception as error:  # noqa: BLE001 (of a handler: any)
            try:
                return self._failed(error)
            except (StoreUnavailable, DBAPIError) as unavailable:  # its own rows, not what a handler wrote
                return self._held(unavailable)
        self._taken()
        return True

    def close(self) -> None:
        """Tells the log how far it is, and lets another take over."""
        self._tell(now=True)
        self.reader.close()
        self._group.close()

    def _read(self) -> bool:
        parts = [_part_of(record) for record in self.reader.read(_RECORDS_MAX)]
        if parts:
            self._todo.append(parts)
        return bool(parts)

    def _take(self, parts: Sequence[Part]) -> None:
        """All of them, in one transaction."""
        counted: Counter[str] = Counter()
        about: Attributes = {
            "messaging.destination.name": self.topic,
            "messaging.batch.message_count": len(parts),
        }
        with span(f"consume {self.topic}", Kind.CONSUMER, attributes=about), self._store.begin() as tx:
            cursor = self._inbox.lock(tx, self.topic)
            fresh = [part for part in parts if part.record.offset >= cursor]
            known = Known(tx, self._inbox, self.topic)
            known.look(fresh)
            parked = self._letters.open_entities(tx)
            waiting: list[EventRun] = []  # what is handled at once
            for part in fresh:
                counted.update(self._take_part(tx, part, known, parked, waiting))
                if part.ends_record:
                    cursor = part.record.offset + 1
            self._hand_on(tx, waiting)
            known.write(self._now_ns())
            self._inbox.move(tx, self.topic, cursor)
            new = sum(part.end - part.begin for part in fresh)
            counted["duplicates"] += sum(part.end - part.begin for part in parts) - new
        self.counts.update(counted)

    def _take_part(
        self, tx: Transaction, part: Part, known: Known, parked: set[EntityKey], waiting: list[EventRun]
    ) -> dict[str, int]:
        begin, places = known.new_of(part)
        counted = {"duplicates": part.end - part.begin - len(places), "taken": 0, "behind": 0}
        if begin < part.end:
            if part.batch is None:
                raise WireError(part.fault)
            for first, end, behind in _stretches(part.batch, begin, part.end, set(places), parked):
                if behind:
                    self._hand_on(tx, waiting)
                    self._go_behind(tx, part, first, end)
                else:
                    for run in runs(part.batch, first, end):
                        self._hand_on(tx, waiting, run)
                counted["behind" if behind else "taken"] += end - first
        known.mark(part, begin, places)
        return counted

    def _hand_on(self, tx: Transaction, waiting: list[EventRun], run: EventRun | None = None) -> None:
        """Has what waits handled, unless `run` can be handled with it; then that waits, too."""
        if waiting and (run is None or not follows(waiting[0], run)):
            self._handling.handle(tx, joined(waiting))
            waiting.clear()
        if run is not None:
            waiting.append(run)

    def _go_behind(self, tx: Transaction, part: Part, first: int, end: int) -> None:
        why = (Reason.BEHIND, "an earlier event of its entity is among the dead letters")
        for place in range(first, end):
            self._handling.set_aside(tx, self._place(part, place), _envelope(part, place), why, 0)

    def _failed(self, error: Exception) -> bool:
        """What is to be done next about what was not taken; whether that comes any further."""
        kind = class_of(error)
        if kind is ErrorClass.DEPENDENCY_DOWN:
            return self._held(error)
        if isinstance(error, StreamGap) or not self._todo:
            raise error
        self.hold.succeeded()
        parts = self._todo[-1]
        if halves := _halves(parts):
            self._todo[-1:] = reversed(halves)
            return True
        (part,) = parts
        if kind is ErrorClass.TRANSIENT and not self.tries.exhausted:
            self.counts["retries"] += 1
            self.tries.failed(error)
            return False
        self._set_aside(part, kind, error)
        self._taken()
        return True

    def _set_aside(self, part: Part, kind: ErrorClass, error: Exception) -> None:
        """The one event that is left goes to the dead letters; the stream goes on behind it."""
        reason = Reason.VALIDATION if kind is ErrorClass.VALIDATION else Reason.EXHAUSTED
        if part.batch is None:
            reason = Reason.UNREADABLE
        why = (reason, f"{type(error).__name__}: {error}")
        with self._store.begin() as tx:
            if part.record.offset < self._inbox.lock(tx, self.topic):
                return
            known = Known(tx, self._inbox, self.topic)
            known.look([part])
            begin, places = known.new_of(part)
            if places:
                at = self._place(part, part.begin)
                self._handling.set_aside(tx, at, _envelope(part, part.begin), why, self.tries.failures + 1)
            known.mark(part, begin, places)
            known.write(self._now_ns())
            if part.ends_record:
                self._inbox.move(tx, self.topic, part.record.offset + 1)
        self.counts["dead"] += 1
        envelope = _envelope(part, part.begin)
        with correlated(envelope.correlation_id, envelope.tenant_id):
            log(
                "event set aside",
                level=logging.ERROR,
                service=self._group.name,
                topic=self.topic,
                offset=part.record.offset,
                sequence=part.first_seq,
                reason=reason,
                why=why[1],
            )

    def _held(self, error: Exception) -> bool:
        if self.hold.failed(error):
            log("events held", level=logging.WARNING, service=self._group.name, topic=self.topic, why=error)
        return False

    def _taken(self) -> None:
        last = self._todo.pop()[-1]
        if last.ends_record:
            self._done = last.record.offset + 1
        self.tries.succeeded()
        self.hold.succeeded()
        self._tell()

    def _tell(self, *, now: bool = False) -> None:
        """Tells the log how far the group is, for what it keeps; the store's own cursor is what counts."""
        if self._done != self._group.cursor and (now or self._clock.now() >= self._told_at + _COMMIT_S):
            self._told_at = self._clock.now()
            with suppress(LogUnavailable):  # it is told again a little later
                self._group.commit(self._done)

    def _place(self, part: Part, place: int) -> Place:
        batch = part.record.batch
        return Place(self.topic, part.record.offset, batch.stream, batch.first_seq + place)


def _part_of(record: Record) -> Part:
    batch = record.batch
    try:
        events = decode_events(batch.payload, batch.stream, batch.first_seq)
    except WireError as error:
        return Part(record, None, 0, batch.count, str(error))
    if len(events) != batch.count:
        return Part(
            record, None, 0, batch.count, f"it has {len(events)} events, not the {batch.count} it says"
        )
    return Part(record, events, 0, batch.count)


def _halves(parts: Sequence[Part]) -> list[list[Part]]:
    """Two halves of what failed together; none of what is one event, or cannot be read."""
    if len(parts) > 1:
        return [list(parts[: len(parts) // 2]), list(parts[len(parts) // 2 :])]
    (part,) = parts
    if part.batch is None or part.end - part.begin == 1:
        return []
    middle = (part.begin + part.end) // 2
    return [
        [Part(part.record, part.batch, part.begin, middle)],
        [Part(part.record, part.batch, middle, part.end)],
    ]


def _stretches(
    batch: EventBatch, begin: int, end: int, new: set[int], parked: set[EntityKey]
) -> Iterator[tuple[int, int, bool]]:
    """Stretches of new events, from and to before, and whether they go behind a dead letter."""
    if not parked and len(new) == end - begin:
        yield begin, end, False
        return
    for kind, group in groupby(range(begin, end), lambda place: _kind(batch, place, new, parked)):
        places = list(group)
        if kind is not None:
            yield places[0], places[-1] + 1, kind


def _kind(batch: EventBatch, place: int, new: set[int], parked: set[EntityKey]) -> bool | None:
    """Whether an event goes behind a dead letter; None: it was taken before."""
    if place not in new:
        return None
    event = batch[place] if batch.rows is not None else batch.envelopes[place]
    return entity_of(event) in parked


def _envelope(part: Part, place: int) -> EventEnvelope:
    if part.batch is None:
        batch = part.record.batch
        return EventEnvelope(
            event_id=part.batch_key[1],
            event_type=UNREADABLE,
            event_version=1,
            occurred_at=batch.ts_ns,
            entity=Entity(
                entity_type="Record",
                entity_id=f"{batch.stream}-{batch.first_seq}",
                sequence=batch.first_seq,
            ),
            payload=batch.payload,
        )
    if part.batch.rows is None:
        return part.batch.envelopes[place]
    return envelope_of(part.batch[place])
