"""What the engine is to be given, and what is expected of it: the outcome of reading any file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmatch.replay.effects import BookCheck, PathCheck, Records
from cmatch.replay.instruments import Instrument

TRADE_DTYPE = np.dtype(
    [
        ("taker", np.uint64),
        ("maker", np.uint64),
        ("qty", np.int64),
        ("price", np.int64),
        ("instrument", np.uint32),
    ]
)


class Why(Enum):
    """Why our queue did not name the venue's maker."""

    UNKNOWN = "the maker never came into the book"
    BEHIND = "other orders stood before it in our queue"
    WORSE = "a better price stood in our book"
    RESERVE = "more was executed than was shown"


@dataclass(frozen=True)
class Miss:
    """One fill of the venue that price-time priority does not give."""

    event: int
    position: int
    timestamp: int  # ns
    instrument: int
    order_id: int
    price: int
    qty: int  # lots that the venue executed
    why: Why
    ahead_orders: int = 0
    ahead_qty: int = 0
    front: int = 0  # the order that our queue names instead
    sequel: str = ""  # what became of that order


@dataclass(frozen=True)
class Auction:
    """One uncross, the venue's and ours."""

    timestamp: int
    instrument: int
    venue_price: int
    venue_qty: int
    price: int | None
    qty: int
    venue_orders: int
    unseen_orders: int  # of these never shown: entered as market orders for the uncross
    same_orders: int  # executed by both for the same quantity


@dataclass
class Agreement:
    """How far price-time priority explains the venue's own trades."""

    words: str  # how the venue calls the trade events
    events: int = 0
    named: int = 0  # the makers and their quantities are ours
    plain: int = 0  # of these: as the queue stood, in the venue's order
    reserve: int = 0  # of these: the venue executed more of a maker than was shown
    late: int = (
        0  # of these: an order in front is told later in the same trade (an iceberg, at its last part)
    )
    withdrawn: int = 0  # of these: after orders that the venue canceled in the same packet were taken out
    misses: list[Miss] = field(default_factory=list)
    auctions: list[Auction] = field(default_factory=list)


@dataclass
class Flow:
    """Commands for one engine, with everything that is known about them.

    `commands` is (n,) of COMMAND_DTYPE, the definitions first; `after[k]` tells how many of them belong to
    the first k effects of the tape. `expected` are the trades that must come out, in order; None where not
    known.
    """

    path: Path
    format: str
    instruments: list[Instrument]
    commands: Records
    max_orders: int
    max_order_ids: int
    rows: int
    unit: str
    after: npt.NDArray[np.int64] | None = None
    steps: npt.NDArray[np.int64] | None = None  # (packets, 2): commands up to its end, instrument id
    expected: npt.NDArray[np.void] | None = None
    resting: list[tuple[int, int, int, int, int]] | None = None  # instrument, side, price, order id, leaves
    agreement: Agreement | None = None
    book_checks: list[BookCheck] = field(default_factory=list)
    path_checks: list[PathCheck] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    level_orders: bool = False

    @property
    def span(self) -> tuple[int, int]:
        """First and last timestamp, ns."""
        times = self.commands["timestamp"]
        return (int(times.min()), int(times.max())) if times.size else (0, 0)
