"""One effect an event: the rows of the history held against what the journal makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import Row, Table, func, select

from cmatch._core import Venue
from cmatch.frames import CommandList, decode_commands
from exchange.domain.enums import LedgerAction, OrderStatus, ReportFlag, Side
from exchange.runtime.audit.check import Check
from exchange.runtime.audit.places import Places
from exchange.schema.event_rows import EventList, Records, Tenants
from exchange.services.history.folding import Values, fold
from exchange.services.history.store import ADDED, CHANGED
from exchange.services.history.tables import EXECUTIONS, ORDERS, PROGRESS
from exchange.storage.executions import Outcome
from exchange.storage.sql import Store, Transaction

_READS: Final = "orders.lifecycle"
_AT_ONCE: Final = 1 << 14  # reports that are folded together
_ASKED: Final = 500  # rows of one question
_ENDED: Final = {
    int(each)
    for each in (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
}
_ORDER: Final = {column.name: place for place, column in enumerate(ORDERS.columns)}
_EXECUTION: Final = {column.name: place for place, column in enumerate(EXECUTIONS.columns)}
_FEE: Final = _EXECUTION["fee"]


class HistoryAudit:
    """Makes orders and executions beside the fold: each is there once, in all its columns.

    What came before the history was switched on, and what it has not come to yet, is passed over: but what
    the log still has, and what the store says it has, are rows. Of an order that was entered before the
    journal begins, what its last report says is compared.

    Args:
        store: Of the history.
        tx: A view of it, for as long as this is used.
        places: How far the service was in the log before that; None: it is not looked at.
    """

    def __init__(self, store: Store, tx: Transaction, places: Places | None = None) -> None:
        self.check = Check(store.service)
        self._tx = tx
        self._places = places
        self._sequence = int(tx.execute(select(PROGRESS.c.sequence)).scalar_one())
        self._last = places.last(tx, _READS) if places else 0
        keys = (EXECUTIONS.c.exec_id, ORDERS.c.entered_sequence)
        own = [tx.execute(select(func.min(key))).scalar() for key in keys]
        first = places.first(_READS) if places else None
        self._first = min((int(each) for each in (*own, first) if each), default=0)
        self._rows = _executions_of(tx)
        self._next: Values | None = next(self._rows, None)
        if places is not None:
            places.hold(tx, self.check)
        self._waiting: list[tuple[Records, Tenants]] = []
        self._held = self._reached = 0
        self._before: int | None = None  # the last event before the fold
        self._live: dict[int, Values] = {}
        self._ended: list[Values] = []
        self._unposted: dict[tuple[int, int], tuple[int, int]] = {}
        self._compared = self._orders = 0

    def take(self, outcome: Outcome, venue: Venue) -> None:
        """Takes the reports of the next record, and what it posts."""
        self._begin(venue, sum(len(rows.rows) for rows in outcome.executions))
        for rows in outcome.executions:
            wanted = self._wanted(rows.rows, outcome.sequence)
            if wanted.any():
                self._reached = max(self._reached, int(rows.rows["sequence"][wanted][-1]))
                if rows.kind is EventList.REPORTS:
                    self._waiting.append((rows.rows[wanted], rows.tenants[wanted]))
                    self._held += int(wanted.sum())
        if self._held >= _AT_ONCE:
            self._flush()
        for record in outcome.others if self._unposted else ():
            self._post(record.payload)

    def close(self, venue: Venue) -> None:
        """Holds the ends against each other, and sums up."""
        self._begin(venue, 0)
        self._flush()
        while self._next is not None:
            self._made_up()
        for exec_id, fee in sorted(self._unposted.values()):
            self.check.find(f"execution {exec_id} has fee {fee}, which the journal does not make")
        self._ended += self._live.values()
        self._hold_ended()
        self._hold_ends()
        self.check.says = (
            f"{self._compared:,} executions and {self._orders:,} orders as the journal makes them, each once;"
            f" up to sequence {self._sequence:,}"
        )

    def _begin(self, venue: Venue, made: int) -> None:
        """Passes over what the fold did not make, as the journal begins with a snapshot."""
        if self._before is None:
            self._before = int(venue.event_sequence) - made
            while self._next is not None and self._next[0] <= self._before:
                self._next = next(self._rows, None)

    def _wanted(self, rows: Records, sequence: int) -> Any:
        """(n,): those that the store has to have."""
        if self._places is None:
            return np.full(len(rows), sequence <= self._sequence) & (rows["event_sequence"] >= self._first)
        return (rows["event_sequence"] >= self._first) & (rows["event_sequence"] <= self._last)

    def _flush(self) -> None:
        """Folds what waits."""
        if not self._held:
            return
        reports = np.concatenate([rows for rows, _ in self._waiting])
        folded = fold(reports, np.concatenate([tenants for _, tenants in self._waiting]))
        self._waiting, self._held = [], 0
        unposted = (reports["flags"] & int(ReportFlag.UNPOSTED)) != 0
        waits = set(reports["event_sequence"][unposted].tolist())
        for made in folded.executions:
            self._compare(made, made[0] in waits)
        for rows, renames in ((folded.orders, False), (folded.renamed, True)):
            for row in rows:
                self._change(row, renames)
        if len(self._ended) >= _ASKED:
            self._hold_ended()

    def _compare(self, made: Values, unposted: bool) -> None:
        while self._next is not None and self._next[0] < made[0]:
            self._made_up()
        if self._next is None or self._next[0] > made[0]:
            self.check.find(f"execution {made[0]} is missing")
            return
        found, self._next = self._next, next(self._rows, None)
        self._compared += 1
        if unposted and found[_FEE] != made[_FEE]:  # perhaps as it was posted, which comes later
            key = found[_EXECUTION["trade_id"]], found[_EXECUTION["side"]]
            self._unposted[key] = found[0], found[_FEE]
            found = (*found[:_FEE], made[_FEE], *found[_FEE + 1 :])
        self._hold(f"execution {made[0]}", EXECUTIONS, found, made)

    def _made_up(self) -> None:
        """The next row is of no execution."""
        if self._next is not None:
            self.check.find(f"execution {self._next[0]} is not in the journal")
            self._next = next(self._rows, None)

    def _post(self, payload: bytes) -> None:
        """What trades are posted with is what their executions cost."""
        _, kind, commands = decode_commands(payload, limit=len(payload))
        if kind is not CommandList.LEDGER:
            return
        for command in commands[commands["kind"] == int(LedgerAction.POST_TRADE)]:
            for side, name in ((Side.BUY, "buyer_fee"), (Side.SELL, "seller_fee")):
                key = int(command["trade_id"]), int(side)
                if key in self._unposted and self._unposted[key][1] == int(command[name]):
                    del self._unposted[key]

    def _change(self, row: Values, renames: bool) -> None:
        """An order as the statements of the history change it."""
        order_id = row[_ORDER["order_id"]]
        known = None if order_id is None else self._live.get(order_id)
        if known is not None:
            was, said = dict(zip(_ORDER, known, strict=True)), dict(zip(_ORDER, row, strict=True))
            now = was | {name: said[name] for name in CHANGED}
            now |= {name: was[name] + said[name] for name in ADDED}
            if renames:
                now["orig_client_order_id"] = was["orig_client_order_id"] or was["client_order_id"]
                now["client_order_id"] = said["client_order_id"]
            row = tuple(now.values())
        if order_id is None or row[_ORDER["order_status"]] in _ENDED:
            self._live.pop(order_id or 0, None)
            self._ended.append(row)
        else:
            self._live[order_id] = row

    def _hold_ended(self) -> None:
        """Holds orders that will not change any more against what is stored."""
        for at in range(0, len(self._ended), _ASKED):
            some = self._ended[at : at + _ASKED]
            by_id = [row[_ORDER["order_id"]] for row in some if row[_ORDER["order_id"]] is not None]
            c = ORDERS.c
            stored = {
                row.order_id: row for row in self._tx.execute(select(ORDERS).where(c.order_id.in_(by_id)))
            }
            nameless = [row[0] for row in some if row[_ORDER["order_id"]] is None]
            asked = select(ORDERS).where(c.entered_sequence.in_(nameless), c.order_id.is_(None))
            rejected = {row.entered_sequence: row for row in self._tx.execute(asked)}
            for made in some:
                order_id = made[_ORDER["order_id"]]
                self._hold_order(made, rejected.get(made[0]) if order_id is None else stored.get(order_id))
        self._ended = []

    def _hold_order(self, made: Values, found: Row[Any] | None) -> None:
        order_id = made[_ORDER["order_id"]]
        what = f"the rejected order of event {made[0]}" if order_id is None else f"order {order_id}"
        if found is None:
            self.check.find(f"{what} is missing")
            return
        if found.entered_sequence <= (self._before or 0):
            pairs = zip(_ORDER, found, made, strict=True)
            made = tuple(now if name in CHANGED else was for name, was, now in pairs)
            self._hold(what, ORDERS, tuple(found), made)
            return
        self._orders += 1
        self._hold(what, ORDERS, tuple(found), made)

    def _hold(self, what: str, table: Table, found: Values, made: Values) -> None:
        if found != made:
            columns = zip(table.columns.keys(), found, made, strict=True)
            other = [(name, one, two) for name, one, two in columns if one != two]
            said = ", ".join(f"{name} {one}" for name, one, _ in other)
            want = ", ".join(f"{name} {two}" for name, _, two in other)
            self.check.find(f"{what} has {said}; the journal makes {want}")

    def _hold_ends(self) -> None:
        """Rows that are of no order, and what the store says of itself."""
        beyond = ORDERS.c.entered_sequence > (self._before or 0)
        asked = select(func.count()).select_from(ORDERS).where(beyond)
        there = int(self._tx.execute(asked).scalar_one())
        if there > self._orders:
            self.check.find(f"{there - self._orders} orders are not in the journal")
        if self._places is not None and self._reached and self._sequence != self._reached:
            self.check.find(f"the store says it is at sequence {self._sequence}, it is at {self._reached}")


def _executions_of(tx: Transaction) -> Iterator[Values]:
    asked = select(EXECUTIONS).order_by(EXECUTIONS.c.exec_id)
    found: Sequence[Any] = tx.execution_options(yield_per=10_000).execute(asked)  # type: ignore[assignment]
    yield from (tuple(row) for row in found)
