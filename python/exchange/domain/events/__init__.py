"""Events: the ten fields that each has, and the catalogue of those that there are."""

from exchange.domain.events.catalogue import CATALOGUE, EventType, check_event, find_event_type
from exchange.domain.events.cause import caused_by
from exchange.domain.events.envelope import Entity, Event, EventEnvelope
from exchange.domain.events.ids import EventId, event_id, parse_event_id
from exchange.domain.events.payloads import (
    ChangeExplained,
    ChangeRefused,
    DeadLetter,
    FeeScheduleSet,
    IdentityChanged,
    MarketDataUpdated,
    OrderBookUpdated,
    ProviderSet,
    TenantSet,
    TradeExecuted,
    TradeSettled,
)

__all__ = [
    "CATALOGUE",
    "ChangeExplained",
    "ChangeRefused",
    "DeadLetter",
    "Entity",
    "Event",
    "EventEnvelope",
    "EventId",
    "EventType",
    "FeeScheduleSet",
    "IdentityChanged",
    "MarketDataUpdated",
    "OrderBookUpdated",
    "ProviderSet",
    "TenantSet",
    "TradeExecuted",
    "TradeSettled",
    "caused_by",
    "check_event",
    "event_id",
    "find_event_type",
    "parse_event_id",
]
