"""In = out + resting: the reports of every order, one behind the other, and at the end what rests."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cmatch._core import Venue
from exchange.domain.enums import CancelReason, ExecType, OrderStatus, ReportFlag
from exchange.runtime.audit.check import Check
from exchange.schema.event_rows import EventList, Records
from exchange.storage.executions import Outcome

_AT_ONCE: Final = 1 << 16
_ENDED: Final = [
    int(each)
    for each in (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
]
# Reports of an order's life; the others answer a request and change no order.
_LIVING: Final = [
    int(each)
    for each in (
        ExecType.ACCEPTED,
        ExecType.TRADE,
        ExecType.CANCELED,
        ExecType.EXPIRED,
        ExecType.REPLACED,
        ExecType.TRIGGERED,
        ExecType.RESTATED,
    )
]


class _State(NamedTuple):
    """Of an order after its last report."""

    leaves: int
    cum: int
    status: int


class OrdersAudit:
    """Follows what is left of each order from report to report.

    A report tells what the order is after it. So what was left before, less what it says was traded or taken
    off, is what is left; what was filled grows by what was traded; an order begins with all that it asked
    for (one that was queued says so twice), and one that ended is never heard of again. What two sessions
    are told of one event, the order's and the one that asked, counts once.

    Args:
        venue: Where the reports begin: the orders that rest in it are carried over.
    """

    def __init__(self, venue: Venue) -> None:
        self._live: dict[int, _State] = _resting(venue)
        self._waiting: list[Records] = []
        self._held = 0
        self._in = sum(state.leaves for state in self._live.values())
        self._out: Counter[str] = Counter()
        self._orders = len(self._live)
        self.check = Check("orders")

    def take(self, outcome: Outcome, _venue: Venue) -> None:
        """Takes the reports of a record."""
        for rows in outcome.executions:
            if rows.kind is EventList.REPORTS:
                self.add(rows.rows)
        if self._held >= _AT_ONCE:
            self._flush()

    def add(self, reports: Records) -> None:
        """Takes reports of one record in the order in which they were made: (n,) of EXECUTION_REPORT."""
        self._waiting.append(reports)
        self._held += len(reports)

    def close(self, venue: Venue) -> None:
        """Holds what is left against what rests, and sums up."""
        self._flush()
        # What was passed on to a shard has said nothing yet.
        resting = {
            order: state
            for order, state in _resting(venue).items()
            if order in self._live or state.status != int(OrderStatus.PENDING_NEW)
        }
        for order in sorted(self._live.keys() | resting.keys()):
            told, real = self._live.get(order), resting.get(order)
            if told != real:
                self.check.find(f"order {order} has {_left(told)} by its reports, {_left(real)} in the book")
        rests = sum(state.leaves for state in resting.values())
        left = self._in - self._out.total()
        if left != rests:
            self.check.find(
                f"{self._in:,} lots came in and {self._out.total():,} went out, but {rests:,} rest"
            )
        self.check.says = (
            f"{self._in:,} lots of {self._orders:,} orders came in = {self._out['traded']:,} traded"
            f" + {self._out['taken off']:,} taken off + {rests:,} resting"
        )

    def _flush(self) -> None:
        if not self._held:
            return
        rows = np.concatenate(self._waiting)
        self._waiting, self._held = [], 0
        again = (rows["flags"] & int(ReportFlag.DUPLICATE)) != 0
        rows = rows[(np.isin(rows["exec_type"], _LIVING) | self._refused_late(rows)) & ~again]
        rows = rows[np.argsort(rows["order_id"], kind="stable")]
        if not len(rows):
            return
        rows = rows[~_told_twice(rows)]
        orders = rows["order_id"].astype(np.int64)
        first = np.concatenate([[True], orders[1:] != orders[:-1]])
        last = np.concatenate([first[1:], [True]])
        leaves, cum = rows["leaves_qty"].astype(np.int64), rows["cum_qty"].astype(np.int64)
        before_leaves, before_cum = np.roll(leaves, 1), np.roll(cum, 1)
        known = [self._live.get(order) for order in orders[first].tolist()]
        before_leaves[first] = [-1 if each is None else each.leaves for each in known]
        before_cum[first] = [0 if each is None else each.cum for each in known]
        status = rows["order_status"].astype(np.int64)
        before_status = np.roll(status, 1)
        before_status[first] = [0 if each is None else each.status for each in known]
        self._compare(rows, before_leaves, before_cum, before_status)
        for order, *state in zip(
            *(each[last].tolist() for each in (orders, leaves, cum, status)), strict=True
        ):
            if state[-1] in _ENDED:
                self._live.pop(order, None)
            else:
                self._live[order] = _State(*state)

    def _refused_late(self, rows: Records) -> npt.NDArray[np.bool_]:
        """(n,): the end of an order that was accepted into the queue; other refusals are of no order."""
        refused: npt.NDArray[np.bool_] = rows["exec_type"] == int(ExecType.REJECTED)
        accepted = set(rows["order_id"][rows["exec_type"] == int(ExecType.ACCEPTED)].tolist())
        orders = rows["order_id"][refused].tolist()
        refused[refused] = [order in accepted or order in self._live for order in orders]
        return refused

    def _compare(
        self,
        rows: Records,
        before_leaves: npt.NDArray[np.int64],
        before_cum: npt.NDArray[np.int64],
        before_status: npt.NDArray[np.int64],
    ) -> None:
        leaves, cum = rows["leaves_qty"].astype(np.int64), rows["cum_qty"].astype(np.int64)
        kind, qty = rows["exec_type"], rows["last_qty"].astype(np.int64)
        queued = before_status == int(OrderStatus.PENDING_NEW)
        accepted, replaced = kind == int(ExecType.ACCEPTED), kind == int(ExecType.REPLACED)
        again = accepted & (before_leaves >= 0) & ~queued
        accepted &= before_leaves < 0
        traded = np.where(kind == int(ExecType.TRADE), qty, 0)
        prevented = (kind == int(ExecType.RESTATED)) & (rows["cancel_reason"] == int(CancelReason.SELF_TRADE))
        off = (kind == int(ExecType.CANCELED)) | (kind == int(ExecType.EXPIRED)) | prevented
        taken = np.where(off, qty, 0)
        taken = np.where(kind == int(ExecType.REJECTED), before_leaves, taken)
        came = np.where(accepted, rows["order_qty"].astype(np.int64), 0)
        # A replacement asks for another quantity, of which what is filled is filled.
        came = np.where(replaced, rows["order_qty"].astype(np.int64) - cum - before_leaves, came)
        unknown = (before_leaves < 0) & ~accepted
        was = np.where(accepted, 0, np.maximum(before_leaves, 0))
        amiss = was + came - traded - taken != leaves
        miscounted = np.where(accepted, 0, before_cum) + traded != cum
        open_end = np.isin(rows["order_status"], _ENDED) & (leaves != 0)
        self._in += int(came.sum())
        self._orders += int(accepted.sum())
        self._out["traded"] += int(traded.sum())
        self._out["taken off"] += int(taken.sum())
        for flags, says in (
            (unknown, "is told of before it was accepted, or after it had ended"),
            (again, "was accepted twice"),
            (np.isin(before_status, _ENDED), "is told of after it had ended"),
            (amiss & ~unknown, "has another quantity left than its reports leave it"),
            (miscounted & ~unknown, "has another quantity filled than it traded"),
            (open_end, "ended with a quantity left"),
        ):
            for place in np.flatnonzero(flags).tolist():
                row = rows[place]
                self.check.find(f"order {int(row['order_id'])} {says}: event {int(row['event_sequence'])}")


def _told_twice(rows: Records) -> npt.NDArray[np.bool_]:
    """(n,): the report before it says the same of the same event to another session."""
    same = np.zeros(len(rows), np.bool_)
    now, before = rows[1:], rows[:-1]
    same[1:] = np.isin(now["exec_type"], [int(ExecType.CANCELED), int(ExecType.REPLACED)])
    same[1:] &= now["event_sequence"] == before["event_sequence"] + 1
    for name in ("order_id", "exec_type", "sequence", "order_qty", "leaves_qty", "cum_qty", "last_qty"):
        same[1:] &= now[name] == before[name]
    return same


def _resting(venue: Venue) -> dict[int, _State]:
    """What is live, by order id."""
    found: dict[int, _State] = {}
    for account in venue.accounts()["account"].tolist():
        rows = venue.open_orders(account)
        parts = (rows[name].tolist() for name in ("leaves_qty", "cum_qty", "order_status"))
        found |= {
            order: _State(*state) for order, *state in zip(rows["order_id"].tolist(), *parts, strict=True)
        }
    return found


def _left(state: _State | None) -> str:
    return "nothing" if state is None else f"{state.leaves:,} left and {state.cum:,} filled"
