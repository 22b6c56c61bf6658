"""Frames of hot streams: arrays of rows to the bytes of an EventFrame, and back without a copy.

What pycapnp would write, laid out by hand, since it takes a microsecond a field. Readers take rows that are
longer than theirs (of a newer writer: what they do not know is passed over) and shorter ones (of an older
one: what is missing is zero).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from struct import Struct
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cmatch.enums import Word
from exchange.domain.enums import ReportList
from exchange.errors import WireError
from exchange.schema.codec import MESSAGE_BYTES_MAX, describe_struct
from exchange.schema.description import StructDescription, snake, word_runs
from exchange.schema.frames import REPORT_DTYPES

Records: TypeAlias = npt.NDArray[np.void]
Tenants: TypeAlias = npt.NDArray[np.uint32]

VERSION: Final = 1
ROWS_MAX: Final = 4_096
"""Of one frame: it stays well below what a record of the log may have."""
_COMPOSITE: Final = 7
_FOUR_BYTES: Final = 4
_WORD: Final = 8
_WORDS: Final = Struct("<Q")


class EventList(Word):
    """The lists that an EventFrame may hold: members of its union."""

    ENVELOPES = 1
    REPORTS = 2
    ANSWERS = 3
    TRADES = 4
    SETTLEMENTS = 5


@cache
def _struct(name: str) -> StructDescription:
    return describe_struct(name)


@cache
def _place(name: str) -> tuple[int, int]:
    """Where a field of the root's data lies, and its size, in bytes."""
    field = next(field for field in _struct("EventFrame").fields if field.name == name)
    return field.offset // 8, field.bits // 8


