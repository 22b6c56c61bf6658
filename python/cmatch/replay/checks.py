"""Checks of a replay: against the vendor's book, and against what the translator foretold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cmatch.engine import Engine
from cmatch.errors import UnknownInstrument
from cmatch.replay import times
from cmatch.replay.effects import BookCheck, PathCheck
from cmatch.replay.flow import Flow
from cmatch.replay.instruments import Instrument
from cmatch.replay.play import Outcome, Progress, make_engine

_SHOWN = 20  # differences that are kept
_RESYNC = 64  # rows that are looked through for the place where two sequences meet again
_MEETING = 3  # rows that must agree there

Quote = tuple[int, int, int, int]  # bid, qty, ask, qty; qty 0 = none


@dataclass
class Check:
    """One check: how much of it is right, and the first differences."""

    name: str
    right: int
    total: int
    differences: list[str] = field(default_factory=list)
    remark: str = ""
    strict: bool = True  # a difference is a failure of the replay

    @property
    def good(self) -> bool:
        """Whether nothing differs."""
        return self.right == self.total


@dataclass(frozen=True)
class Top:
    """Every change of a best price or its size: (n,) timestamps in ns, (n,) instrument ids, (n, 4) quotes."""

    timestamps: npt.NDArray[np.int64]
    instruments: npt.NDArray[np.int64]
    quotes: npt.NDArray[np.int64]  # bid, qty, ask, qty; qty 0: none


def check_trades(flow: Flow, outcome: Outcome) -> list[Check]:
    """Whether the engine made just the trades that were foretold, and holds just the orders then due."""
    checks = []
    if flow.expected is not None:
        ours, theirs = outcome.expected_trades, flow.expected
        same = min(ours.size, theirs.size)
        wrong = np.flatnonzero(ours[:same] != theirs[:same])
        right = int(wrong[0]) if wrong.size else same
        check = Check("trades foretold from the tape", right, max(ours.size, theirs.size))
        if not check.good:
            check.differences.append(
                f"trade {right + 1:,}: made {_row(ours, right)}, foretold {_row(theirs, right)}"
            )
        checks.append(check)
    if flow.resting is not None:
        wanted = {row[3]: row for row in flow.resting}
        held = {}
        for k in range(len(flow.instruments)):
            for order in outcome.engine.l3(k + 1):
                order_id = int(order["order_id"])
                row = (int(order["side"]), int(order["price"]), order_id, int(order["qty"]))
                held[order_id] = (k + 1, *row)
        differ = [
            order_id for order_id in wanted.keys() | held.keys() if wanted.get(order_id) != held.get(order_id)
        ]
        total = len(wanted.keys() | held.keys())
        check = Check("orders resting at the end", total - len(differ), total)
        check.differences = [
            f"order {order_id}: the engine has {held.get(order_id)}, foretold {wanted.get(order_id)}"
            for order_id in sorted(differ)[:_SHOWN]
        ]
        checks.append(check)
    return checks


def _row(trades: npt.NDArray[np.void], k: int) -> str:
    return str(trades[k].item()) if k < trades.size else "none"


def check_books(flow: Flow, progress: Progress | None = None) -> list[Check]:
    """Compares the engine's books with the vendor's, row by row, while the flow is played once more."""
    if flow.after is None or not flow.book_checks:
        return []
    places = [
        (int(flow.after[after]), k, row)
        for k, c in enumerate(flow.book_checks)
        for row, after in enumerate(c.after)
    ]
    places.sort()
    checks = []
    for vendor in flow.book_checks:
        remark = (
            f"{vendor.incomparable:,} more left out: {vendor.why_incomparable}" if vendor.incomparable else ""
        )
        checks.append(Check(vendor.name, 0, int(vendor.after.size), remark=remark))
    engine = make_engine(flow)
    done = 0
    for count, (place, k, row) in enumerate(places):
        if place > done:
            engine.submit_batch(flow.commands[done:place])
            done = place
        difference = _compare(engine, flow, flow.book_checks[k], row)
        if not difference:
            checks[k].right += 1
        elif len(checks[k].differences) < _SHOWN:
            checks[k].differences.append(difference)
        if progress and count % 256 == 0:
            progress("checking books", count, len(places))
    return checks


def _compare(engine: Engine, flow: Flow, vendor: BookCheck, row: int) -> str:
    """The first difference of one row, or nothing."""
    levels = vendor.levels[row]
    depth = levels.shape[1]
    index = int(vendor.instrument[row])
    instrument = flow.instruments[index]
    for side, (name, ours) in enumerate(zip(("bid", "ask"), engine.l2(index + 1, depth), strict=True)):
        for level in range(depth):
            price, qty, count = levels[side, level].tolist()
            told = {"price": price, "qty": qty, "count": count}
            empty = qty == 0 if "qty" in vendor.fields else price == 0
            have = ours[level] if level < len(ours) else None
            if (have is None) != empty or (
                have is not None and any(int(have[field]) != told[field] for field in vendor.fields)
            ):
                theirs = "nothing" if empty else f"{instrument.level(price, qty)} ({count} orders)"
                mine = "nothing"
                if have is not None:
                    shown = instrument.level(int(have["price"]), int(have["qty"]))
                    mine = f"{shown} ({int(have['count'])} orders)"
                where = f"row {row + 1:,}: {instrument.symbol} {name} level {level + 1}"
                return f"{where} is {mine}, the vendor says {theirs}"
    return ""


def tops(flow: Flow, progress: Progress | None = None) -> Top:
    """Every change of the best prices, seen after each packet of the tape (each command of an op file)."""
    engine = make_engine(flow)
    last: dict[int, Quote] = {}
    stamps, owners, quotes = [], [], []
    done = 0
    steps = flow.steps
    if steps is None:
        steps = np.column_stack((np.arange(1, flow.commands.size + 1), flow.commands["instrument_id"]))
    for count, (place, instrument_id) in enumerate(steps.tolist()):
        if place > done:
            engine.submit_batch(flow.commands[done:place])
            done = place
        try:
            best = engine.best(instrument_id)
        except UnknownInstrument:
            continue
        quote = (best.bid_price or 0, best.bid_qty, best.ask_price or 0, best.ask_qty)
        if last.get(instrument_id, (0, 0, 0, 0)) != quote:
            last[instrument_id] = quote
            stamps.append(engine.clock)
            owners.append(instrument_id)
            quotes.append(quote)
        if progress and count % 1024 == 0:
            progress("following the best prices", count, len(steps))
    return Top(
        np.array(stamps, np.int64),
        np.array(owners, np.int64),
        np.array(quotes, np.int64).reshape(-1, 4),
    )


def check_paths(flow: Flow, top: Top) -> list[Check]:
    """Compares our sequence of best quotes with the vendor's, which carries no times.

    Where the two part, the next place is looked for where several rows agree again; what is passed over
    counts as wrong. The vendor's sequence may go on after the tape ends.
    """
    return [_follow(flow, top, vendor) for vendor in flow.path_checks]


def _follow(flow: Flow, top: Top, vendor: PathCheck) -> Check:
    ours = [tuple(row) for row in top.quotes[:, (2, 3, 0, 1)].tolist()]
    theirs = [tuple(row) for row in vendor.quotes.tolist()]
    check = Check(vendor.name, 0, len(ours), strict=False)
    instrument = flow.instruments[0]
    i = j = gaps = 0
    while i < len(ours) and j < len(theirs):
        if ours[i] == theirs[j]:
            check.right += 1
            i, j = i + 1, j + 1
            continue
        gaps += 1
        if len(check.differences) < _SHOWN:
            check.differences.append(
                f"at {times.clock(int(top.timestamps[i]))} our best is {_quote(instrument, ours[i])}, "
                f"the vendor's {_quote(instrument, theirs[j])}"
            )
        skip = next(_meetings(ours[i : i + _RESYNC], theirs[j : j + _RESYNC]), None)
        if skip is None:
            break
        i, j = i + skip[0], j + skip[1]
    check.remark = (
        f"in {gaps} stretches they differ" if gaps else f"{j:,} of the vendor's {len(theirs):,} rows"
    )
    return check


def _meetings(ours: list[Any], theirs: list[Any]) -> Iterator[tuple[int, int]]:
    """Where two sequences agree again, the nearest first."""
    for both in range(1, len(ours) + len(theirs)):
        for i in range(max(0, both - len(theirs)), min(both, len(ours)) + 1):
            rows = ours[i : i + _MEETING]
            if len(rows) == _MEETING and rows == theirs[both - i : both - i + _MEETING]:
                yield i, both - i


def _quote(instrument: Instrument, quote: tuple[int, ...]) -> str:
    ask, ask_qty, bid, bid_qty = quote
    return f"{instrument.level(bid, bid_qty)} | {instrument.level(ask, ask_qty)}"
