"""Events of releases: `python -m tests.event_log.old_events` adds tests/old_wire/events/VERSION.json.

Such a file is never changed again. It has the frame of every list, and the events in it as JSON: every later
release must read the same in them.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import cmatch
from exchange.domain.enums import ExecType
from exchange.domain.events import CATALOGUE, DeadLetter, Entity, Event, EventType, TradeExecuted, event_id
from exchange.domain.messages import Answer, ExecutionReport
from exchange.schema.codec import encode_list
from exchange.schema.events import decode_events, encode_events, envelope_of, event_json
from tests.wire.old_wire import example

FOLDER = Path(__file__).parents[1] / "old_wire" / "events"
STREAM, FIRST_SEQ, START_NS = 9, 1_000, 1_770_000_000_123_456_789


def payload_of(kind: type[Any]) -> Any:
    """One in which every field says something else."""
    if kind is DeadLetter:
        return DeadLetter(
            original=envelope_of(event_of(CATALOGUE[0], 7)),
            topic="dev.orders.lifecycle.v1",
            offset=12,
            consumer_group="history",
            consumer_version="0.1.0",
            reason="validation",
            error="no such account",
            attempts=1,
            failed_at=START_NS,
        )
    names = {field.name for field in dataclasses.fields(kind)}
    return dataclasses.replace(example(kind), **({"timestamp": START_NS} if "timestamp" in names else {}))


def event_of(row: EventType, seq: int) -> Event:
    """An event of a row of the catalogue."""
    return Event(
        event_id=event_id(START_NS, STREAM, seq),
        event_type=row.name,
        event_version=row.version,
        occurred_at=START_NS,
        producer=row.producers[0],
        tenant_id="acme-corp",
        correlation_id="corr-abc",
        causation_id="cmd-7",
        entity=Entity(entity_type=row.entity, entity_id=f"id-{seq}", sequence=seq),
        payload=payload_of(row.payload),
    )


def frames() -> dict[str, bytes]:
    """A frame of every list."""
    reports = [
        dataclasses.replace(payload_of(ExecutionReport), exec_type=kind, event_sequence=FIRST_SEQ + at)
        for at, kind in enumerate(ExecType)
    ]
    head = {"schemaVersion": 1, "journalSequence": 77}
    return {
        "envelopes": encode_events([event_of(row, FIRST_SEQ + at) for at, row in enumerate(CATALOGUE)]),
        "reports": encode_list("EventFrame", "reports", reports, count=len(reports), **head),
        "answers": encode_list("EventFrame", "answers", [payload_of(Answer)], count=1, **head),
        "trades": encode_list("EventFrame", "trades", [payload_of(TradeExecuted)] * 2, count=2, **head),
    }


def release() -> dict[str, Any]:
    """Everything that this release publishes: by list its bytes in hexadecimal and its events."""
    return {
        name: {
            "bytes": data.hex(),
            "events": [json.loads(event_json(event)) for event in decode_events(data, STREAM, FIRST_SEQ)],
        }
        for name, data in frames().items()
    }


def main() -> int:
    """Adds the file of this release. Returns the exit code."""
    path = FOLDER / f"{cmatch.__version__}.json"
    if path.exists():
        print(f"{path.name} is there, and is never changed", file=sys.stderr)
        return 1
    path.write_text(json.dumps(release(), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
