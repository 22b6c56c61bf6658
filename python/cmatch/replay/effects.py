"""What a venue says happened, feed by feed the same words: one row an effect on a named resting order.

A feed reader turns its file into a `Tape` of effects; `translate` turns those into commands of the matcher.
Prices and quantities are integers of the instrument's ticks and lots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmatch.replay.instruments import Instrument

Records = np.ndarray[tuple[int], np.dtype[np.void]]


class EffectKind(IntEnum):
    """What happened."""

    ADD = 1  # an order came: it rests, or, where the flag ARRIVES says so, it is matched first
    SET = 2  # an order now has this price and these leaves; no leaves: it is gone
    REDUCE = 3  # an order lost this quantity
    DELETE = 4  # an order is gone
    FILL = 5  # a resting order was executed; neighbours of one `aggressor` came from one incoming order
    UNCROSS = 6  # an auction traded; its fills follow
    PRINT = 7  # a trade that the displayed book does not show: hidden, off book, auction total
    CLEAR = 8  # all orders of the instrument are gone
    PHASE = 9  # the instrument enters the phase `price`
    CONFIRM = 10  # an order that ARRIVES traded with this resting one; `aggressor` is its order id


class EffectFlag(IntFlag):
    """What else is known of it."""

    LAST = 1  # the last effect of the venue's packet: the book is whole here
    ARRIVES = 2  # of ADD: as it reached the venue, so it may cross
    NO_PRICE = 4  # the row names no price (nor side): the order's own
    AUCTION = 8  # of FILL: belongs to the UNCROSS before it
    BEFORE = 16  # of ADD: made by the reader for an order that was there before the file begins
    AGED = 32  # of ADD: takes the place in its queue that its id has, as ids are given in order of arrival


EFFECT_DTYPE = np.dtype(
    [
        ("timestamp", np.int64),  # ns
        ("order_id", np.uint64),
        ("price", np.int64),  # ticks
        ("qty", np.int64),  # lots
        ("event", np.int64),  # of FILL: number of the venue's trade event; -1 elsewhere
        ("aggressor", np.int64),  # of FILL: number of the incoming order; of CONFIRM: its id; -1 elsewhere
        ("position", np.int64),  # line (from 1) or byte offset in the file
        ("instrument", np.uint32),  # index into Tape.instruments
        ("kind", np.uint8),
        ("side", np.uint8),  # the named order's: 1 buy, 2 sell
        ("flags", np.uint8),
    ]
)

# A row of effects as `tolist()` gives it, and the places of its fields.
Row = tuple[int, int, int, int, int, int, int, int, int, int, int]
TIMESTAMP, ORDER_ID, PRICE, QTY, EVENT, AGGRESSOR, POSITION, INSTRUMENT, KIND, SIDE, FLAGS = range(11)


@dataclass(frozen=True)
class BookCheck:
    """The vendor's own book at one place of the tape.

    `levels` is (rows, 2 sides, depth, 3): price, qty, count in ticks and lots; an empty level has qty 0.
    `after[i]` says after how many effects row i holds.
    """

    name: str
    after: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int64]
    instrument: npt.NDArray[np.int64]
    fields: tuple[str, ...]  # of price, qty, count: what the vendor tells
    incomparable: int = 0  # rows that tell of a time before the tape, left out
    why_incomparable: str = ""


@dataclass(frozen=True)
class PathCheck:
    """The vendor's sequence of best quotes, without times: (rows, 4) ask, qty, bid, qty of one instrument."""

    name: str
    quotes: npt.NDArray[np.int64]


@dataclass
class Tape:
    """One file, read: its instruments, its effects in order, and what the vendor lets us check."""

    path: Path
    format: str
    instruments: list[Instrument]
    effects: Records
    rows: int  # events in the file, before any was merged or left out
    unit: str  # what `position` counts: "line" or "byte"
    trade_words: str  # how the venue's trade events are called in this feed
    book_checks: list[BookCheck] = field(default_factory=list)
    path_checks: list[PathCheck] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)  # messages by kind
    notes: list[str] = field(default_factory=list)
    level_orders: bool = False  # each order stands for a whole price level


def empty_effects(n: int) -> Records:
    """(n,) zeroed effects that belong to no trade event."""
    effects: Records = np.zeros(n, EFFECT_DTYPE)
    effects["event"] = -1
    effects["aggressor"] = -1
    return effects


def effects_of(rows: list[tuple[Any, ...]]) -> Records:
    """Effects from tuples in the order of EFFECT_DTYPE's fields."""
    return np.array(rows, EFFECT_DTYPE)
