"""How administration takes events: a row a change, and what each thing is after it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import insert, select, text, update

from exchange.domain.events import ChangeExplained, Event
from exchange.domain.messages import AdminCommand, InstrumentCommand
from exchange.services.admin.changing import Body, Change, change_of
from exchange.services.admin.tables import CHANGES, ENTITIES, PROGRESS, REASONS
from exchange.storage.sql import Transaction

_SET: Final = text(
    "INSERT INTO entities (entity_type, entity_id, version, body) VALUES (:entity_type, :entity_id, :version,"
    " :body) ON CONFLICT (entity_type, entity_id) DO UPDATE SET"
    " version = excluded.version, body = excluded.body"
)
_EXPLAIN: Final = text(
    "INSERT INTO reasons (correlation_id, reason) VALUES (:correlation_id, :reason) ON CONFLICT DO NOTHING"
)


class Entity(NamedTuple):
    """A thing as it is now."""

    entity_id: str
    version: int
    body: Body


def take_changes(tx: Transaction, events: Iterable[Event]) -> None:
    """Each is a row, once, and what it changed is so from now on."""
    sequence = 0
    for event in events:
        take(tx, event)
        if isinstance(event.payload, InstrumentCommand | AdminCommand) or _refusal(event):
            sequence = event.entity.sequence
    if sequence:
        tx.execute(update(PROGRESS).where(PROGRESS.c.sequence < sequence).values(sequence=sequence))


def take(tx: Transaction, event: Event) -> None:
    """One; what was taken already is passed over."""
    if isinstance(event.payload, ChangeExplained):
        told = event.payload
        tx.execute(_EXPLAIN, {"correlation_id": told.correlation_id, "reason": told.reason})
        return
    mine = select(CHANGES.c.change_id).where(CHANGES.c.change_id == event.event_id)
    if tx.execute(mine).first() is not None:
        return
    change = change_of(event)
    before = entity_of(tx, change.entity_type, change.entity_id)
    of_core = change.version is None
    version = event.entity.sequence if change.version is None else change.version
    tx.execute(
        insert(CHANGES).values(
            change_id=event.event_id,
            changed_at=event.occurred_at,
            change=event.event_type,
            entity_type=change.entity_type,
            entity_id=change.entity_id,
            who=change.who,
            why=change.why,
            before=_text(_before(change, before)),
            afterwards=_text(change.says),
            reject=change.reject,
            sequence=event.entity.sequence if of_core else 0,
            version=0 if change.reject else version,
            correlation_id=event.correlation_id,
        )
    )
    if not change.reject:
        _set(tx, change, before, version)


def entity_of(tx: Transaction, entity_type: str, entity_id: str) -> Entity | None:
    """A thing as it is now; None: it is not known."""
    wanted = (ENTITIES.c.entity_type == entity_type, ENTITIES.c.entity_id == entity_id)
    row = tx.execute(select(ENTITIES).where(*wanted)).one_or_none()
    return None if row is None else Entity(row.entity_id, row.version, json.loads(row.body))


def entities_of(tx: Transaction, entity_type: str) -> list[Entity]:
    """All of a kind, by id."""
    asked = select(ENTITIES).where(ENTITIES.c.entity_type == entity_type).order_by(ENTITIES.c.entity_id)
    return [Entity(row.entity_id, row.version, json.loads(row.body)) for row in tx.execute(asked)]


def before_of(tx: Transaction, sequence: int) -> Body:
    """What there was before a command changed it, as the journal has it; empty where there was nothing."""
    asked = select(CHANGES.c.before).where(CHANGES.c.sequence == sequence)
    found: Body = json.loads(tx.execute(asked).scalar() or "{}")
    return found


def reason_of(tx: Transaction, correlation_id: str) -> str | None:
    """Why the commands of that id are sent; None: nobody said."""
    asked = select(REASONS.c.reason).where(REASONS.c.correlation_id == correlation_id)
    found = tx.execute(asked).scalar()
    return None if found is None else str(found)


def sequence_of(tx: Transaction) -> int:
    """Of the last command that is known to have changed something, or to have been refused."""
    return int(tx.execute(select(PROGRESS.c.sequence)).scalar_one())


def _set(tx: Transaction, change: Change, before: Entity | None, version: int) -> None:
    was = {} if before is None else before.body
    kept = was if change.keeps is None else {name: was[name] for name in change.keeps if name in was}
    body = {**kept, **change.says}
    named = {"entity_type": change.entity_type, "entity_id": change.entity_id}
    tx.execute(_SET, {**named, "version": version, "body": _text(body)})


def _before(change: Change, before: Entity | None) -> Body | None:
    """Of what was there, what is changed."""
    if before is None:
        return None
    if change.keeps is None:
        return {name: before.body[name] for name in change.says if name in before.body}
    return {name: value for name, value in before.body.items() if name not in change.keeps}


def _refusal(event: Event) -> bool:
    return event.entity.entity_type == "Refusal"


def _text(body: Any) -> str:
    return "" if body is None else json.dumps(body, ensure_ascii=False)
