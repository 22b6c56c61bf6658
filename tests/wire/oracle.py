"""Hot frames as pycapnp alone reads and writes them: what both codecs are held to.

Rows are dicts of the schema's own field names and raw numbers. `record_bytes` lays one out as the compiled
schema says, which is what a record of the core has to look like.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import capnp

from cmatch.frames import COMMAND_DTYPES, REPORT_DTYPES, CommandList, ReportList
from exchange.domain import messages
from exchange.schema import description
from exchange.schema.codec import describe
from exchange.schema.description import StructDescription, camel

Row = dict[str, int]
List = CommandList | ReportList
LISTS: list[List] = [*CommandList, *ReportList]
DTYPES: dict[tuple[type, int], Any] = {
    (type(kind), int(kind)): dtype for kind, dtype in [*COMMAND_DTYPES.items(), *REPORT_DTYPES.items()]
}
HEADERS = {
    CommandList: ("stream", "epoch", "firstSeq", "tsNs", "eventDigest"),
    ReportList: ("durability", "epoch", "sequence", "durableSequence", "tsNs"),
}


@cache
def structs() -> dict[str, StructDescription]:
    """Every struct by its name."""
    return {struct.name: struct for file in describe() for struct in file.structs}


def record_of(kind: List) -> StructDescription:
    """The struct that a list holds."""
    known = messages.COMMANDS if isinstance(kind, CommandList) else messages.REPORTS
    return structs()[known[kind].__name__]  # type: ignore[index]


@cache
def _root(name: str) -> Any:
    return getattr(capnp.load(str(description.ROOT / "envelope" / "envelope.capnp")), name)


def root_of(kind: List) -> Any:
    """The root struct of the frames that hold such a list."""
    return _root("CommandFrame" if isinstance(kind, CommandList) else "ReportFrame")


def build(kind: List, header: Row, rows: Sequence[Row]) -> bytes:
    """A frame, by pycapnp."""
    root = root_of(kind).new_message(num_first_segment_words=64 + 40 * len(rows))
    root.schemaVersion = 1
    root.count = len(rows)
    for name, value in header.items():
        setattr(root, name, value)
    built = root.init(camel(str(kind)), len(rows))
    for at, row in enumerate(rows):
        for name, value in row.items():
            setattr(built[at], name, value)
    encoded: bytes = root.to_bytes()
    return encoded


def read(frame: bytes, kind: List) -> tuple[Row, list[Row]]:
    """The header and rows of a frame, by pycapnp."""
    with root_of(kind).from_bytes(frame) as root:
        assert root.which() == camel(str(kind))
        assert root.schemaVersion == 1
        header = {name: _number(getattr(root, name)) for name in HEADERS[type(kind)]}
        names = [field.name for field in record_of(kind).fields]
        found = getattr(root, camel(str(kind)))
        rows = [{name: _number(getattr(row, name)) for name in names} for row in found]
        assert root.count == len(rows)
        return header, rows


def record_bytes(kind: List, rows: Sequence[Row]) -> bytes:
    """The rows as an array of records has them in memory."""
    struct = record_of(kind)
    packed = bytearray()
    for row in rows:
        record = bytearray(struct.words * 8)
        for field in struct.fields:
            size, start = field.bits // 8, field.offset // 8
            value = row.get(field.name, 0) % (1 << field.bits)
            record[start : start + size] = value.to_bytes(size, "little")
        packed += record
    return bytes(packed)


def _number(value: Any) -> int:
    return int(getattr(value, "raw", value))
