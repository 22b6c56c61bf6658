"""The ten fields of an event, as programs have them and as they lie in a frame."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What an event is about; `sequence` grows with every event of it."""

    entity_type: str = ""
    entity_id: str = ""
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event as programs have it: `payload` is a message, of the class that the catalogue names.

    `occurred_at` is ns since 1970. Events of a hot stream are made of its rows when they are asked for.
    """

    event_id: str
    event_type: str
    event_version: int
    occurred_at: int
    producer: str
    tenant_id: str
    correlation_id: str
    causation_id: str
    entity: Entity
    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnvelope:
    """An event as it lies in a frame: `payload` is bytes, so that it may be one that is not known here."""

    event_id: str = ""
    event_type: str = ""
    event_version: int = 0
    occurred_at: int = 0
    producer: str = ""
    tenant_id: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    entity: Entity = field(default_factory=Entity)
    payload: bytes = b""
