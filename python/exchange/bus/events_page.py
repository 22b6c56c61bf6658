"""Makes what follows from the catalogue and the topics: ``python -m exchange.bus.events_page [--check]``.

docs/events.md          events, topics, numbers of faults
docs/asyncapi.json      the same for machines: AsyncAPI 3.0, with the JSON of every event as a schema
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from enum import IntEnum, IntFlag
from typing import Any, Final

from exchange.bus.topics import TOPICS, Topic
from exchange.domain.events import CATALOGUE, EventEnvelope, EventType
from exchange.domain.events.catalogue import ANY_SERVICE, DEAD_LETTERS
from exchange.errors import LogFault
from exchange.schema.description import camel
from exchange.schema.events import large_fields
from exchange.schema.products import make

_TOP: Final = """\
# Events

Made by `python -m exchange.bus.events_page`; a test keeps it current.
`docs/asyncapi.json` says the same to machines.

Every event has ten fields. Outside the bus it is this JSON, in this order:

```json
{
  "eventId": "018bcfe5-687b-7002-8000-000000000007",
  "eventType": "TradeExecuted",
  "eventVersion": 1,
  "occurredAt": "2026-02-12T12:34:56.789Z",
  "producer": "matching",
  "tenantId": "1",
  "correlationId": "corr-abc",
  "causationId": "cmd-4711",
  "entity": {"entityType": "Trade", "entityId": "7", "sequence": 7},
  "payload": {}
}
```

- `eventId` is a UUID of version 7 that follows from where the event stands:
  48 bits of milliseconds, 12 of the stream, 62 of the sequence in it. A replay gives the same.
- `occurredAt` is cut to milliseconds; inside it has ns.
- `causationId` is the event that caused it, or the command of the journal: `cmd-` and its sequence.
- `correlationId` is the one that came with the request; where none came, it is that of the cause.
- `entity.sequence` grows with every event of the entity.
  On a hot stream it is the sequence in the stream, without a gap.
- In payloads numbers of 64 bits and more are strings, as in Protobuf's JSON.
  Enums are their words, bytes Base64.

In the log they are Cap'n Proto ([messages](messages.md#events)):
envelopes, or rows of a hot stream, of which the ten fields are made when they are asked for.
What is not in the catalogue, or comes from another than its producers, is not published.

## Catalogue

| event | version | payload | topic | entity | producer | until | meaning |
| --- | ---: | --- | --- | --- | --- | --- | --- |
"""
_TOPICS_TOP: Final = """
## Topics

A topic is called `<env>.<domain>.<stream>.v<major>`; the environment is the setting `events.environment`.
One process writes a topic; *stream* is the number in the ids of what a service writes.
By age goes only what every consumer group has.
Beyond the bytes the oldest goes, and a group that has not had it is lost.
*Synced* is what outlives the machine before its publisher goes on.
All else follows from the journal, and is published again.

| topic | key | writer (stream) | consumers | kept | synced |
| --- | --- | --- | --- | --- | --- |
"""
_FAULTS_TOP: Final = """
## Faults

Appends only; a program looks at the number.

