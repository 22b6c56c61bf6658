"""What programs may send, by the types of all routes and streams: nothing unknown, no address, no tenant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from msgspec import inspect

from exchange.client.rest import streams as s
from exchange.services.gateway.routes import ROUTES
from exchange.services.gateway.stream.reading import read

SENT: dict[str, type] = {
    kind.__name__: kind for route in ROUTES for kind in (route.body, route.query) if kind is not None
} | {kind.__name__: kind for kind in get_args(s.Asked)}
# A webhook that somebody names would have the exchange call where they cannot.
ADDRESS = re.compile(r"url|uri|host|endpoint|callback|webhook|redirect|link", re.IGNORECASE)


def structs(kind: Any) -> Iterator[inspect.StructType]:
    """A type, and all that are within it."""
    info = inspect.type_info(kind) if isinstance(kind, type) else kind
    if isinstance(info, inspect.StructType):
        yield info
        for each in info.fields:
            yield from structs(each.type)
    for name in ("types", "item_type", "item_types", "key_type", "value_type"):
        part = getattr(info, name, None)
        for each in part if isinstance(part, tuple) else (part,) if part is not None else ():
            yield from structs(each)


@pytest.mark.parametrize("name", SENT)
def test_type_of_a_request_forbids_what_it_does_not_know(name: str) -> None:
    """Of bodies, parameters and frames, and of what is within them: mass assignment has nothing to assign."""
    found = list(structs(SENT[name]))
    assert found
    for each in found:
        assert each.forbid_unknown_fields, each.cls.__name__


@pytest.mark.parametrize("name", SENT)
def test_request_names_no_address_to_call(name: str) -> None:
    """Nothing that programs send is an address that the exchange would go to."""
    fields = {field.encode_name for each in structs(SENT[name]) for field in each.fields}
    assert not [field for field in fields if ADDRESS.search(field)]


def test_tenant_is_named_by_the_credential_alone() -> None:
    """But where an administrator of the venue names whom a switch stops."""
    named = {
        name
        for name, kind in SENT.items()
        for each in structs(kind)
        for field in each.fields
        if "tenant" in field.encode_name.lower()
    }
    assert named == {"ThrowSwitch"}


def test_every_frame_of_a_stream_is_looked_at() -> None:
    """What is read of a stream is one of the types that were looked at here."""
    assert type(read('{"op": "PING", "id": "1"}')).__name__ in SENT
