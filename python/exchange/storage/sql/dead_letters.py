"""Events that a consumer could not take, in order, until somebody decides about them.

status     is
dead       failed by itself; somebody has to decide: replay or discard
behind     did not fail: an earlier event of its entity is open, and it waits its turn
replay     somebody asked for it to be tried again; the consumer will
replayed   taken at last
discarded  somebody decided that it shall have no effect

The first three are open. While an entity has an open letter, further events of it come here too, behind it:
the order of an entity's events is kept, whatever happens to one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, Select, exists, func, insert, literal_column, select, update

from exchange.domain.events import EventEnvelope
from exchange.errors import ExchangeError, RpcStatus
from exchange.schema.codec import decode_message, encode_message
from exchange.storage.sql.store import Transaction
from exchange.storage.sql.tables import ACTIONS, DEAD_LETTERS

_TEXT_MAX: Final = 2_000


class LetterStatus(StrEnum):
    """Where a letter stands; see above."""

    DEAD = "dead"
    BEHIND = "behind"
    REPLAY = "replay"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class Reason(StrEnum):
    """Why an event came here."""

    VALIDATION = "validation"  # it can never be taken
    EXHAUSTED = "exhausted"  # it failed as often as it is tried
    BEHIND = "behind"  # an earlier one of its entity is here
    UNREADABLE = "unreadable"  # a record whose bytes are no events


OPEN: Final = (LetterStatus.DEAD, LetterStatus.BEHIND, LetterStatus.REPLAY)
_OPEN: Final[list[Any]] = [
    literal_column(f"'{status}'") for status in OPEN
]  # spelled out, as in the index of them


class LetterDecided(ExchangeError):
    """What was asked for cannot be done about a letter in its state."""

    status = RpcStatus.FAILED_PRECONDITION


class EntityKey(NamedTuple):
    """Whose events are kept in order."""

    tenant_id: str
    entity_type: str
    entity_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterContent:
    """A letter that is written: the event, from where it came, and why it is here."""

    topic: str
    offset: int
    stream: int
    seq: int
    envelope: EventEnvelope
    reason: Reason
    error: str
    attempts: int
    consumer_version: str
    failed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter(LetterContent):
    """A letter as it is kept."""

    letter: int
    status: LetterStatus

    @property
    def entity(self) -> EntityKey:
        """Whose event it is."""
        return entity_of(self.envelope)


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was done about a letter. `at` is in ns since 1970."""

    what: str
    who: str
    reason: str
    at: int


def entity_of(event: Any) -> EntityKey:
    """Of an event or an envelope."""
    return EntityKey(event.tenant_id, event.entity.entity_type, event.entity.entity_id)


