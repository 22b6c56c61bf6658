"""Databento Binary Encoding, versions 1 to 3 (https://github.com/databento/dbn): market-by-order records.

A header (magic `DBN`, version, length, metadata with the symbols) and then records, each beginning with its
own length in words of four bytes. Market-by-order records are alike in all three versions.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmatch.replay.effects import Tape
from cmatch.replay.errors import FeedError, byte
from cmatch.replay.feeds.databento import MBO_DTYPE, keep_symbols, tape_of
from cmatch.replay.feeds.options import FeedOptions
from cmatch.replay.files import read_bytes

MAGIC = b"DBN"
VERSIONS = (1, 2, 3)
MBO_RTYPE = 160
MBO_LENGTH = 56  # bytes

RECORD_DTYPE = np.dtype(
    [
        ("length", "u1"),  # words
        ("rtype", "u1"),
        ("publisher_id", "<u2"),
        ("instrument_id", "<u4"),
        ("ts_event", "<u8"),
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("size", "<u4"),
        ("flags", "u1"),
        ("channel_id", "u1"),
        ("action", "u1"),
        ("side", "u1"),
        ("ts_recv", "<u8"),
        ("ts_in_delta", "<i4"),
        ("sequence", "<u4"),
    ]
)

# dataset, schema, start, end, limit; then version 1 has a record count; then the symbologies, ts_out.
_FIXED = struct.Struct("<16sHQQQ")
_FIXED_BYTES = 100  # of the metadata up to the schema definition's length, in every version
_SYMBOL_BYTES_V1 = 22


@dataclass(frozen=True)
class Header:
    """What the metadata says, as far as it is needed here."""

    version: int
    dataset: str
    schema: int
    symbols: dict[int, str]  # instrument id: symbol
    size: int  # bytes, up to the first record


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file looks like DBN."""
    return head.startswith(MAGIC)


def read(path: Path, options: FeedOptions) -> Tape:
    """Reads a DBN file of market-by-order records.

    Raises:
        FeedError: it is not one, or is cut short.
    """
    data = read_bytes(path)
    header = read_header(path, data)
    raw, places = _records(path, data, header.size)
    ids, codes = np.unique(raw["instrument_id"], return_inverse=True)
    records = np.zeros(raw.size, MBO_DTYPE)
    for name in ("order_id", "price", "size", "sequence", "flags", "action", "side", "ts_event"):
        records[name] = raw[name]
    records["instrument"] = codes
    records["position"] = places
    symbols = [header.symbols.get(int(number), str(number)) for number in ids]
    records, symbols = keep_symbols(path, records, symbols, options)
    return tape_of(path, f"Databento DBN version {header.version}", records, symbols, "byte")


def read_header(path: Path, data: bytes) -> Header:
    """Reads the metadata.

    Raises:
        FeedError: it is none, of an unknown version, or cut short.
    """
    if len(data) < 8 or not data.startswith(MAGIC):
        raise FeedError(path, byte(0), "a DBN file begins with DBN, a version and a length")
    version = data[3]
    if version not in VERSIONS:
        raise FeedError(
            path, byte(3), f"DBN version {version} is not known, only {VERSIONS[0]} to {VERSIONS[-1]}"
        )
    size = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < size:
        raise FeedError(path, byte(len(data)), f"the file is cut short in its metadata of {size:,} bytes")
    try:
        return _parse_metadata(version, data[8:size], size)
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise FeedError(path, byte(8), f"the metadata is damaged ({error})") from None


def _parse_metadata(version: int, data: bytes, size: int) -> Header:
    dataset, schema, _, _, _ = _FIXED.unpack_from(data)
    # In version 1 the count of records stands before the symbologies, and symbols have a fixed width.
    width = _SYMBOL_BYTES_V1 if version == 1 else struct.unpack_from("<H", data, _FIXED.size + 3)[0]
    at = _FIXED_BYTES
    (definition,) = struct.unpack_from("<I", data, at)
    at += 4 + definition
    for _ in range(3):  # the symbols asked for, those partly found, those not found
        (count,) = struct.unpack_from("<I", data, at)
        at += 4 + count * width
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    symbols: dict[int, str] = {}
    for _ in range(count):
        raw_symbol = _text(data[at : at + width])
        (intervals,) = struct.unpack_from("<I", data, at + width)
        at += width + 4
        for _ in range(intervals):
            number = _text(data[at + 8 : at + 8 + width])
            at += 8 + width
            if number.isdigit():
                symbols[int(number)] = raw_symbol
    if at > len(data):
        raise ValueError(f"it names {count} symbols, more than it holds")
    return Header(version, _text(dataset), schema, symbols, size)


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8")


def _records(path: Path, data: bytes, start: int) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
    """The market-by-order records and where each begins. Other kinds of records are passed over."""
    body = np.frombuffer(data, np.uint8, offset=start)
    if body.size % MBO_LENGTH == 0:
        starts = body.reshape(-1, MBO_LENGTH)[:, :2]
        if body.size and (starts == (MBO_LENGTH // 4, MBO_RTYPE)).all():
            return body.view(RECORD_DTYPE), np.arange(start, len(data), MBO_LENGTH)
    places: list[int] = []
    kinds: set[int] = set()
    at = start
    while at < len(data):
        length = data[at] * 4
        if length < 16:
            raise FeedError(path, byte(at), f"a record of {length} bytes: the least is 16")
        if at + length > len(data):
            left = len(data) - at
            raise FeedError(
                path, byte(at), f"the file is cut short: a record of {length} bytes has only {left}"
            )
        kinds.add(data[at + 1])
        if data[at + 1] == MBO_RTYPE:
            if length < MBO_LENGTH:
                raise FeedError(
                    path, byte(at), f"a market-by-order record of {length} bytes, not {MBO_LENGTH}"
                )
            places.append(at)
        at += length
    if not places:
        there = f", but those of type {', '.join(map(str, sorted(kinds)))}" if kinds else ""
        raise FeedError(path, "", f"there are no market-by-order records in it{there}")
    offsets = np.array(places, np.int64)
    rows = np.frombuffer(data, np.uint8)[offsets[:, None] + np.arange(MBO_LENGTH)]
    return np.ascontiguousarray(rows).view(RECORD_DTYPE).reshape(-1), offsets