| number | name | meaning |
| ---: | --- | --- |
"""
_DAY_NS: Final = 86_400_000_000_000


def events_page() -> str:
    """docs/events.md."""
    lines = [_event_line(row) for row in CATALOGUE]
    text = _TOP + "\n".join(lines) + "\n" + _TOPICS_TOP
    text += "\n".join(_topic_line(topic) for topic in _shown_topics()) + "\n" + _FAULTS_TOP
    return text + "\n".join(f"| {int(fault)} | {fault.name} | {fault.meaning} |" for fault in LogFault) + "\n"


def _event_line(row: EventType) -> str:
    payload = row.payload.__name__
    producer = "any service" if row.producers == (ANY_SERVICE,) else ", ".join(row.producers)
    topic = f"{row.topic}.SERVICE" if row.topic == DEAD_LETTERS else row.topic
    return (
        f"| {row.name} | {row.version} | [{payload}](messages.md#{payload.lower()}) | {topic} |"
        f" {row.entity} | {producer} | {row.sunset or ''} | {row.meaning} |"
    )


def _shown_topics() -> Iterator[Topic]:
    """Of dead letters one stands for all."""
    dead = [topic for topic in TOPICS if topic.name.startswith(f"{DEAD_LETTERS}.")]
    yield from (topic for topic in TOPICS if topic not in dead)
    yield dataclasses.replace(dead[0], name=f"{DEAD_LETTERS}.SERVICE", writers={"the service": 2_048})


def _topic_line(topic: Topic) -> str:
    writers = ", ".join(f"{name} ({stream})" for name, stream in topic.writers.items())
    if topic.name.startswith(f"{DEAD_LETTERS}."):
        writers = "the service (2,048 and more)"
    age = topic.retention.age_ns
    days = "for ever" if age is None else f"{age // _DAY_NS} d"
    kept = f"{days}, at most {topic.retention.size_max >> 30} GiB"
    consumers = ", ".join(topic.consumers)
    synced = "yes" if topic.synced else ""
    return f"| {topic.name}.v{topic.major} | {topic.key} | {writers} | {consumers} | {kept} | {synced} |"


def asyncapi() -> str:
    """docs/asyncapi.json."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for row in CATALOGUE:
        name = f"{row.name}.v{row.version}"
        _add_schema(row.payload, schemas)
        messages[name] = {
            "name": row.name,
            "summary": row.meaning,
            "contentType": "application/json",
            "payload": _envelope_schema(row),
        }
    for topic in TOPICS:
        group = DEAD_LETTERS if topic.name.startswith(f"{DEAD_LETTERS}.") else topic.name
        held = [f"{row.name}.v{row.version}" for row in CATALOGUE if row.topic == group]
        channel = f"{topic.name}.v{topic.major}"
        channels[channel] = {
            "address": f"{{env}}.{channel}",
            "description": f"Keyed by {topic.key}.",
            "parameters": {"env": {"default": "dev", "description": "The environment."}},
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in held},
        }
        for service in topic.writers:
            operations[f"{service}.sends.{channel}"] = _operation("send", channel)
        for service in topic.consumers:
            operations[f"{service}.receives.{channel}"] = _operation("receive", channel)
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of the exchange",
            "version": "1",
            "description": "Made by python -m exchange.bus.events_page.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }
    return json.dumps(document, indent=1) + "\n"


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _envelope_schema(row: EventType | None) -> dict[str, Any]:
    """Of an event of that row; None: of any."""
    text: dict[str, Any] = {"type": "string", "minLength": 1}
    entity = {
        "entityType": text if row is None or row.topic == DEAD_LETTERS else {"const": row.entity},
        "entityId": text,
        "sequence": {"type": "integer", "minimum": 1},
    }
    fields = {
        "eventId": {"type": "string", "format": "uuid"},
        "eventType": text if row is None else {"const": row.name},
        "eventVersion": {"type": "integer", "minimum": 1} if row is None else {"const": row.version},
        "occurredAt": {"type": "string", "format": "date-time"},
        "producer": text,
        "tenantId": text,
        "correlationId": text,
        "causationId": text,
        "entity": _object(entity),
        "payload": {} if row is None else {"$ref": f"#/components/schemas/{row.payload.__name__}"},
    }
    return _object(fields)


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(fields), "properties": fields, "additionalProperties": False}


def _add_schema(message: type, schemas: dict[str, Any]) -> None:
    schemas[message.__name__] = _message_schema(message)


def _message_schema(message: type) -> dict[str, Any]:
    large = large_fields(message.__name__)
    fields = {}
    for name, hint in typing.get_type_hints(message).items():
        fields[camel(name)] = _field_schema(hint, large=camel(name) in large)
    return _object(fields)


def _field_schema(hint: Any, *, large: bool) -> dict[str, Any]:
    if isinstance(hint, types.UnionType):
        inner = _field_schema(typing.get_args(hint)[0], large=large)
        return {"oneOf": [inner, {"type": "null"}]}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _field_schema(typing.get_args(hint)[0], large=large)}
    if hint is EventEnvelope:
        return _envelope_schema(None)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _message_schema(hint)
    if hint is bool:
        return {"type": "boolean"}
    if issubclass(hint, IntEnum) and not issubclass(hint, IntFlag):
        return {"enum": [camel(member.name.lower()) for member in hint]}
    if hint is str:
        return {"type": "string"}
    if hint is bytes:
        return {"type": "string", "contentEncoding": "base64"}
    return {"type": "string", "pattern": "^-?[0-9]+$"} if large else {"type": "integer"}


def products() -> dict[str, str]:
    """What is made, by its path in the project."""
    return {"docs/events.md": events_page(), "docs/asyncapi.json": asyncapi()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes or checks. Returns the exit code."""
    return make(
        "exchange.bus.events_page", "Makes what follows from the catalogue of events.", products, arguments
    )


if __name__ == "__main__":
    sys.exit(main())
