"""Events as they lie in a record of the event log, and as JSON that leaves the bus.

A frame holds envelopes, or rows of a hot stream (`event_rows`). Either way it is a sequence of events with
the same ten fields; those of rows are made when they are asked for: `eventId` from where the row stands,
`causationId` from the command that it names, `correlationId` from that where its own is empty.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import cache
from typing import Any, Final, overload

from exchange.domain.enums import ExecType
from exchange.domain.events import (
    Entity,
    Event,
    EventEnvelope,
    TradeExecuted,
    TradeSettled,
    event_id,
    find_event_type,
)
from exchange.domain.events.catalogue import (
    COMMAND_ANSWERED,
    EVERY_TENANT,
    ORDER_EVENTS,
    TRADE_EXECUTED,
    TRADE_SETTLED,
    TRADES_STREAM,
)
from exchange.domain.messages import Answer, ExecutionReport
from exchange.errors import LogRefused, WireError
from exchange.schema.codec import decode_list, decode_message, describe_struct, encode_list, encode_message
from exchange.schema.description import camel
from exchange.schema.event_rows import VERSION, EventList, EventRows, decode_rows, list_of

_ROOT: Final = "EventFrame"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_MS: Final = 1_000_000
ROW_MESSAGES: Final[dict[EventList, type]] = {
    EventList.REPORTS: ExecutionReport,
    EventList.ANSWERS: Answer,
    EventList.TRADES: TradeExecuted,
    EventList.SETTLEMENTS: TradeSettled,
}


def encode_events(events: Sequence[Event]) -> bytes:
    """A frame of envelopes; at least one.

    Raises:
        WireError: A value does not fit its field, or all of it is larger than a record may be.
    """
    return encode_envelopes([envelope_of(event) for event in events])


def encode_envelopes(envelopes: Sequence[EventEnvelope]) -> bytes:
    """A frame of envelopes as they were read; at least one. As encode_events()."""
    return encode_list(_ROOT, "envelopes", envelopes, schemaVersion=VERSION, count=len(envelopes))


def envelope_of(event: Event) -> EventEnvelope:
    """An event with its payload as bytes."""
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(Event)}
    fields["payload"] = event.payload if isinstance(event.payload, bytes) else encode_message(event.payload)
    return EventEnvelope(**fields)


def event_of(envelope: EventEnvelope) -> Event:
    """An event with its payload read; one that the catalogue does not know keeps its bytes.

    Raises:
        WireError: The payload is not what the catalogue says.
    """
    fields = {field.name: getattr(envelope, field.name) for field in dataclasses.fields(Event)}
    try:
        kind = find_event_type(envelope.event_type, envelope.event_version).payload
    except LogRefused:
        return Event(**fields)
    fields["payload"] = decode_message(kind, envelope.payload)
    return Event(**fields)


class EventBatch(Sequence[Event]):
    """The events of a frame, in order.

    Args:
        kind: What the frame holds.
        stream: Of the record.
        first_seq: Of its first event.
        rows: Where it holds rows: for those who work on arrays.
        envelopes: Where it holds envelopes, as they lie in it.
        data: The frame.
    """

    def __init__(
        self,
        kind: EventList,
        stream: int,
        first_seq: int,
        rows: EventRows | None,
        envelopes: tuple[EventEnvelope, ...],
        data: bytes,
    ) -> None:
        self.kind = kind
        self.stream = stream
        self.first_seq = first_seq
        self.rows = rows
        self.envelopes = envelopes
        self._data = data
        self._messages: tuple[Any, ...] | None = None

    def __len__(self) -> int:
        return len(self.envelopes) if self.rows is None else len(self.rows.rows)

    @overload
    def __getitem__(self, at: int) -> Event: ...

    @overload
    def __getitem__(self, at: slice) -> list[Event]: ...

    def __getitem__(self, at: int | slice) -> Event | list[Event]:
        if isinstance(at, slice):
            return [self._event(place) for place in range(*at.indices(len(self)))]
        return self._event(range(len(self))[at])

    def __iter__(self) -> Iterator[Event]:
        return (self._event(at) for at in range(len(self)))

    def _event(self, at: int) -> Event:
        if self.rows is None:
            return event_of(self.envelopes[at])
        if self._messages is None:
            kind = ROW_MESSAGES[self.kind]
            self._messages = decode_list(_ROOT, camel(str(self.kind)), kind, self._data)
        tenant = int(self.rows.tenants[at]) if len(self.rows.tenants) else 0
        return _event_of_row(self._messages[at], tenant, self.stream, self.first_seq + at)


def decode_events(data: bytes, stream: int, first_seq: int) -> EventBatch:
    """The events of a record.

    Args:
        data: Its payload.
        stream: Of its batch.
        first_seq: Of its batch.

    Raises:
        WireError: It is no frame of events, or holds what is not known here.
    """
    kind = list_of(data)
    if kind is EventList.ENVELOPES:
        envelopes = decode_list(_ROOT, "envelopes", EventEnvelope, data)
        if not envelopes:
            raise WireError("a frame of events has none")
        return EventBatch(kind, stream, first_seq, None, envelopes, data)
    return EventBatch(kind, stream, first_seq, decode_rows(data), (), data)


def _event_of_row(message: Any, tenant: int, stream: int, seq: int) -> Event:
    if isinstance(message, TradeSettled):
        return _settled(message, stream, seq)
    cause = f"cmd-{message.sequence}"
    if isinstance(message, TradeExecuted):
        row, tenant, about = TRADE_EXECUTED, message.taker_tenant, str(message.trade_id)
    elif isinstance(message, Answer):
        row, about = COMMAND_ANSWERED, str(message.sequence)
    else:
        row = ORDER_EVENTS[ExecType(message.exec_type)]
        about = str(message.order_id) if message.order_id else message.client_order_id or cause
    return Event(
        event_id=event_id(message.timestamp, stream, seq),
        event_type=row.name,
        event_version=row.version,
        occurred_at=message.timestamp,
        producer=row.producers[0],
        tenant_id=str(tenant),
        correlation_id=message.correlation_id or cause,
        causation_id=cause,
        entity=Entity(entity_type=row.entity, entity_id=about, sequence=seq),
        payload=message,
    )


def _settled(message: TradeSettled, stream: int, seq: int) -> Event:
    """It is caused by the trade, and of both sides' tenants."""
    cause = event_id(message.traded_at, TRADES_STREAM, message.trade_id)
    return Event(
        event_id=event_id(message.settled_at, stream, seq),
        event_type=TRADE_SETTLED.name,
        event_version=TRADE_SETTLED.version,
        occurred_at=message.settled_at,
        producer=TRADE_SETTLED.producers[0],
        tenant_id=EVERY_TENANT,
        correlation_id=message.correlation_id or cause,
        causation_id=cause,
        entity=Entity(entity_type=TRADE_SETTLED.entity, entity_id=str(message.trade_id), sequence=seq),
        payload=message,
    )


