"""What administrators changed, as events: made of the journal by the publisher, heard by every service.

A change is an event of `admin.changes` once it was carried out; one that was refused is one, too, which says
so. Their numbers in the stream are counted here, as the journal does not number changes: the topic says which
was the last one, and by which command.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cmatch._core import JournalRecord
from exchange.bus.log.events import batch_of_events, events_of, stream_of
from exchange.bus.log.interface import Batch, EventLog, TopicWriter
from exchange.bus.topics import Topic
from exchange.domain.enums import AdminAction, InstrumentAction
from exchange.domain.events import ChangeRefused, Entity, Event, event_id
from exchange.domain.events.catalogue import ADMIN_EVENTS, CHANGE_REFUSED, INSTRUMENT_EVENTS, EventType
from exchange.domain.messages import AdminCommand, InstrumentCommand
from exchange.runtime.administrative import Command, administrative
from exchange.schema.event_rows import EventList
from exchange.storage.executions import Outcome

CHANGES: Final = ADMIN_EVENTS[AdminAction.OPEN_ACCOUNT].topic
PRODUCER: Final = ADMIN_EVENTS[AdminAction.OPEN_ACCOUNT].producers[0]


class ChangeMaker:
    """Makes events of what records changed, or would have changed had it not been refused; numbers them.

    Args:
        topic: Their row.
        number: Of the last event that there is, in the producer's stream.
    """

    def __init__(self, topic: Topic, number: int = 0) -> None:
        self._topic = topic
        self.number = number

    def make(self, outcome: Outcome, after: int = 0) -> list[Batch]:
        """The changes of records behind the one that ends with `after`: a batch of each that has some."""
        answers = [rows.rows for rows in outcome.executions if rows.kind is EventList.ANSWERS]
        if not answers:
            return []
        rejects = {
            sequence: reject
            for rows in answers
            for sequence, reject in zip(rows["sequence"].tolist(), rows["reject"].tolist(), strict=True)
        }
        made = (self._of(record, rejects) for record in outcome.others if record.first_sequence > after)
        return [batch for batch in made if batch is not None]

    def _of(self, record: JournalRecord, rejects: Mapping[int, int]) -> Batch | None:
        first = record.first_sequence
        events = [
            self._event(row, command, rejects[first + place], first + place, record.ts_ns)
            for place, command in administrative(record.payload)
            if first + place in rejects and (row := _row_of(command)) is not None
        ]
        if not events:
            return None
        return batch_of_events(
            self._topic,
            PRODUCER,
            events,
            self.number - len(events) + 1,
            key=events[0].entity.entity_id,
            epoch=record.epoch,
        )

    def _event(self, row: EventType, command: Command, reject: int, sequence: int, ts_ns: int) -> Event:
        self.number += 1
        cause, row = f"cmd-{sequence}", CHANGE_REFUSED if reject else row
        return Event(
            event_id=event_id(ts_ns, stream_of(self._topic, PRODUCER), self.number),
            event_type=row.name,
            event_version=row.version,
            occurred_at=ts_ns,
            producer=PRODUCER,
            tenant_id=str(command.tenant),
            correlation_id=command.correlation_id or cause,
            causation_id=cause,
            entity=Entity(entity_type=row.entity, entity_id=_about(command), sequence=sequence),
            payload=_refused(command, reject) if reject else command,
        )


class ChangePublisher:
    """Appends changes to their topic. One thread.

    Args:
        topic: Its row.
        writer: Of it.
        events: Where it is read, to find out what the last change was.
    """

    def __init__(self, topic: Topic, writer: TopicWriter, events: EventLog) -> None:
        self._writer = writer
        head = writer.head(stream_of(topic, PRODUCER))
        self._maker = ChangeMaker(topic, 0 if head is None else head.last_seq)
        self._sequence = 0 if head is None else _last_sequence(events, writer)
        self._waiting: list[Batch] = []

    def take(self, outcome: Outcome) -> None:
        """Makes events of what records changed, where the topic has them not."""
        if outcome.sequence > self._sequence:
            self._waiting += self._maker.make(outcome, self._sequence)
            self._sequence = outcome.sequence

    def flush(self) -> None:
        """Appends what was made.

        Raises:
            LogRefused: The log has another past.
            LogUnavailable: The log cannot be written now; nothing is lost by trying again.
        """
        if self._waiting:
            self._writer.append(self._waiting)
            self._waiting.clear()


def _refused(command: Command, reject: int) -> ChangeRefused:
    if isinstance(command, InstrumentCommand):
        return ChangeRefused(reject=reject, instrument=command)
    return ChangeRefused(reject=reject, administration=command if isinstance(command, AdminCommand) else None)


def _last_sequence(events: EventLog, writer: TopicWriter) -> int:
    """Of the command that made the last change in the topic."""
    with events.reader(writer.topic, writer.end - 1) as reader:
        (record,) = reader.read(records_max=1)
    return events_of(record)[-1].entity.sequence


def _row_of(command: Command) -> EventType | None:
    """Which event a command is; None: nobody is told."""
    if isinstance(command, InstrumentCommand):
        return INSTRUMENT_EVENTS.get(command.kind)
    return ADMIN_EVENTS.get(command.kind) if isinstance(command, AdminCommand) else None


def _about(command: Command) -> str:
    """The id of what a command is about: a number, or of what a scope says."""
    if isinstance(command, InstrumentCommand):
        asset = command.kind is InstrumentAction.DEFINE_ASSET
        return str(command.asset if asset else command.instrument_id)
    for name in ("account", "instrument_id", "asset", "collateral_asset", "tenant"):
        if value := getattr(command, name, 0):
            return str(value)
    return "venue"
