"""One effect an event: the rows of the history held against what the journal makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from sqlalchemy import select

from cmatch._core import Venue
from exchange.domain.enums import ExecType
from exchange.runtime.audit import Check
from exchange.schema.event_rows import EventList
from exchange.services.history.tables import EXECUTIONS, PROGRESS
from exchange.storage.executions import Outcome
from exchange.storage.sql import Store, Transaction

_COLUMNS: Final = ("event_sequence", "trade_id", "order_id", "last_qty", "last_price")
_Row = tuple[int, ...]


class HistoryAudit:
    """Reads the executions beside the fold: each is there once, as the journal makes it.

    What came before the first one that is kept, and what the history has not come to yet, is passed over.

    Args:
        store: Of the history.
        tx: A view of it, for as long as this is used.
    """

    def __init__(self, store: Store, tx: Transaction) -> None:
        self.check = Check(store.service)
        self._sequence = int(tx.execute(select(PROGRESS.c.sequence)).scalar_one())
        self._rows = _rows_of(tx)
        self._next: _Row | None = next(self._rows, None)
        self._first = 0 if self._next is None else self._next[0]
        self._compared = 0

    def take(self, outcome: Outcome, _venue: Venue) -> None:
        """Compares the executions of the next record."""
        if outcome.sequence > self._sequence:
            return
        for rows in outcome.executions:
            if rows.kind is not EventList.REPORTS:
                continue
            trades = rows.rows[rows.rows["exec_type"] == int(ExecType.TRADE)]
            if len(trades) and self._next is not None:
                columns = (trades[name].astype(np.int64).tolist() for name in _COLUMNS)
                for made in zip(*columns, strict=True):
                    self._compare(made)

    def close(self, _venue: Venue) -> None:
        """Holds the ends against each other, and sums up."""
        while self._next is not None:
            self.check.find(f"execution {self._next[0]} is not in the journal")
            self._next = next(self._rows, None)
        self.check.says = (
            f"{self._compared:,} executions as the journal makes them, each once;"
            f" up to sequence {self._sequence:,}"
        )

    def _compare(self, made: _Row) -> None:
        if made[0] < self._first:
            return
        while self._next is not None and self._next[0] < made[0]:
            self.check.find(f"execution {self._next[0]} is not in the journal")
            self._next = next(self._rows, None)
        if self._next is None or self._next[0] > made[0]:
            self.check.find(f"execution {made[0]} is missing")
            return
        if self._next != made:
            self.check.find(f"execution {made[0]} is {self._next[1:]}, the journal makes {made[1:]}")
        self._compared += 1
        self._next = next(self._rows, None)


def _rows_of(tx: Transaction) -> Iterator[_Row]:
    c = EXECUTIONS.c
    found = tx.execution_options(yield_per=10_000).execute(
        select(c.exec_id, c.trade_id, c.order_id, c.last_qty, c.last_price).order_by(c.exec_id)
    )
    yield from (tuple(row) for row in found)
