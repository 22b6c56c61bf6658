"""LOBSTER message files (Nasdaq, https://lobsterdata.com): six numbers a line, no header.

time (s after midnight, exchange time), type (1 new, 2 partial cancel, 3 delete, 4 execution, 5 hidden
execution, 6 cross, 7 halt), order id, size, price x 10,000, direction of the resting order (1 buy, -1
sell).

Two things of the real files are made good here. The book is not empty where a file begins: an order that is
canceled, deleted or executed but never came in is put into the book where its id says that it came, with
the sum of what is taken off it. And Nasdaq's ids are given in order of arrival, so an order whose `new`
comes late (at the opening, orders of earlier hours do) takes the place in its queue that its id has.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmatch.replay.decimals import Ints
from cmatch.replay.effects import (
    BookCheck,
    EffectFlag,
    EffectKind,
    PathCheck,
    Records,
    Tape,
    empty_effects,
)
from cmatch.replay.errors import FeedError, line
from cmatch.replay.feeds.options import FeedOptions
from cmatch.replay.feeds.table import Table, split
from cmatch.replay.feeds.tape import finish
from cmatch.replay.files import plain_name, read_bytes

_NAME = re.compile(
    r"(?P<symbol>.+)_(?P<date>\d{4}-\d{2}-\d{2})_(?:\d+_\d+_)?message(?:_\d+)?\.csv", re.IGNORECASE
)
_TYPES = {
    1: "new",
    2: "partial cancel",
    3: "delete",
    4: "execution",
    5: "hidden execution",
    6: "cross",
    7: "halt",
}
_KIND_OF = np.zeros(8, np.uint8)
_KIND_OF[1:8] = (
    EffectKind.ADD,
    EffectKind.REDUCE,
    EffectKind.DELETE,
    EffectKind.FILL,
    EffectKind.PRINT,
    EffectKind.PRINT,
    EffectKind.PHASE,
)
_LINE = re.compile(rb"\d+(\.\d+)?,[1-7],\d+,\d+,-?\d+,-?1\r?\n")
_NO_PRICE = 9_999_999_999  # LOBSTER's word for an empty level
# Halt messages name in `price` what happens: -1 halted, 0 quoting resumes, 1 trading resumes.
_PHASE_HALTED, _PHASE_CALL, _PHASE_CONTINUOUS = 5, 6, 3


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file looks like LOBSTER messages."""
    return _LINE.match(head) is not None


def read(path: Path, options: FeedOptions) -> Tape:
    """Reads a message file, and the vendor's book beside it where there is one.

    Raises:
        FeedError: a line is not a LOBSTER message.
    """
    table = split(path, read_bytes(path))
    if table.columns not in (6, 7):
        raise FeedError(path, line(1), f"a LOBSTER message has 6 fields, not {table.columns}")
    time = table.decimals(0, "time", 9, cut=True)  # real files have times like 35821.088778456004
    kind = table.ints(1, "type")
    order_id = table.ints(2, "order id")
    size = table.ints(3, "size")
    price = table.ints(4, "price")
    direction = table.ints(5, "direction")
    _check(table, kind, order_id, size, direction)
    matched = _NAME.fullmatch(plain_name(path))
    midnight = int(np.datetime64(matched["date"], "ns").astype(np.int64)) if matched else 0
    symbol = path.name[: matched.end("symbol")] if matched else "lobster"

    n = table.rows
    rows = empty_effects(n)
    rows["timestamp"] = time + midnight
    rows["kind"] = _KIND_OF[kind]
    rows["side"] = np.where(direction == 1, 1, 2)
    rows["order_id"] = np.where(np.isin(kind, (5, 6, 7)), 0, order_id)
    rows["price"] = price
    rows["qty"] = size
    rows["position"] = np.arange(1, n + 1)
    rows["flags"] = EffectFlag.LAST
    _set_phases(rows, kind, price)
    _number_trades(rows, kind)
    _mark_aged(rows, kind, order_id)
    effects, place, seeds = _with_orders_before(rows, kind, order_id)

    checks, paths = _vendor_book(path, options, place)
    counts = {name: int((kind == code).sum()) for code, name in _TYPES.items() if (kind == code).any()}
    notes = []
    if seeds:
        notes.append(
            f"{seeds:,} orders that were there before their first message are put where their ids say"
        )
    return finish(
        path,
        "LOBSTER",
        effects,
        [symbol],
        price_decimals=[4],
        qty_decimals=[0],
        rows=n,
        unit="line",
        trade_words="visible executions",
        book_checks=checks,
        path_checks=paths,
        counts=counts,
        notes=notes,
    )


