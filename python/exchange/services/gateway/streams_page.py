"""The streams as AsyncAPI 3.0, made of the types of their frames.

``python -m exchange.services.gateway.streams_page [--check]`` keeps docs/streams-asyncapi.json.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from exchange.client.rest import models as m
from exchange.client.rest import streams as s
from exchange.client.rest.closing import Close
from exchange.errors import GatewayFault
from exchange.observability.health import distribution_version
from exchange.schema.products import make
from exchange.services.gateway.openapi import kind_of
from exchange.services.gateway.stream.outlet import HEARTBEAT_S

_REF: Final = "#/components/schemas/{name}"
_DESCRIPTION: Final = """What happens, told as it happens: markets, and the orders and money of accounts.

Each frame is a text of one JSON object. From a program it has `op`, and `id` comes back with the answer; from
the gateway it has `type`. A subscription is told a snapshot first, then updates: ten times a second all that
changed in one frame, or at once where `raw` was said."""
_TOLD: Final = (
    s.Welcome, s.Subscribed, s.Unsubscribed, s.Pong, s.Result, s.Failed, s.Updates, s.Heartbeat,
)  # fmt: skip
_OF_MARKET: Final = (s.Subscribe, s.Unsubscribe, s.Ping)
_DATA: Final = (
    s.Tick, s.BookSnapshot, s.BookDelta, s.CandleNow, s.Mark, m.Trade, m.Order, m.PastExecution, m.Balance,
    m.Position,
)  # fmt: skip


def document() -> dict[str, Any]:
    """The whole document."""
    types = [*s.ASKED, *_TOLD, *_DATA]
    _, schemas = msgspec.json.schema_components(types, schema_hook=kind_of, ref_template=_REF)
    update = schemas["Update"]
    update["properties"]["data"] = {
        "anyOf": [{"title": f"{name}, {kind}", **_data_of(each)} for name, kind, each in _kinds()]
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "The streams of the exchange",
            "version": distribution_version(),
            "description": _DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "channels": {
            "stream": _channel(s.STREAM_PATH, "Every channel; who asks has to be known", s.ASKED),
            "market": _channel(s.MARKET_PATH, "What everybody may see", _OF_MARKET),
        },
        "operations": {
            f"{does}{name.capitalize()}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{each.__name__}"} for each in frames],
            }
            for name, asked in (("stream", s.ASKED), ("market", _OF_MARKET))
            for does, action, frames in (("hear", "receive", asked), ("tell", "send", _TOLD))
        },
        "components": {
            "messages": {each.__name__: _message(each) for each in (*s.ASKED, *_TOLD)},
            "schemas": dict(sorted(schemas.items())),
        },
        "x-close-codes": {str(int(each)): f"{each.name}: {each.meaning}" for each in Close},
        "x-faults": {str(int(each)): f"{each.name}: {each.meaning}" for each in GatewayFault},
        "x-heartbeat-ms": int(HEARTBEAT_S * 1_000),
    }


def _kinds() -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = []
    for name, (snapshot, update) in s.DATA.items():
        found.append((name, "snapshot", snapshot))
        if update is not snapshot:
            found.append((name, "update", update))
    return found


def _data_of(kind: Any) -> dict[str, Any]:
    if getattr(kind, "__origin__", None) is list:
        return {"type": "array", "items": {"$ref": _REF.format(name=kind.__args__[0].__name__)}}
    return {"$ref": _REF.format(name=kind.__name__)}


def _channel(path: str, does: str, asked: Sequence[type]) -> dict[str, Any]:
    return {
        "address": path,
        "description": does,
        "messages": {
            each.__name__: {"$ref": f"#/components/messages/{each.__name__}"} for each in (*asked, *_TOLD)
        },
        "bindings": {"ws": {"method": "GET"}},
    }


def _message(kind: Any) -> dict[str, Any]:
    return {
        "name": kind.__struct_config__.tag,
        "summary": (inspect.getdoc(kind) or kind.__name__).splitlines()[0],
        "payload": {"$ref": _REF.format(name=kind.__name__)},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes or checks; the exit code."""
    return make(
        "exchange.services.gateway.streams_page",
        "The streams of the gateway as AsyncAPI.",
        lambda: {"docs/streams-asyncapi.json": json.dumps(document(), indent=2) + "\n"},
        arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