def struct_dtype(name: str) -> np.dtype[np.void]:
    """A struct of data alone as it lies in memory; words of text are one field of bytes."""
    struct = _struct(name)
    names, formats, offsets = [], [], []
    for field_name, fields in word_runs(struct.fields):
        first = fields[0]
        names.append(snake(field_name))
        offsets.append(first.offset // 8)
        number = ("i" if first.type.startswith("Int") else "u") + str(first.bits // 8)
        formats.append(f"S{8 * len(fields)}" if len(fields) > 1 else number)
    return np.dtype(
        {"names": names, "formats": formats, "offsets": offsets, "itemsize": struct.words * _WORD}
    )


TRADE_DTYPE: Final = struct_dtype("TradeExecuted")
SETTLEMENT_DTYPE: Final = struct_dtype("TradeSettled")
ROW_DTYPES: Final = {
    EventList.REPORTS: REPORT_DTYPES[ReportList.REPORTS],
    EventList.ANSWERS: REPORT_DTYPES[ReportList.ANSWERS],
    EventList.TRADES: TRADE_DTYPE,
    EventList.SETTLEMENTS: SETTLEMENT_DTYPE,
}


@dataclass(frozen=True, slots=True)
class EventRows:
    """A frame of rows.

    Args:
        kind: Which.
        rows: (n,) of ROW_DTYPES[kind], by field name; longer than that where the writer was newer.
        journal_sequence: Of the command that the last of them follows from.
        tenants: (n,), of each report or answer; (0,) for trades.
    """

    kind: EventList
    rows: Records
    journal_sequence: int
    tenants: Tenants


_NO_TENANTS: Final[Tenants] = np.zeros(0, np.uint32)


def joined_rows(parts: Sequence[Records]) -> Records:
    """(n,) of all rows of at least one part; parts are of one dtype."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([_opaque(part) for part in parts]).view(parts[0].dtype)


def rows_at(rows: Records, places: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Records:
    """(m,) of the rows at these places, or of those that are chosen: a copy."""
    found: Records = _opaque(rows)[places].view(rows.dtype)
    return found


def _opaque(rows: Records) -> Records:
    """As bytes of which nothing is known: else each field of a row is copied by itself, ten times slower."""
    return rows.view(np.dtype((np.void, rows.dtype.itemsize)))


def encode_rows(
    kind: EventList, rows: Records, journal_sequence: int, tenants: Tenants = _NO_TENANTS
) -> bytes:
    """A frame of rows.

    Args:
        kind: Which.
        rows: (n,) of ROW_DTYPES[kind], n from 1 to ROWS_MAX.
        journal_sequence: Of the command that the last of them follows from.
        tenants: (n,) of the tenant of each, or (0,).

    Raises:
        WireError: Another number of rows, or of tenants.
        TypeError: Another dtype.
    """
    dtype = ROW_DTYPES[kind]
    if rows.dtype != dtype:
        raise TypeError(f"rows of {kind} have the wrong dtype: {rows.dtype.names}")
    if not 0 < len(rows) <= ROWS_MAX:
        raise WireError(f"a frame has 1 to {ROWS_MAX} rows, not {len(rows)}")
    if len(tenants) not in {0, len(rows)}:
        raise WireError(f"{len(rows)} rows have {len(tenants)} tenants")
    root, head = _struct("EventFrame"), _head(kind)
    row_words = dtype.itemsize // _WORD
    list_words = row_words * len(rows)
    total = len(head) // _WORD + list_words + (len(tenants) + 1) // 2
    frame = bytearray(head)
    _WORDS.pack_into(frame, 0, (total - 1) << 32)
    for name, value in (("count", len(rows)), ("journalSequence", journal_sequence)):
        at, size = _place(name)
        frame[2 * _WORD + at : 2 * _WORD + at + size] = value.to_bytes(size, "little")
    # Pointers: kind 1 is a list; how many words lie between the pointer and the list; what and how much.
    pointers = (2 + root.words) * _WORD
    _WORDS.pack_into(frame, pointers, 1 | 1 << 2 | _COMPOSITE << 32 | list_words << 35)
    if len(tenants):
        _WORDS.pack_into(
            frame, pointers + _WORD, 1 | (1 + list_words) << 2 | _FOUR_BYTES << 32 | len(tenants) << 35
        )
    _WORDS.pack_into(frame, len(frame) - _WORD, len(rows) << 2 | row_words << 32)
    padding = bytes(4 * (len(tenants) % 2))
    return b"".join((frame, rows.tobytes(), tenants.astype(np.uint32, copy=False).tobytes(), padding))


@cache
def _head(kind: EventList) -> bytes:
    """What lies before the rows of a frame, but for all that tells of how many there are."""
    root = _struct("EventFrame")
    frame = bytearray((2 + root.words + root.pointers + 1) * _WORD)
    _WORDS.pack_into(frame, _WORD, root.words << 32 | root.pointers << 48)
    for (at, size), value in ((_place("schemaVersion"), VERSION), ((root.tags or 0, 2), int(kind))):
        frame[2 * _WORD + at : 2 * _WORD + at + size] = value.to_bytes(size, "little")
    return bytes(frame)


def list_of(data: bytes) -> EventList:
    """Which list a frame holds; nothing else of it is looked at.

    Raises:
        WireError: It is none, of another version, or of a list that is not known here.
    """
    if len(data) < 24 or len(data) % _WORD or len(data) > MESSAGE_BYTES_MAX:
        raise WireError(f"{len(data)} bytes are no frame of events")
    segments = int.from_bytes(data[:4], "little") + 1
    start = (4 + 4 * segments + 7) // 8 * 8
    root = int.from_bytes(data[start : start + 8], "little")
    body = data[start + 8 : start + 8 + (root >> 32 & 0xFFFF) * _WORD]
    if root & 0xFFFFFFFF or len(body) < 2 * _WORD:
        raise WireError("the frame of events has no root that lies where it starts")
    version = int.from_bytes(body[:2], "little")
    if version != VERSION:
        raise WireError(f"the frame of events has version {version}, not {VERSION}")
    tags = _struct("EventFrame").tags or 0
    number = int.from_bytes(body[tags : tags + 2], "little")
    try:
        return EventList(number)
    except ValueError:
        raise WireError(f"events of list {number} are not known here") from None


def decode_rows(data: bytes) -> EventRows:
    """The rows of a frame, as a view of its bytes.

    Raises:
        WireError: It is no frame of rows.
    """
    kind = list_of(data)
    if kind not in ROW_DTYPES:
        raise WireError(f"a frame of {kind} has no rows")
    total = len(data) // _WORD
    root = _word(data, 1)
    words, pointers = root >> 32 & 0xFFFF, root >> 48
    first = 2 + words
    head = first + pointers
    if (
        _word(data, 0) != (total - 1) << 32
        or words < _struct("EventFrame").words
        or pointers < 2
        or head >= total
    ):
        raise WireError("the frame of rows is not one segment of its own length")
    pointer, tag = _word(data, first), _word(data, head)
    count, row_words = (tag & 0xFFFFFFFF) >> 2, tag >> 32 & 0xFFFF
    end = head + 1 + count * row_words
    if (
        pointer & 0xFFFFFFFF != (pointers - 1) << 2 | 1
        or pointer >> 32 != _COMPOSITE | count * row_words << 3
        or tag & 3
        or tag >> 48
        or not 0 < count <= ROWS_MAX
        or not row_words
        or end > total
    ):
        raise WireError("the rows of the frame do not lie right behind its root")
    if _number(data, "count") != count:
        raise WireError("the frame counts other rows than it has")
    tenants = _tenants(data, first + 1, end, count)
    newer = pointers > _struct("EventFrame").pointers  # what it has more lies behind
    if end + (len(tenants) + 1) // 2 != total and not newer:
        raise WireError("there is more in the frame than its rows")
    rows = _rows(data, (head + 1) * _WORD, count, row_words * _WORD, ROW_DTYPES[kind])
    return EventRows(kind, rows, _number(data, "journalSequence"), tenants)


def _tenants(data: bytes, at: int, start: int, count: int) -> Tenants:
    """The tenants, whose pointer is word `at`, and that begin with word `start`."""
    pointer = _word(data, at)
    if not pointer:
        return _NO_TENANTS
    if (
        pointer & 0xFFFFFFFF != (start - at - 1) << 2 | 1
        or pointer >> 32 != _FOUR_BYTES | count << 3
        or start * _WORD + 4 * count > len(data)
    ):
        raise WireError("the tenants of the frame do not lie behind its rows, one each")
    return np.frombuffer(data, np.uint32, count, start * _WORD)


def _rows(data: bytes, at: int, count: int, size: int, dtype: np.dtype[np.void]) -> Records:
    if size >= dtype.itemsize:
        return np.frombuffer(data, _of_size(dtype, size), count, at)
    rows = np.zeros((count, dtype.itemsize), np.uint8)
    rows[:, :size] = np.frombuffer(data, np.uint8, count * size, at).reshape(count, size)
    return rows.view(dtype).reshape(count)


def _of_size(dtype: np.dtype[np.void], size: int) -> np.dtype[np.void]:
    if size == dtype.itemsize:
        return dtype
    fields: Any = dtype.fields
    names = list(fields)
    return np.dtype(
        {
            "names": names,
            "formats": [fields[name][0] for name in names],
            "offsets": [fields[name][1] for name in names],
            "itemsize": size,
        }
    )


def _number(data: bytes, name: str) -> int:
    at, size = _place(name)
    return int.from_bytes(data[2 * _WORD + at : 2 * _WORD + at + size], "little")


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[_WORD * at : _WORD * at + _WORD], "little")
