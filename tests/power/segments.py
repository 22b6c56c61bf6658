"""The bytes of a journal read as docs/journal.md has them: a second reader, which checks no CRC.

Whoever uses it compares the bytes themselves with those that are known to have been written.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HEADER_BYTES: Final = 4_096
_MAGIC: Final = 0x314C4E524A4D43
_SEGMENT: Final = struct.Struct("<QIIQQQQqQII")
_RECORD: Final = struct.Struct("<IIIIQQqQQII")
RECORD_HEADER_BYTES: Final = _RECORD.size
_SUFFIX: Final = ".journal"


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in a segment.

    Args:
        segment: File name.
        offset: Of its first byte in the file.
        first: Its first sequence.
        count: How many sequences it takes.
        durable: The sequence known durable when it was written.
        epoch: Of its writer.
        left: How many records of its group follow.
        raw: All of its bytes, padding included.
    """

    segment: str
    offset: int
    first: int
    count: int
    durable: int
    epoch: int
    left: int
    raw: bytes

    @property
    def last(self) -> int:
        """Its last sequence."""
        return self.first + self.count - 1

    @property
    def end(self) -> int:
        """Of the byte behind it."""
        return self.offset + len(self.raw)

    @property
    def payload(self) -> bytes:
        """What was journaled."""
        length = _RECORD.unpack_from(self.raw)[2]
        return self.raw[_RECORD.size : _RECORD.size + length]


@dataclass(frozen=True, slots=True)
class Segment:
    """The header of a segment.

    Args:
        name: File name.
        first: First sequence.
        durable: The sequence known durable when it was begun.
    """

    name: str
    first: int
    durable: int


def is_segment(name: str) -> bool:
    """Whether a file of that name is one."""
    return name.endswith(_SUFFIX) and name.removesuffix(_SUFFIX).isdigit()


def segment_of(name: str, content: bytes | bytearray) -> Segment | None:
    """What its header says; None where it is none."""
    if len(content) < _SEGMENT.size:
        return None
    magic, _, _, _, first, _, _, _, durable, _, _ = _SEGMENT.unpack_from(content)
    return Segment(name, first, durable) if magic == _MAGIC else None


def records_of(name: str, content: bytes | bytearray) -> list[Record]:
    """The records of one segment, as far as each begins where the one before it ends; whole groups or not."""
    segment = segment_of(name, content)
    records: list[Record] = []
    if segment is None:
        return records
    at, following, journal = HEADER_BYTES, segment.first, _SEGMENT.unpack_from(content)[3]
    while at + _RECORD.size <= len(content):
        _, _, length, count, owner, first, _, durable, epoch, place, left = _RECORD.unpack_from(content, at)
        end = at + _RECORD.size + (length + 7) // 8 * 8
        if owner != journal or first != following or place * 8 != at or end > len(content) or not count:
            break
        records.append(Record(name, at, first, count, durable, epoch, left, bytes(content[at:end])))
        at, following = end, first + count
    return records


def journal_of(files: Mapping[str, bytes | bytearray]) -> list[Record]:
    """The records of a whole journal up to the end of its last whole group.

    Args:
        files: Content of its segments by file name; what is no segment is not looked at.
    """
    records: list[Record] = []
    for name in sorted(filter(is_segment, files)):
        segment = segment_of(name, files[name])
        if segment is None or (records and segment.first != records[-1].last + 1):
            break
        records += records_of(name, files[name])
    while records and records[-1].left:
        records.pop()
    return records
