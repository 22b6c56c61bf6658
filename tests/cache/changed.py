"""A change as the event log tells of it."""

from __future__ import annotations

from exchange.domain.events import Entity, Event


def changed_entity(kind: str) -> Event:
    """That an entity of a kind changed, with nothing that one has to know of it."""
    return Event(
        event_id="", event_type=f"{kind}Changed", event_version=1, occurred_at=0, producer="admin",
        tenant_id="0", correlation_id="c", causation_id="c", entity=Entity(entity_type=kind, entity_id="7"),
        payload=None,
    )  # fmt: skip