class DeadLetters:
    """Of one consumer group. Every method runs in a transaction that is given.

    Args:
        group: The consumer group.
    """

    def __init__(self, group: str) -> None:
        self._group = group
        # Asked several times a second, for ever: to make it anew took longer than to ask, and left rings of
        # objects behind.
        self._due = self._due_first()

    def open_entities(self, tx: Transaction) -> set[EntityKey]:
        """The entities of which further events have to go behind a letter."""
        columns = (DEAD_LETTERS.c.tenant_id, DEAD_LETTERS.c.entity_type, DEAD_LETTERS.c.entity_id)
        rows = tx.execute(select(*columns).where(*self._open()).distinct())
        return {EntityKey(*row) for row in rows}

    def add(self, tx: Transaction, new: LetterContent) -> int:
        """Writes a letter; its number."""
        envelope = new.envelope
        row = {
            "consumer_group": self._group,
            "topic": new.topic,
            "log_offset": new.offset,
            "stream": new.stream,
            "seq": new.seq,
            "tenant_id": envelope.tenant_id,
            "event_id": envelope.event_id,
            "event_type": envelope.event_type,
            "entity_type": envelope.entity.entity_type,
            "entity_id": envelope.entity.entity_id,
            "envelope": encode_message(envelope),
            "reason": str(new.reason),
            "error": new.error[:_TEXT_MAX],
            "attempts": new.attempts,
            "consumer_version": new.consumer_version,
            "failed_at": new.failed_at,
            "status": str(LetterStatus.BEHIND if new.reason is Reason.BEHIND else LetterStatus.DEAD),
        }
        added = tx.execute(insert(DEAD_LETTERS).returning(DEAD_LETTERS.c.letter), row)
        return int(added.scalar_one())

    def due(self, tx: Transaction) -> Letter | None:
        """The oldest letter that the consumer is to try: asked for, or behind nothing any more."""
        row = tx.execute(self._due).first()
        return None if row is None else _letter(row)

    def find(self, tx: Transaction, letter: int, *, lock: bool = False) -> Letter | None:
        """A letter by its number; with `lock` nobody else decides about it until the transaction ends."""
        query = select(DEAD_LETTERS).where(
            DEAD_LETTERS.c.consumer_group == self._group, DEAD_LETTERS.c.letter == letter
        )
        row = tx.execute(query.with_for_update() if lock else query).first()
        return None if row is None else _letter(row)

    def page(
        self, tx: Transaction, *, statuses: Sequence[LetterStatus] = OPEN, after: int = 0, most: int = 100
    ) -> list[Letter]:
        """Letters in their order, those after a number."""
        query: Select[Any] = (
            select(DEAD_LETTERS)
            .where(
                DEAD_LETTERS.c.consumer_group == self._group,
                DEAD_LETTERS.c.status.in_(statuses),
                DEAD_LETTERS.c.letter > after,
            )
            .order_by(DEAD_LETTERS.c.letter)
            .limit(most)
        )
        return [_letter(row) for row in tx.execute(query)]

    def count(self, tx: Transaction) -> dict[LetterStatus, int]:
        """How many letters there are, by status."""
        rows = tx.execute(
            select(DEAD_LETTERS.c.status, func.count())
            .where(DEAD_LETTERS.c.consumer_group == self._group)
            .group_by(DEAD_LETTERS.c.status)
        )
        return {LetterStatus(status): int(number) for status, number in rows}

    def actions(self, tx: Transaction, letter: int) -> list[Action]:
        """What was done about a letter, in order."""
        columns = (ACTIONS.c.what, ACTIONS.c.who, ACTIONS.c.reason, ACTIONS.c.at)
        rows = tx.execute(select(*columns).where(ACTIONS.c.letter == letter).order_by(ACTIONS.c.action))
        return [Action(*row) for row in rows]

    def ask_replay(self, tx: Transaction, letter: int, who: str, reason: str, now_ns: int) -> Letter:
        """Has the consumer try a letter again. Asking for it once more changes nothing.

        Raises:
            LetterDecided: There is none, it is done, or it waits behind another.
        """
        found = self._undecided(tx, letter)
        if found.status is LetterStatus.BEHIND:
            ahead = self._ahead(tx, found)
            raise LetterDecided(
                f"letter {letter} waits behind letter {ahead} of the same entity and follows it by itself"
            )
        if found.status is not LetterStatus.REPLAY:
            self._decide(tx, letter, LetterStatus.REPLAY, Action("replay", who, reason, now_ns))
        return found

    def discard(self, tx: Transaction, letter: int, who: str, reason: str, now_ns: int) -> Letter:
        """Decides that a letter shall have no effect; those behind it follow.

        Raises:
            LetterDecided: There is none, or it is done.
        """
        found = self._undecided(tx, letter)
        self._decide(tx, letter, LetterStatus.DISCARDED, Action("discard", who, reason, now_ns))
        return found

    def taken(self, tx: Transaction, letter: int, who: str, now_ns: int) -> None:
        """The consumer took it at last."""
        self._decide(tx, letter, LetterStatus.REPLAYED, Action("taken", who, "", now_ns))

    def failed(
        self, tx: Transaction, letter: Letter, who: str, why: tuple[Reason, str], attempts: int, now_ns: int
    ) -> None:
        """The consumer tried it again, so often, in vain."""
        reason, error = why
        action = Action("failed", who, error[:_TEXT_MAX], now_ns)
        self._decide(tx, letter.letter, LetterStatus.DEAD, action)
        tx.execute(
            update(DEAD_LETTERS)
            .where(DEAD_LETTERS.c.letter == letter.letter)
            .values(reason=str(reason), error=action.reason, attempts=letter.attempts + attempts)
        )

    def _undecided(self, tx: Transaction, letter: int) -> Letter:
        found = self.find(tx, letter, lock=True)
        if found is None:
            raise LetterDecided(f"there is no dead letter {letter} of {self._group}")
        if found.status not in OPEN:
            raise LetterDecided(f"letter {letter} was {found.status} already")
        return found

    def _ahead(self, tx: Transaction, letter: Letter) -> int:
        tenant, kind, about = letter.entity
        found = tx.execute(
            select(func.min(DEAD_LETTERS.c.letter)).where(
                *self._open(),
                DEAD_LETTERS.c.tenant_id == tenant,
                DEAD_LETTERS.c.entity_type == kind,
                DEAD_LETTERS.c.entity_id == about,
            )
        )
        return int(found.scalar_one())

    def _decide(self, tx: Transaction, letter: int, status: LetterStatus, action: Action) -> None:
        tx.execute(update(DEAD_LETTERS).where(DEAD_LETTERS.c.letter == letter).values(status=str(status)))
        row = {
            "letter": letter,
            "what": action.what,
            "who": action.who,
            "reason": action.reason,
            "at": action.at,
        }
        tx.execute(insert(ACTIONS), row)

    def _due_first(self) -> Select[Any]:
        """The oldest open letter that is asked for, or waits, and that no other of its entity is before."""
        before = DEAD_LETTERS.alias()
        blocked = exists().where(
            before.c.consumer_group == DEAD_LETTERS.c.consumer_group,
            before.c.tenant_id == DEAD_LETTERS.c.tenant_id,
            before.c.entity_type == DEAD_LETTERS.c.entity_type,
            before.c.entity_id == DEAD_LETTERS.c.entity_id,
            before.c.letter < DEAD_LETTERS.c.letter,
            before.c.status.in_(_OPEN),
        )
        return (
            select(DEAD_LETTERS)
            .where(
                *self._open(),
                DEAD_LETTERS.c.status.in_((LetterStatus.REPLAY, LetterStatus.BEHIND)),
                ~blocked,
            )
            .order_by(DEAD_LETTERS.c.letter)
            .limit(1)
        )

    def _open(self) -> tuple[Any, ...]:
        return DEAD_LETTERS.c.consumer_group == self._group, DEAD_LETTERS.c.status.in_(_OPEN)


def _letter(row: Row[Any]) -> Letter:
    return Letter(
        letter=int(row.letter),
        topic=row.topic,
        offset=int(row.log_offset),
        stream=int(row.stream),
        seq=int(row.seq),
        envelope=decode_message(EventEnvelope, bytes(row.envelope)),
        reason=Reason(row.reason),
        error=row.error,
        attempts=int(row.attempts),
        consumer_version=row.consumer_version,
        failed_at=int(row.failed_at),
        status=LetterStatus(row.status),
    )
