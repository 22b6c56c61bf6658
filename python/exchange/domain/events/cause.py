"""An event that follows from another one."""

from __future__ import annotations

from typing import Any

from exchange.domain.events.catalogue import find_event_type
from exchange.domain.events.envelope import Entity, Event


def caused_by(cause: Event, producer: str, name: str, about: str, payload: Any, *, version: int = 1) -> Event:
    """An event for an outbox: of the same tenant, request and moment as what caused it.

    The moment is the cause's, so that who folds the same events again publishes the same ones. Id and
    sequence are the outbox's to give.

    Args:
        cause: What it follows from.
        producer: The service.
        name: `eventType`, of the catalogue.
        about: `entityId`.
        payload: Of the catalogue's class.
        version: `eventVersion`.

    Raises:
        LogRefused: UNKNOWN_EVENT.
    """
    return Event(
        event_id="",
        event_type=name,
        event_version=version,
        occurred_at=cause.occurred_at,
        producer=producer,
        tenant_id=cause.tenant_id,
        correlation_id=cause.correlation_id,
        causation_id=cause.event_id,
        entity=Entity(entity_type=find_event_type(name, version).entity, entity_id=about),
        payload=payload,
    )
