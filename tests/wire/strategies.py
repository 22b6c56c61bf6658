"""Hypothesis strategies: raw rows of a record by its schema, and messages by their types."""

import dataclasses
import types
import typing
from enum import IntEnum, IntFlag
from typing import Any

from hypothesis import strategies as st

from exchange.domain.contracts import SERVICES
from exchange.schema.description import FieldDescription, camel
from tests.wire.oracle import HEADERS, List, Row, record_of, structs

_GRAPHIC = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def contract_messages() -> list[type[Any]]:
    """What the services of the table ask and answer, each once, by name."""
    found = {
        kind for service in SERVICES for method in service.methods for kind in (method.request, method.reply)
    }
    return sorted(found, key=lambda kind: kind.__name__)


def numbers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    """Any number of a field, often one at its ends."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(low, high) | st.sampled_from([low, high, 0, 1])


def _field(field: FieldDescription) -> st.SearchStrategy[int]:
    return numbers(field.bits, signed=field.type.startswith("Int"))


def rows(kind: List) -> st.SearchStrategy[list[Row]]:
    """Some rows of a list; each field anything, most of them left out, so that records end early and late."""
    fields = {field.name: _field(field) for field in record_of(kind).fields}
    row = st.fixed_dictionaries({}, optional=fields)
    whole = st.fixed_dictionaries(fields)
    return st.lists(row | whole, min_size=1, max_size=5)


def headers(kind: List) -> st.SearchStrategy[Row]:
    """Any header of a frame that holds such a list."""
    root = structs()["CommandFrame" if "firstSeq" in HEADERS[type(kind)] else "ReportFrame"]
    fields = {field.name: _field(field) for field in root.fields if field.name in HEADERS[type(kind)]}
    return st.fixed_dictionaries({}, optional=fields)


def messages(message: type[Any]) -> st.SearchStrategy[Any]:
    """Any message of a type, with values that its fields can have."""
    fields = {field.name: field for field in structs()[message.__name__].fields}
    hints = typing.get_type_hints(message)
    parts = {name: _value(message, name, hint, fields) for name, hint in hints.items()}
    return st.builds(message, **parts)


def _value(
    message: type[Any], name: str, hint: Any, fields: dict[str, FieldDescription]
) -> st.SearchStrategy[Any]:
    schema_name = camel(name)
    optional = isinstance(hint, types.UnionType)
    kind = typing.get_args(hint)[0] if optional else hint
    nothing: st.SearchStrategy[Any] = st.none() if optional else st.nothing()
    words = [field for field in fields if field.rstrip("0123456789") in {schema_name + end for end in _ENDS}]
    if kind is bytes:
        return st.binary(max_size=20)
    if typing.get_origin(kind) is tuple:
        if typing.get_args(kind)[0] is str:
            return st.lists(_TEXT, max_size=3).map(tuple)
        return st.lists(messages(typing.get_args(kind)[0]), max_size=3).map(tuple)
    if dataclasses.is_dataclass(kind):
        return nothing | messages(typing.cast("type[Any]", kind))
    if kind is bool:
        return st.booleans()
    if kind is str:
        return _TEXT if schema_name in fields else st.text(_GRAPHIC, max_size=8 * len(words))
    if issubclass(kind, IntFlag):
        return st.integers(0, 0xFFFF).map(kind)
    if issubclass(kind, IntEnum):
        return nothing | st.sampled_from(list(kind))
    if schema_name in fields:
        return _field(fields[schema_name])
    if optional:
        return (
            nothing | numbers(64, signed=True)
            if message.__name__ != "ReservationsRequest"
            else nothing | (numbers(32, signed=False))
        )
    return numbers(64 * len(words), signed=False)


_ENDS = ("", "Head", "Tail")
