"""Parts of records, and by what is known which of their events were taken already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.bus.log.interface import Record
from exchange.domain.events import EventEnvelope, event_id
from exchange.errors import RpcStatus, StorageError
from exchange.schema.events import EventBatch
from exchange.storage.sql import Transaction
from exchange.storage.sql.inbox import BATCH_TENANT, Inbox, Key


class StreamGap(StorageError):
    """Events of a stream are missing from the log: nothing behind them may be taken."""

    status = RpcStatus.DATA_LOSS


@dataclass(frozen=True, slots=True)
class Part:
    """Some events of a record: those from `begin` to before `end`. Without a batch it cannot be read."""

    record: Record
    batch: EventBatch | None
    begin: int
    end: int
    fault: str = ""

    @property
    def first_seq(self) -> int:
        """Of its first event."""
        return self.record.batch.first_seq + self.begin

    @property
    def last_seq(self) -> int:
        """Of its last one."""
        return self.record.batch.first_seq + self.end - 1

    @property
    def ends_record(self) -> bool:
        """Whether nothing of the record comes after it."""
        return self.end == self.record.batch.count

    @property
    def is_whole(self) -> bool:
        """Whether one key stands for the whole record: of a hot stream, or of what cannot be read."""
        return self.batch is None or self.batch.rows is not None

    def keys(self, begin: int) -> list[Key]:
        """By what its events from a place on are known."""
        if self.batch is None or self.batch.rows is not None:
            return [self.batch_key]
        return _keys(self.batch, begin, self.end)

    @property
    def batch_key(self) -> Key:
        """What stands for the record as a whole: whoever has it had all up to its end, wherever it began."""
        batch = self.record.batch
        return BATCH_TENANT, event_id(batch.ts_ns, batch.stream, batch.last_seq)


class Known:
    """What a group has taken of a topic, as of a transaction: looked up and written once for all its parts.

    Args:
        tx: The transaction.
        inbox: Of the group.
        topic: Which.
    """

    def __init__(self, tx: Transaction, inbox: Inbox, topic: str) -> None:
        self._tx = tx
        self._inbox = inbox
        self._topic = topic
        self._watermarks: dict[int, int | None] = {}
        self._seen: set[Key] = set()
        self._raised: set[int] = set()
        self._taken: list[tuple[Key, int]] = []

    def look(self, parts: Sequence[Part]) -> None:
        """Looks up all that these parts may be known by."""
        for stream in {part.record.batch.stream for part in parts}:
            self._watermarks[stream] = self._inbox.watermark(self._tx, self._topic, stream)
        keys = [key for part in parts for key in part.keys(part.begin)]
        self._seen = self._inbox.seen(self._tx, keys)

    def new_of(self, part: Part) -> tuple[int, list[int]]:
        """Where what the watermark does not have begins, and the places of the events that are new.

        Raises:
            StreamGap: Some of its stream are missing before it.
        """
        batch = part.record.batch
        watermark = self._watermarks[batch.stream]
        if watermark is not None and part.first_seq > watermark + 1:
            raise StreamGap(
                f"{self._topic} lacks events {watermark + 1} to {part.first_seq - 1} of stream {batch.stream}"
                f" before offset {part.record.offset}"
            )
        begin = part.begin if watermark is None else max(part.begin, watermark + 1 - batch.first_seq)
        if begin >= part.end:
            return part.end, []
        keys = part.keys(begin)
        if part.is_whole:
            return (part.end, []) if keys[0] in self._seen else (begin, list(range(begin, part.end)))
        new = []
        for place, key in enumerate(keys, begin):
            if key not in self._seen:
                new.append(place)
                self._seen.add(key)  # twice in these parts
        return begin, new

    def mark(self, part: Part, begin: int, places: Sequence[int]) -> None:
        """These places are taken, and all of the part is done with."""
        if begin >= part.end:
            return
        if part.is_whole:
            keys = part.keys(begin) if part.ends_record else []
        else:
            keys = [part.keys(place)[0] for place in places]
        self._taken += [(key, part.last_seq) for key in keys]
        self._watermarks[part.record.batch.stream] = part.last_seq
        self._raised.add(part.record.batch.stream)

    def write(self, now_ns: int) -> None:
        """Writes what was marked."""
        self._inbox.mark(self._tx, self._taken, self._topic, now_ns)
        for stream in sorted(self._raised):
            self._inbox.raise_watermark(self._tx, self._topic, stream, self._watermarks[stream] or 0)


def _key(envelope: EventEnvelope) -> Key:
    return envelope.tenant_id, envelope.event_id


def _keys(batch: EventBatch, begin: int, end: int) -> list[Key]:
    return [_key(envelope) for envelope in batch.envelopes[begin:end]]
