"""What a consumer group has taken already, as rows of the transaction in which it takes more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from sqlalchemy import delete, insert, select, text, tuple_, update

from exchange.storage.sql.rows import RowInsert
from exchange.storage.sql.store import Transaction
from exchange.storage.sql.tables import CURSORS, PROCESSED, WATERMARKS

BATCH_TENANT: Final = "*"
"""In the place of the tenant, of a row that stands for a whole batch of a hot stream."""
_KEYS_MAX: Final = 400  # of one statement
_MARK: Final = RowInsert(PROCESSED)
_OPEN: Final = text(
    "INSERT INTO cursors VALUES (:consumer_group, :topic, :next_offset) ON CONFLICT DO NOTHING"
)

Key = tuple[str, str]
"""Of an event: tenant and event id."""


class Inbox:
    """Of one consumer group. Every method runs in a transaction that is given.

    Args:
        group: The consumer group: the service's name.
    """

    def __init__(self, group: str) -> None:
        self._group = group

    def open(self, tx: Transaction, topic: str, begin: int) -> int:
        """The offset that is read next; `begin` for a group that is new to the topic."""
        tx.execute(_OPEN, {"consumer_group": self._group, "topic": topic, "next_offset": begin})
        return self.lock(tx, topic)

    def lock(self, tx: Transaction, topic: str) -> int:
        """The offset that is read next; no other transaction moves it until this one ends."""
        found = tx.execute(
            select(CURSORS.c.next_offset)
            .where(CURSORS.c.consumer_group == self._group, CURSORS.c.topic == topic)
            .with_for_update()
        )
        return int(found.scalar_one())

    def move(self, tx: Transaction, topic: str, next_offset: int) -> None:
        """From there on is read next."""
        tx.execute(
            update(CURSORS)
            .where(CURSORS.c.consumer_group == self._group, CURSORS.c.topic == topic)
            .values(next_offset=next_offset)
        )

    def watermark(self, tx: Transaction, topic: str, stream: int) -> int | None:
        """The sequence of the last event that was taken of a stream; None: none was."""
        return tx.execute(
            select(WATERMARKS.c.last_seq).where(
                WATERMARKS.c.consumer_group == self._group,
                WATERMARKS.c.topic == topic,
                WATERMARKS.c.stream == stream,
            )
        ).scalar()

    def raise_watermark(self, tx: Transaction, topic: str, stream: int, last_seq: int) -> None:
        """Everything of the stream up to there is taken."""
        raised = tx.execute(
            update(WATERMARKS)
            .where(
                WATERMARKS.c.consumer_group == self._group,
                WATERMARKS.c.topic == topic,
                WATERMARKS.c.stream == stream,
            )
            .values(last_seq=last_seq)
        )
        if not raised.rowcount:
            row = {"consumer_group": self._group, "topic": topic, "stream": stream, "last_seq": last_seq}
            tx.execute(insert(WATERMARKS), row)

    def seen(self, tx: Transaction, keys: Sequence[Key]) -> set[Key]:
        """Which of these events were taken already."""
        found: set[Key] = set()
        for chunk in _chunks(keys):
            rows = tx.execute(
                select(PROCESSED.c.tenant_id, PROCESSED.c.event_id).where(
                    PROCESSED.c.consumer_group == self._group,
                    tuple_(PROCESSED.c.tenant_id, PROCESSED.c.event_id).in_(chunk),
                )
            )
            found.update((tenant, event) for tenant, event in rows)
        return found

    def mark(self, tx: Transaction, taken: Sequence[tuple[Key, int]], topic: str, now_ns: int) -> None:
        """These are taken; each with the last sequence of what it stands for."""
        _MARK.run(tx, [(tenant, self._group, event, topic, seq, now_ns) for (tenant, event), seq in taken])

    def prune(self, tx: Transaction, before_ns: int) -> int:
        """Forgets what was taken before a time; how many rows. The watermarks still know it."""
        gone = tx.execute(
            delete(PROCESSED).where(
                PROCESSED.c.consumer_group == self._group, PROCESSED.c.processed_at < before_ns
            )
        )
        return gone.rowcount


def _chunks(keys: Iterable[Key]) -> Iterable[list[Key]]:
    left = iter(keys)
    while chunk := list(islice(left, _KEYS_MAX)):
        yield chunk
