"""Rows of books as arrays: the structs BookLevel and BookOrder one behind the other, and their checksum."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np

from exchange.domain.enums import BookView, Side
from exchange.errors import WireError
from exchange.schema.event_rows import Records, struct_dtype

LEVEL_DTYPE: Final = struct_dtype("BookLevel")
ORDER_DTYPE: Final = struct_dtype("BookOrder")
ROW_DTYPES: Final = {BookView.LEVELS: LEVEL_DTYPE, BookView.ORDERS: ORDER_DTYPE}
KEYS: Final = {BookView.LEVELS: ("price", "qty"), BookView.ORDERS: ("order_id", "price", "qty")}
"""What of a row is in the checksum, each as eight bytes, the low one first."""
CHECKED_ROWS: Final = 10
"""Of each side."""


def book_rows(view: BookView, data: bytes) -> Records:
    """The rows of an update, without a copy.

    Args:
        view: What they are.
        data: `BookUpdate.rows`.

    Returns:
        (n,) of ROW_DTYPES[view].

    Raises:
        WireError: They do not end where a row ends, or are of no side.
    """
    dtype = ROW_DTYPES[view]
    if len(data) % dtype.itemsize:
        raise WireError(f"{len(data)} bytes are no rows of {dtype.itemsize} bytes")
    rows = np.frombuffer(data, dtype)
    if not np.isin(rows["side"], [int(side) for side in Side]).all():
        raise WireError("a row of a book has no side")
    return rows


def rows_checksum(view: BookView, rows: Records) -> int:
    """CRC32 of the ten best rows of each side of a whole book.

    Args:
        view: What they are.
        rows: (n,) of ROW_DTYPES[view], best first, bids before asks.
    """
    asks = int(np.searchsorted(rows["side"], int(Side.SELL)))
    best = np.concatenate([rows[:asks][:CHECKED_ROWS], rows[asks:][:CHECKED_ROWS]])
    return zlib.crc32(np.stack([best[name].astype("<i8") for name in KEYS[view]], axis=1).tobytes())
