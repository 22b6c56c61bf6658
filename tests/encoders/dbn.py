"""Databento Binary Encoding, from its published layout: metadata of versions 1 to 3, market by order."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_MBO_SCHEMA = 0
_SYMBOL_BYTES = {1: 22, 2: 71, 3: 71}


def metadata(version: int, symbols: dict[int, str], dataset: str = "XNAS.ITCH") -> bytes:
    """The beginning of a file: `symbols` are raw symbols by instrument id."""
    width = _SYMBOL_BYTES[version]

    def text(value: str) -> bytes:
        return value.encode().ljust(width, b"\0")

    body = dataset.encode().ljust(16, b"\0") + struct.pack("<HQQQ", _MBO_SCHEMA, 0, (1 << 64) - 1, 0)
    if version == 1:
        body += struct.pack("<QBBB", (1 << 64) - 1, 1, 0, 0) + bytes(47)
    else:
        body += struct.pack("<BBBH", 1, 0, 0, width) + bytes(53)
    body += struct.pack("<I", 0)  # no schema definition
    body += struct.pack("<I", len(symbols)) + b"".join(text(symbol) for symbol in symbols.values())
    body += struct.pack("<II", 0, 0)  # none partly found, none not found
    body += struct.pack("<I", len(symbols))
    for number, symbol in symbols.items():
        body += text(symbol) + struct.pack("<III", 1, 20_250_717, 20_250_718) + text(str(number))
    body += bytes(-len(body) % 8)
    return b"DBN" + bytes([version]) + struct.pack("<I", len(body)) + body


def mbo(
    action: str,
    side: str,
    price: int,
    size: int,
    order_id: int,
    *,
    ts_event: int = 0,
    flags: int = 128,
    sequence: int = 0,
    instrument_id: int = 1,
    extra: bytes = b"",
) -> bytes:
    """One record; `extra` bytes (a multiple of 4) lengthen it, as a sending time does."""
    head = struct.pack("<BBHIQ", (56 + len(extra)) // 4, 160, 2, instrument_id, ts_event)
    body = struct.pack("<QqIBBcc", order_id, price, size, flags, 0, action.encode(), side.encode())
    return head + body + struct.pack("<QiI", ts_event, 0, sequence) + extra


def other_record(rtype: int = 0x17, words: int = 6) -> bytes:
    """A record of another kind, to be passed over."""
    return struct.pack("<BBHIQ", words, rtype, 0, 0, 0) + bytes(words * 4 - 16)


def file(version: int, symbols: dict[int, str], records: Sequence[bytes]) -> bytes:
    """A whole file."""
    return metadata(version, symbols) + b"".join(records)
