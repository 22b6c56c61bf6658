"""What an event log is, whatever engine keeps it: embedded, Kafka, NATS JetStream.

A topic is one sequence of records, and a record is one batch of events: an outbox appends batches of one,
the core batches of thousands. Offsets count records, from 0 and upward; the next record's offset is
`record.offset + 1` or more (Kafka spends offsets on transactions), so read on from where a reader stands
instead of counting. A topic has one writer and any number of readers; a reader is one of itself, or of a
consumer group, whose cursor is durable.

Publishers number what they append to a topic: `stream` is who, `first_seq` of the first event, and the next
batch begins where this one ended. That is how an append is idempotent: what the log has already is not
appended again, what would leave a gap is refused, and who starts again asks `TopicWriter.head` how far the
log is. Delivery is at least once; a batch has the same numbers whenever it comes, so its events have the same
ids.

All calls return at once but `TopicReader.wait` and appends that are synced. None belongs to an event loop: an
engine whose client has one runs it beside. A log may be used by several threads; a writer, a reader or a
group by one at a time.

    with log.writer("dev.execution.trades.v1") as writer:
        head = writer.head(stream)                  # where to go on
        writer.append([batch])

    with log.group("settlement", "dev.execution.trades.v1") as group:
        with log.reader(group.topic, group.cursor) as reader:
            while not stopped:
                for record in reader.read():
                    ...                             # one transaction: what it does, and record.offset + 1
                group.commit(reader.offset)
                reader.wait(1.0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self

RECORD_BYTES_MAX: Final = 4 << 20
"""Of a batch: its payload, key and headers."""
STREAMS_MAX: Final = 1 << 12
"""A stream's number is less: event ids have 12 bits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is appended as one: the header of the schema (BatchHeader), and the events as bytes.

    Args:
        stream: The publisher's stream, from 1: who numbers.
        epoch: Of the publisher: who led. It never falls within a stream.
        first_seq: Of its first event, from 1; the others follow without a gap.
        count: Events in it, at least 1.
        ts_ns: The publisher's time; where it falls, the highest before it counts for `offset_at` instead.
        schema_version: Of the payload's frame.
        payload: The frame; the log never looks into it.
        key: What a partitioned engine may spread by, up to 255 bytes of UTF-8.
        headers: Beside the events, never inside: traceparent, securityContext. Up to 4 KiB.
    """

    stream: int
    epoch: int
    first_seq: int
    count: int
    ts_ns: int
    payload: bytes
    schema_version: int = 1
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def last_seq(self) -> int:
        """Of its last event."""
        return self.first_seq + self.count - 1


@dataclass(frozen=True, slots=True)
class Record:
    """A batch where it lies in its topic."""

    offset: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Head:
    """How far a topic has a stream: the sequence of its last event, and the epoch in which it came."""

    epoch: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Extent:
    """What a topic holds: offsets from `begin` to before `end`, in so many bytes."""

    begin: int
    end: int
    size: int


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """A consumer group of a topic.

    Args:
        name: Of it.
        cursor: The offset that it reads next.
        lag: Records that it has not committed.
        lost: Records behind its cursor were removed by the limit of bytes before it had them.
    """

    name: str
    cursor: int
    lag: int
    lost: bool


class TopicWriter(Protocol):
    """The one writer of a topic, until it is closed."""

    @property
    def topic(self) -> str:
        """What it writes."""
        ...

    @property
    def end(self) -> int:
        """The offset that the next record gets."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it takes no more: it was closed, or closed itself where what the disk has is not known."""
        ...

    def head(self, stream: int) -> Head | None:
        """How far the topic has a stream; None: nothing yet. What retention removed counts."""
        ...

    def append(self, batches: Sequence[Batch]) -> int:
        """Appends batches in order, each whole or not at all; how many were new.

        The others were there already, under the same numbers. When it returns they are written, so that they
        outlive the process, and synced where the topic is kept so. One that raises has appended those before
        the batch at fault, and the writer can be used again but after LogCorrupt.

        Raises:
            LogRefused: GAP, DIVERGED, OVERLAP, FENCED: its numbers do not follow what is there; TOO_LARGE.
            LogUnavailable: it cannot be written now (a full disk); nothing of that batch will be read.
        """
        ...

    def sync(self) -> None:
        """What was appended outlives the machine when this returns.

        Raises:
            LogUnavailable: that is not certain; the writer is closed, for what the disk has is not known.
        """
        ...

    def close(self) -> None:
        """Lets another be the writer."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class TopicReader(Protocol):
    """Reads a topic from an offset on. It may begin behind the end: then it waits there."""

    @property
    def topic(self) -> str:
        """What it reads."""
        ...

    @property
    def offset(self) -> int:
        """Where the next record is read."""
        ...

    def seek(self, offset: int) -> None:
        """Goes on from there."""
        ...

    def read(self, records_max: int = 256, bytes_max: int = RECORD_BYTES_MAX) -> list[Record]:
        """The next whole records, at least one where there is one; empty at the end.

        Raises:
            LogRefused: TRUNCATED: what is at the offset was removed. Begin again with a snapshot.
            LogCorrupt: a record that others follow cannot be read.
        """
        ...

    def wait(self, timeout_s: float) -> bool:
        """Waits until there is something to read, as long as that at most; whether there is."""
        ...

    def close(self) -> None:
        """Lets its files or connections go."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ConsumerGroup(Protocol):
    """A group's one consumer of a topic, until it is closed; a second one takes over then."""

    @property
    def name(self) -> str:
        """Of the group."""
        ...

    @property
    def topic(self) -> str:
        """What it consumes."""
        ...

    @property
    def cursor(self) -> int:
        """The offset that it reads next: that committed last, or where the topic began when it joined first.

        A consumer that keeps its cursor in a transaction of its own reads from that one instead; then this
        one says what may be removed, and how far behind it is.
        """
        ...

    def commit(self, offset: int) -> None:
        """Everything before `offset` is done. Durable when it returns; going back is allowed: a replay.

        Raises:
            LogUnavailable: it cannot be written; the old cursor stands.
        """
        ...

    def close(self) -> None:
        """Lets another consume for the group."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class EventLog(Protocol):
    """Topics, by the names of `exchange.bus.topics`; others are refused by every method: UNKNOWN_TOPIC."""

    def writer(self, topic: str) -> TopicWriter:
        """Takes a topic to write.

        Raises:
            LogRefused: TOPIC_IN_USE: another has it, in whatever process.
            LogCorrupt: what is there cannot be gone on from.
            LogUnavailable: it cannot be opened.
        """
        ...

    def reader(self, topic: str, offset: int | None = None) -> TopicReader:
        """Reads a topic from an offset, or from its beginning. A topic that nobody wrote yet is empty."""
        ...

    def wait_any(self, readers: Sequence[TopicReader], timeout_s: float) -> bool:
        """Waits until one of its readers has something to read, as long as that at most; whether one has."""
        ...

    def group(self, name: str, topic: str) -> ConsumerGroup:
        """Takes a group's place at a topic; a new group begins with the oldest record there is.

        Args:
            name: Of the group, a lower-case word of at most 64 characters.
            topic: What it consumes.

        Raises:
            LogRefused: GROUP_IN_USE: another consumes for it. Try again: it may end.
        """
        ...

    def groups(self, topic: str) -> list[GroupStatus]:
        """Who consumes a topic, by name."""
        ...

    def forget_group(self, name: str, topic: str) -> None:
        """Forgets a group for good, that nothing is kept for it."""
        ...

    def topics(self) -> list[str]:
        """Those that there are, by name."""
        ...

    def extent(self, topic: str) -> Extent:
        """What a topic holds."""
        ...

    def offset_at(self, topic: str, ts_ns: int) -> int:
        """The offset of the first record whose time is at least `ts_ns`; the end where there is none."""
        ...

    def retain(self, topic: str, now_ns: int) -> int:
        """Removes what its topic's retention lets go; how many records.

        By age only what every group has; beyond the limit of bytes regardless: then a group is lost.
        """
        ...

    def close(self) -> None:
        """Closes what was opened with it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
