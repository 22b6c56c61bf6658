"""What is noted of postings, held against the answers that the journal makes to who posts."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, select

from exchange.runtime.audit.check import Check
from exchange.schema.event_rows import Records
from exchange.services.settlement.tables import POSTINGS
from exchange.storage.sql import Transaction

_ALL: Final = 1 << 62


class PostingsAudit:
    """Reads postings beside the fold: each is an answer, and stands for the trades that were asked with it.

    An answer that was lost is another one later, which says that the trade was posted before: then it is that
    one that is noted.

    Args:
        tx: A view of the store.
        posted: Up to which trade it says that all are settled.
        check: Takes what is wrong.
    """

    def __init__(self, tx: Transaction, posted: int, check: Check) -> None:
        self._posted = posted
        self._check = check
        self.last = int(tx.execute(select(func.max(POSTINGS.c.trade_id))).scalar() or 0)
        """The last trade of the last posting; 0: there is none."""
        found = select(POSTINGS).order_by(POSTINGS.c.trade_id)
        self._rows = iter(tx.execution_options(yield_per=10_000).execute(found))
        self._next: Any = next(self._rows, None)
        self._noted: dict[int, tuple[int, int]] = {}  # postings that are not the first answer
        self._uncovered: set[int] = set()  # trades that are noted with those of a later request

    def begin(self, posted: int) -> None:
        """Passes over what was posted before the journal begins."""
        while self._next is not None and self._next.trade_id <= posted:
            self._next = next(self._rows, None)

    def take(self, answers: Records) -> None:
        """Compares the answers of one record: to trades that are posted now, or were before."""
        last = 0
        for row in answers:
            trade_id, said = int(row["transfer_id"][0]), (int(row["sequence"]), int(row["timestamp"]))
            if row["reject"] == 0:
                last = self._accepted(trade_id, said)
                continue
            self._uncovered.discard(trade_id)
            if self._noted.get(trade_id) == said:
                del self._noted[trade_id]
        if last:
            self._uncovered.add(last)

    def _accepted(self, trade_id: int, said: tuple[int, int]) -> int:
        """Compares one that is posted now; its number where it has no posting of its own and needs one."""
        self._pass_over(trade_id)
        if self._next is None or self._next.trade_id > trade_id:
            return trade_id if trade_id <= self._posted else 0
        noted = (int(self._next.sequence), int(self._next.settled_at))
        if noted != said:
            self._noted[trade_id] = noted
        self._next = next(self._rows, None)
        return 0

    def _pass_over(self, trade_id: int) -> None:
        """Postings before a trade are of none."""
        while self._next is not None and self._next.trade_id < trade_id:
            self._check.find(f"the journal does not post trade {self._next.trade_id} as is noted")
            self._next = next(self._rows, None)

    def close(self) -> None:
        """Says what no answer came for."""
        self._pass_over(_ALL)
        for trade_id in sorted(self._noted.keys() | self._uncovered):
            self._check.find(
                f"when and by what trade {trade_id} was posted is not noted as the journal has it"
            )