def _check(table: Table, kind: Ints, order_id: Ints, size: Ints, direction: Ints) -> None:
    for name, wrong, reason in (
        ("type", (kind < 1) | (kind > 7), "it is one of 1 to 7"),
        ("direction", (kind != 7) & (np.abs(direction) != 1), "it is 1 or -1"),
        ("order id", (kind <= 4) & (order_id < 1), "it is greater than 0"),
        ("size", (kind <= 6) & (size < 1), "it is greater than 0"),
    ):
        if wrong.any():
            raise table.bad(name)(int(np.argmax(wrong)), reason)


def _set_phases(rows: Records, kind: Ints, price: Ints) -> None:
    halts = kind == 7
    phase = np.where(price < 0, _PHASE_HALTED, np.where(price == 0, _PHASE_CALL, _PHASE_CONTINUOUS))
    rows["price"][halts] = phase[halts]
    rows["qty"][halts] = 0


def _number_trades(rows: Records, kind: Ints) -> None:
    """Numbers the executions, each an incoming order of its own: the vendor's book shows each."""
    fills = np.flatnonzero(kind == 4)
    rows["event"][fills] = rows["aggressor"][fills] = np.arange(fills.size)


def _mark_aged(rows: Records, kind: Ints, order_id: Ints) -> None:
    adds = np.flatnonzero(kind == 1)
    if adds.size:
        late = order_id[adds] < np.maximum.accumulate(order_id[adds])
        rows["flags"][adds[late]] |= np.uint8(EffectFlag.AGED)


def _with_orders_before(rows: Records, kind: Ints, order_id: Ints) -> tuple[Records, Ints, int]:
    """Puts in the orders that are named but never came.

    Returns:
        The effects; where each of the file's rows is among them, (rows,); how many orders were put in.
    """
    named = np.isin(kind, (2, 3, 4))
    unknown = np.flatnonzero(named & ~np.isin(order_id, order_id[kind == 1]))
    places = np.arange(rows.size)
    if unknown.size == 0:
        return rows, places, 0
    ids, first, inverse = np.unique(order_id[unknown], return_index=True, return_inverse=True)
    before = rows[unknown[first]].copy()
    before["kind"] = EffectKind.ADD
    before["event"] = before["aggressor"] = -1
    before["flags"] = EffectFlag.BEFORE | EffectFlag.AGED
    before["qty"] = 0
    np.add.at(before["qty"], inverse, rows["qty"][unknown])
    # Where it came: before the first new order with a larger id, and never after its own first message.
    newest = np.maximum.accumulate(np.where(kind == 1, order_id, 0))
    came = np.searchsorted(newest, ids)
    start = int(np.argmax(kind == 1)) if (kind == 1).any() else 0
    came = np.where(came <= start, 0, np.minimum(came, unknown[first]))
    before["timestamp"] = rows["timestamp"][came]
    effects: Records = np.insert(rows, came, before)
    return effects, places + np.searchsorted(np.sort(came), places, side="right"), int(ids.size)


def _vendor_book(path: Path, options: FeedOptions, place: Ints) -> tuple[list[BookCheck], list[PathCheck]]:
    book = options.book or _sibling(path)
    if book is None:
        return [], []
    table = split(book, read_bytes(book))
    if table.columns % 4:
        raise FeedError(book, line(1), f"a LOBSTER book has 4 fields a level, not {table.columns} in all")
    values = np.column_stack([table.ints(k, "price or size") for k in range(table.columns)])
    if table.rows == place.size:
        return [_rows_check(book, values, place)], []
    quotes: npt.NDArray[np.int64] = values[:, :4]
    changes = np.concatenate(([True], (np.diff(quotes, axis=0) != 0).any(axis=1)))
    return [], [PathCheck(f"{book.name}: sequence of best quotes", np.ascontiguousarray(quotes[changes]))]


def _rows_check(book: Path, values: npt.NDArray[np.int64], place: Ints) -> BookCheck:
    rows, columns = values.shape
    levels = np.zeros((rows, 2, columns // 4, 3), np.int64)
    for side, offset in ((0, 2), (1, 0)):
        levels[:, side, :, 0] = values[:, offset::4]
        levels[:, side, :, 1] = values[:, offset + 1 :: 4]
    levels[np.abs(levels[..., 0]) == _NO_PRICE] = 0
    instrument = np.zeros(rows, np.int64)
    return BookCheck(
        f"{book.name}: a row after each message", place + 1, levels, instrument, ("price", "qty")
    )


def _sibling(path: Path) -> Path | None:
    """The book file that LOBSTER ships beside a message file, or any level's of the same day."""
    matched = _NAME.fullmatch(plain_name(path))
    if matched is None or not path.parent.is_dir():
        return None
    twin = path.with_name(path.name.replace("message", "orderbook"))
    if twin.exists():
        return twin
    day = f"{path.name[: matched.end('date')]}_"
    found = sorted(p for p in path.parent.iterdir() if p.name.startswith(day) and "orderbook" in p.name)
    return found[0] if found else None
