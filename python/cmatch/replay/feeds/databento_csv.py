"""Databento market-by-order records as CSV, as its command line and clients write them.

There is a header; times and prices are readable (2025-07-17T08:05:03.360677248Z, 5.51) or raw (ns, 10^-9).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmatch.replay.effects import BookCheck, Tape
from cmatch.replay.errors import FeedError, line
from cmatch.replay.feeds.databento import MBO_DTYPE, PRICE_DECIMALS, UNDEFINED_PRICE, keep_symbols, tape_of
from cmatch.replay.feeds.options import FeedOptions
from cmatch.replay.feeds.table import Table, split
from cmatch.replay.files import plain_name, read_bytes

_NEEDED = ("ts_event", "action", "side", "price", "size", "order_id", "flags", "sequence")
_DEPTH = 10
_TIME = b"0000-00-00T00:00:00.000000000Z"


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file looks like market-by-order records with a header."""
    names = head.split(b"\n", 1)[0].strip().decode("ascii", "replace").split(",")
    return set(_NEEDED) <= set(names) and "bid_px_00" not in names


def read(path: Path, options: FeedOptions) -> Tape:
    """Reads the records, and the vendor's ten-level book beside them where there is one.

    Raises:
        FeedError: a column is missing, or a line is no record.
    """
    table, columns = _open(path, _NEEDED)
    records = np.zeros(table.rows, MBO_DTYPE)
    records["ts_event"] = _times(table, columns["ts_event"], "ts_event")
    records["price"] = _prices(table, columns["price"], "price")
    for name in ("order_id", "size", "flags", "sequence"):
        records[name] = table.ints(columns[name], name)
    for name in ("action", "side"):
        records[name] = _letters(table, columns[name], name)
    records["position"] = np.arange(2, table.rows + 2)
    names: npt.NDArray[np.bytes_]
    if "symbol" in columns:
        names, codes = np.unique(table.texts(columns["symbol"], 24), return_inverse=True)
    elif "instrument_id" in columns:
        names, codes = np.unique(table.texts(columns["instrument_id"], 12), return_inverse=True)
    else:
        names, codes = np.array([b"instrument"]), np.zeros(table.rows, np.int64)
    records["instrument"] = codes
    symbols = [name.decode("utf-8", "replace") for name in names.tolist()]
    records, symbols = keep_symbols(path, records, symbols, options)
    book_path = options.book or _sibling(path)
    book = _book(book_path, records) if book_path is not None and len(symbols) == 1 else None
    return tape_of(path, "Databento MBO CSV", records, symbols, "line", book)


def _open(path: Path, needed: tuple[str, ...]) -> tuple[Table, dict[str, int]]:
    data = read_bytes(path)
    names = data.split(b"\n", 1)[0].strip().decode("ascii", "replace").split(",")
    columns = {name: k for k, name in enumerate(names)}
    if missing := [name for name in needed if name not in columns]:
        raise FeedError(path, line(1), f"the header lacks {', '.join(missing)}")
    return split(path, data, header=True), columns


def _times(table: Table, column: int, name: str) -> npt.NDArray[np.int64]:
    """(rows,) ns."""
    texts = table.texts(column, len(_TIME) + 1)
    if texts.size == 0 or b"T" not in texts[0]:
        return table.ints(column, name)
    letters = np.frombuffer(texts.tobytes(), np.uint8).reshape(texts.size, -1)
    form = np.frombuffer(_TIME + b"\0", np.uint8)
    digit = (letters >= ord("0")) & (letters <= ord("9"))
    good = np.where(form == ord("0"), digit, letters == form).all(axis=1)
    if good.all():
        try:
            return texts.astype("S29").astype("M8[ns]").astype(np.int64)
        except ValueError:  # a month 13, an hour 25
            good = np.array([_is_time(text[:29]) for text in texts.tolist()])
    row = int(np.argmin(good))
    told = texts[row].decode("ascii", "replace")
    raise table.bad(name)(row, f"{told!r} is not a time like 2025-07-17T08:05:03.360677248Z")


def _is_time(text: bytes) -> bool:
    try:
        np.datetime64(text.decode(), "ns")
    except ValueError:
        return False
    return True


def _prices(table: Table, column: int, name: str) -> npt.NDArray[np.int64]:
    """(rows,) in 10^-9; UNDEFINED_PRICE where there is none."""
    decimals = PRICE_DECIMALS if table.has_point(column) else 0
    prices = np.full(table.rows, UNDEFINED_PRICE, np.int64)
    there = ~table.empty(column)
    prices[there] = table.only(there).decimals(column, name, decimals)
    return prices


def _letters(table: Table, column: int, name: str) -> npt.NDArray[np.uint8]:
    texts = table.texts(column, 2)
    if texts.size and (np.char.str_len(texts) != 1).any():
        row = int(np.argmax(np.char.str_len(texts) != 1))
        raise table.bad(name)(row, f"{texts[row].decode('ascii', 'replace')!r} is not one letter")
    return np.ascontiguousarray(texts.astype("S1")).view(np.uint8)


def _sibling(path: Path) -> Path | None:
    """The ten-level book of the same name."""
    if "_mbo" not in plain_name(path) and ".mbo" not in plain_name(path):
        return None
    for mark in ("_mbo", ".mbo"):
        twin = path.with_name(path.name.replace(mark, f"{mark[0]}mbp10"))
        if twin != path and twin.exists():
            return twin
    return None


def _book(path: Path, records: npt.NDArray[np.void]) -> BookCheck:
    """The vendor's ten-level book: each row belongs to the record of its time, sequence and action.

    A trade's row shows the book after all records of the trade's sequence number.
    """
    sides = [
        [f"{side}_{what}_{level:02}" for what in ("px", "sz", "ct")]
        for level in range(_DEPTH)
        for side in ("bid", "ask")
    ]
    table, columns = _open(
        path, ("ts_event", "sequence", "action", *(name for names in sides for name in names))
    )
    levels = np.zeros((table.rows, 2, _DEPTH, 3), np.int64)
    for level in range(_DEPTH):
        for k, side in enumerate(("bid", "ask")):
            prices = _prices(table, columns[f"{side}_px_{level:02}"], "price")
            levels[:, k, level, 0] = np.where(prices == UNDEFINED_PRICE, 0, prices)
            levels[:, k, level, 1] = table.ints(columns[f"{side}_sz_{level:02}"], "size")
            levels[:, k, level, 2] = table.ints(columns[f"{side}_ct_{level:02}"], "count")
    times = _times(table, columns["ts_event"], "ts_event").tolist()
    sequences = table.ints(columns["sequence"], "sequence").tolist()
    actions = _letters(table, columns["action"], "action").tolist()
    after = np.zeros(table.rows, np.int64)
    keys = list(
        zip(
            records["ts_event"].tolist(),
            records["sequence"].tolist(),
            records["action"].tolist(),
            strict=True,
        )
    )
    at = 0
    for row, key in enumerate(zip(times, sequences, actions, strict=True)):
        found = at
        while found < len(keys) and keys[found] != key:
            found += 1
        if found == len(keys):
            raise FeedError(path, line(row + 2), "no record of the order file belongs to this row")
        at = found + 1
        while key[2] == ord("T") and at < len(keys) and keys[at][:2] == key[:2]:
            at += 1
        after[row] = at
    return BookCheck(
        f"{path.name}: ten levels", after, levels, np.zeros(table.rows, np.int64), ("price", "qty", "count")
    )
