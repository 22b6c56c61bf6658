"""One settlement a trade: rows held against what the journal makes, and fees that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from sqlalchemy import select

from cmatch._core import Venue
from cmatch.frames import CommandList, decode_commands
from exchange.domain.enums import LedgerAction, Side
from exchange.runtime.audit import Check
from exchange.schema.event_rows import EventList
from exchange.services.settlement.tables import PROGRESS, TRADES
from exchange.storage.executions import Outcome
from exchange.storage.sql import Store, Transaction

_FEES: Final = (1 << 64) - 2  # the house's account
_MADE: Final = ("instrument_id", "price", "qty", "timestamp", "sequence")
_STORED: Final = ("instrument_id", "price", "qty", "traded_at", "sequence", "buyer", "seller")
_SIDES: Final = ("buyer", "seller")


class SettlementAudit:
    """Reads trades and postings beside the fold: each trade has its row, and is posted once, with its fees.

    What came before the first trade that is kept, and what settlement has not come to yet, is passed over.

    Args:
        store: Of settlement.
        tx: A view of it, for as long as this is used.
    """

    def __init__(self, store: Store, tx: Transaction) -> None:
        self.check = Check(store.service)
        taken, posted = tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.posted)).one()
        self._last, self._posted = int(taken), int(posted)
        self._rows = _rows_of(tx)
        self._next: Mapping[str, Any] | None = next(self._rows, None)
        self._first = 0 if self._next is None else int(self._next["trade_id"])
        self._waiting: dict[int, Mapping[str, Any]] = {}
        self._fees: Counter[int] = Counter()
        self._trades = self._posts = self._posted_last = 0

    def take(self, outcome: Outcome, _venue: Venue) -> None:
        """Compares the trades of the next record, and what it posts."""
        for rows in outcome.trades:
            for trade in rows.rows:
                if self._first <= int(trade["trade_id"]) <= self._last:
                    self._compare(trade)
        done = [
            int(trade_id)
            for rows in outcome.executions
            if rows.kind is EventList.ANSWERS
            for trade_id in rows.rows["transfer_id"][
                (rows.rows["kind"] == int(LedgerAction.POST_TRADE))
                & (rows.rows["family"] == int(CommandList.LEDGER))
                & (rows.rows["reject"] == 0)
            ][:, 0]
        ]
        if done:
            (record,) = outcome.others
            self._compare_posts(record.payload, done)

    def close(self, venue: Venue) -> None:
        """Holds the ends against each other, and sums up."""
        while self._next is not None:
            self.check.find(f"trade {self._next['trade_id']} is not in the journal")
            self._next = next(self._rows, None)
        for trade_id in sorted(self._waiting):
            if trade_id <= self._posted:
                self.check.find(f"trade {trade_id} is settled, and the journal does not post it")
        if self._first == 1 and self._posted_last <= self._posted and self._last >= self._posted_last:
            self._add_up(venue)
        self.check.says = (
            f"{self._trades:,} trades as the journal makes them, each settled once, {self._posts:,} of them"
            f" by postings with the fees of their rows; up to trade {self._posted:,}"
        )

    def _compare(self, trade: np.void) -> None:
        trade_id = int(trade["trade_id"])
        while self._next is not None and int(self._next["trade_id"]) < trade_id:
            # The journal begins with a snapshot: what was before it cannot be made again.
            if self._trades:
                self.check.find(f"trade {self._next['trade_id']} is not in the journal")
            self._next = next(self._rows, None)
        self._trades += 1
        if self._next is None or int(self._next["trade_id"]) > trade_id:
            self.check.find(f"trade {trade_id} is missing")
            return
        row, self._next = self._next, next(self._rows, None)
        taker_buys = int(trade["taker_side"]) == int(Side.BUY)
        buyer, seller = ("taker", "maker") if taker_buys else ("maker", "taker")
        made = [int(trade[name]) for name in _MADE]
        made += [int(trade[f"{buyer}_account"]), int(trade[f"{seller}_account"])]
        found = [int(row[name]) for name in _STORED]
        if found != made:
            self.check.find(f"trade {trade_id} is {found}, the journal makes {made}")
        if bool(row["at_once"]) == bool(trade["unposted"]):
            self.check.find(f"trade {trade_id}: who posts it is told otherwise")
        if row["at_once"]:
            for side, role in zip(_SIDES, (buyer, seller), strict=True):
                if int(row[f"{side}_fee"]) != int(trade[f"{role}_fee"]):
                    self.check.find(f"trade {trade_id}: the {side}'s fee is not what the venue took")
            self._count(row)
        else:
            self._waiting[trade_id] = row

    def _compare_posts(self, payload: bytes, done: list[int]) -> None:
        _, kind, commands = decode_commands(payload, limit=len(payload))
        if kind is not CommandList.LEDGER:
            return
        said = {
            int(command["trade_id"]): (int(command["buyer_fee"]), int(command["seller_fee"]))
            for command in commands
            if int(command["kind"]) == int(LedgerAction.POST_TRADE)
        }
        for trade_id in done:
            self._posted_last = trade_id
            row = self._waiting.pop(trade_id, None)
            if row is None:
                if self._first <= trade_id <= self._last and self._trades:
                    self.check.find(f"trade {trade_id} is posted twice, or before it was made")
                continue
            self._posts += 1
            fees = (int(row["buyer_fee"]), int(row["seller_fee"]))
            if said[trade_id] != fees:
                self.check.find(f"trade {trade_id} is posted with {said[trade_id]}, its row has {fees}")
            self._count(row)

    def _count(self, row: Mapping[str, Any]) -> None:
        for side in _SIDES:
            self._fees[int(row[f"{side}_fee_asset"])] += int(row[f"{side}_fee"])

    def _add_up(self, venue: Venue) -> None:
        """What the house has is the sum of all fees."""
        has = {int(row["asset"]): int(row["total"]) for row in venue.balances(_FEES)}
        for asset in sorted({*has, *self._fees}):
            if has.get(asset, 0) != self._fees[asset]:
                self.check.find(
                    f"the fees of all trades in asset {asset} are {self._fees[asset]},"
                    f" the house has {has.get(asset, 0)}"
                )


def _rows_of(tx: Transaction) -> Iterator[Mapping[str, Any]]:
    found = tx.execution_options(yield_per=10_000).execute(select(TRADES).order_by(TRADES.c.trade_id))
    for row in found.mappings():
        yield {str(name): value for name, value in row.items()}