# JSON


def event_json(event: Event) -> str:
    """The event as everybody outside reads it: the ten fields, in their order.

    Numbers of 64 bits and more are strings, as in Protobuf's JSON: most readers have 53. Enums are their
    words, bytes Base64, what was not said null.
    """
    return json.dumps(_json_of_event(event), separators=(",", ":"), ensure_ascii=False)


def _json_of_event(event: Event) -> dict[str, Any]:
    return {
        "eventId": event.event_id,
        "eventType": event.event_type,
        "eventVersion": event.event_version,
        "occurredAt": time_json(event.occurred_at),
        "producer": event.producer,
        "tenantId": event.tenant_id,
        "correlationId": event.correlation_id,
        "causationId": event.causation_id,
        "entity": {
            "entityType": event.entity.entity_type,
            "entityId": event.entity.entity_id,
            "sequence": event.entity.sequence,
        },
        "payload": payload_json(event.payload),
    }


def time_json(ns: int) -> str:
    """ISO 8601 in UTC with milliseconds, of ns since 1970: what lies between two of them is cut off."""
    when = _EPOCH + timedelta(milliseconds=ns // _NS_PER_MS)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def payload_json(payload: Any) -> Any:
    """A payload as JSON has it; of an event that is not known here its bytes."""
    if isinstance(payload, EventEnvelope):
        return _json_of_event(event_of(payload))
    if dataclasses.is_dataclass(payload):
        large = large_fields(type(payload).__name__)
        return {
            camel(field.name): _value_json(getattr(payload, field.name), large=camel(field.name) in large)
            for field in dataclasses.fields(payload)
        }
    return _value_json(payload, large=False)


def _value_json(value: Any, *, large: bool) -> Any:
    if isinstance(value, IntEnum):
        return camel(value.name.lower())
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return str(int(value)) if large else int(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        return [payload_json(each) for each in value]
    return payload_json(value)


@cache
def large_fields(struct: str) -> frozenset[str]:
    """The fields of a struct that are numbers of 64 bits, or more: several words."""
    found = describe_struct(struct)
    large = {
        field.name.split(".")[0] for field in found.fields if field.bits == 64 and "enum" not in field.type
    }
    return frozenset(large | {name.rstrip("0123456789") for name in large})
