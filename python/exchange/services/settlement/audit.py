"""One settlement a trade: rows held against what the journal makes, and fees that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from sqlalchemy import except_, func, select

from cmatch._core import Venue
from cmatch.frames import CommandList, decode_commands
from cmatch.rejects import RejectCode
from exchange.domain.enums import LedgerAction, Side
from exchange.domain.intervals import DAY_NS
from exchange.runtime.audit.check import Check
from exchange.runtime.audit.places import Places
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records
from exchange.services.settlement.audit_postings import PostingsAudit
from exchange.services.settlement.audit_told import hold_told
from exchange.services.settlement.tables import PROGRESS, SIDES, TRADES, VOLUMES
from exchange.storage.executions import Outcome
from exchange.storage.sql import Store, Transaction, ascii_texts, signed

_FEES: Final = (1 << 64) - 2  # the house's account
_MOST: Final = (1 << 63) - 1
_COPIED: Final = ("instrument_id", "price", "qty", "sequence")
_SIDED: Final = ("tenant", "fee_asset")
_SIDES: Final = ("buyer", "seller")
_READS: Final = "execution.trades"
_NO_ANSWERS: Final[Records] = np.zeros(0, ROW_DTYPES[EventList.ANSWERS])
Row = Mapping[str, Any]


class SettlementAudit:
    """Reads trades and postings beside the fold: each trade has its row, and is posted once, with its fees.

    What was traded before the service was switched on, and what it has not come to yet, is passed over: but
    whatever the journal posts has a row, and so has what the log still has, and what the store says it has.

    Args:
        store: Of settlement.
        tx: A view of it, for as long as this is used.
        places: How far the service was in the log before that; None: it is not looked at.
    """

    def __init__(self, store: Store, tx: Transaction, places: Places | None = None) -> None:
        self.check = Check(store.service)
        self._tx = tx
        self._places = places
        self._whole = places is not None and not places.runs  # what the journal has, the store has
        taken, posted = tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.posted)).one()
        self._taken, self._posted = int(taken), int(posted)
        self._end = int(tx.execute(select(func.max(TRADES.c.trade_id))).scalar() or 0)
        self._last = max(self._taken, self._end, places.last(tx, _READS) if places else 0)
        first = places.first(_READS) if places else None
        self._rows = _rows_of(tx)
        self._next: Row | None = next(self._rows, None)
        begins = [each for each in (first, self._next and int(self._next["trade_id"])) if each]
        self._first = min(begins, default=_MOST)
        self._postings = PostingsAudit(tx, self._posted, self.check)
        self._waiting: dict[int, Row] = {}
        if places is not None:
            places.hold(tx, self.check)
        self._terms: dict[int, tuple[int, int, int]] = {}
        self._fees: Counter[int] = Counter()
        self._volumes: Counter[tuple[int, int, int]] = Counter()
        self._begun = False
        self._trades = self._posts = 0

    def take(self, outcome: Outcome, venue: Venue) -> None:
        """Compares the trades of the next record, and what it posts."""
        if outcome.others:  # definitions, perhaps
            self._terms.clear()
        trades = [trade for rows in outcome.trades for trade in rows.rows]
        answers = _posts_of(outcome)
        posted = answers[answers["reject"] == 0]["transfer_id"][:, 0].tolist()
        if not self._begun:
            at_once = sum(not trade["unposted"] for trade in trades)
            self._begin(venue, len(trades), at_once + len(posted))
        for trade in trades:
            if self._first <= int(trade["trade_id"]) <= self._last:
                self._compare(trade, venue)
        if len(answers):
            self._postings.take(answers)
        if posted:
            (record,) = outcome.others
            self._compare_posts(record.payload, posted)

    def close(self, venue: Venue) -> None:
        """Holds the ends against each other, and sums up."""
        if not self._begun:
            self._begin(venue, 0, 0)
        while self._next is not None:
            self._made_up(venue)
        for trade_id in sorted(self._waiting):
            if trade_id <= self._posted:
                self.check.find(f"trade {trade_id} is settled, and the journal does not post it")
        settled = int(venue.status()["trades"][0]) - int(venue.unposted_trades)
        if self._first == 1 and min(self._posted, self._last) >= settled:
            self._add_up(venue)
        self._postings.close()
        self._hold_progress()
        self._hold_sides()
        self._hold_volumes()
        if self._places is not None:
            hold_told(self._tx, self._places, self._posted, self.check)
        self.check.says = (
            f"{self._trades:,} trades as the journal makes them, each settled once, {self._posts:,} of them"
            f" by postings with the fees of their rows; up to trade {self._posted:,}"
        )

    def _begin(self, venue: Venue, made: int, settled: int) -> None:
        """Passes over what the fold did not make, as the journal begins with a snapshot.

        Args:
            venue: After the first record.
            made: Trades that this made.
            settled: Trades that this posted, or that it made as posted.
        """
        self._begun = True
        before = int(venue.status()["trades"][0]) - made
        posted = before + made - int(venue.unposted_trades) - settled
        self._postings.begin(posted)
        while self._next is not None and int(self._next["trade_id"]) <= before:
            row, self._next = self._next, next(self._rows, None)
            self._add_volume(row, venue)
            if int(row["trade_id"]) > posted:
                self._waiting[int(row["trade_id"])] = row
            else:
                self._count(row)

    def _compare(self, trade: np.void, venue: Venue) -> None:
        trade_id = int(trade["trade_id"])
        while self._next is not None and int(self._next["trade_id"]) < trade_id:
            self._made_up(venue)
        self._trades += 1
        if self._next is None or int(self._next["trade_id"]) > trade_id:
            self.check.find(f"trade {trade_id} is missing")
            return
        row, self._next = self._next, next(self._rows, None)
        self._add_volume(row, venue)
        made = self._made(trade, venue)
        other = {name: (row[name], value) for name, value in made.items() if row[name] != value}
        if other:
            said = ", ".join(f"{name} {found}" for name, (found, _) in other.items())
            want = ", ".join(f"{name} {value}" for name, (_, value) in other.items())
            self.check.find(f"trade {trade_id} has {said}; the journal makes {want}")
        if not trade["unposted"]:
            self._count(row)
            return
        self._waiting[trade_id] = row
        for side, most in self._most(trade).items():
            if abs(int(row[f"{side}_fee"])) > most:
                self.check.find(f"trade {trade_id}: the {side}'s fee is more than was reserved for it")

    def _made(self, trade: np.void, venue: Venue) -> dict[str, Any]:
        """Columns as the trade makes them; fees where the venue took them itself."""
        taker_buys = int(trade["taker_side"]) == int(Side.BUY)
        roles = dict(zip(_SIDES, ("taker", "maker") if taker_buys else ("maker", "taker"), strict=True))
        lots, units, _ = self._terms_of(int(trade["instrument_id"]), venue)
        made: dict[str, Any] = {name: int(trade[name]) for name in _COPIED}
        made |= {"traded_at": int(trade["timestamp"]), "buyer_is_maker": int(not taker_buys)}
        made |= {"cost": made["price"] * made["qty"] * units, "goods": made["qty"] * lots}
        made |= {"at_once": int(not trade["unposted"])}
        (made["correlation_id"],) = ascii_texts([bytes(trade["correlation_id"])])
        for side, role in roles.items():
            made[side] = signed(int(trade[f"{role}_account"]))
            made |= {f"{side}_{what}": int(trade[f"{role}_{what}"]) for what in _SIDED}
            if not trade["unposted"]:
                made[f"{side}_fee"] = int(trade[f"{role}_fee"])
        return made

    def _most(self, trade: np.void) -> dict[str, int]:
        taker_buys = int(trade["taker_side"]) == int(Side.BUY)
        roles = ("taker", "maker") if taker_buys else ("maker", "taker")
        return {side: abs(int(trade[f"{role}_fee"])) for side, role in zip(_SIDES, roles, strict=True)}

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
            row = self._waiting.pop(trade_id, None)
            if row is None:
                if trade_id <= self._last or self._whole:
                    self.check.find(
                        f"the journal posts trade {trade_id}, which has no row, or is posted twice"
                    )
                continue
            self._posts += 1
            fees = (int(row["buyer_fee"]), int(row["seller_fee"]))
            if said[trade_id] != fees:
                self.check.find(f"trade {trade_id} is posted with {said[trade_id]}, its row has {fees}")
            self._count(row)

    def _made_up(self, venue: Venue) -> None:
        """The next row is of no trade."""
        if self._next is not None:
            self.check.find(f"trade {self._next['trade_id']} is not in the journal")
            self._add_volume(self._next, venue)
            self._next = next(self._rows, None)

    def _terms_of(self, instrument_id: int, venue: Venue) -> tuple[int, int, int]:
        """Minor units of base in a lot, of quote in a tick times a lot, and the quote asset."""
        if not self._terms:
            scales = {int(row["asset"]): int(row["scale"]) for row in venue.assets()}
            for row in venue.instruments():
                price, qty, quote = int(row["price_scale"]), int(row["qty_scale"]), int(row["quote"])
                lots, units = 10 ** (scales[int(row["base"])] - qty), 10 ** (scales[quote] - price - qty)
                self._terms[int(row["instrument_id"])] = lots, units, quote
        return self._terms.get(instrument_id, (0, 0, 0))

    def _count(self, row: Row) -> None:
        for side in _SIDES:
            self._fees[int(row[f"{side}_fee_asset"])] += int(row[f"{side}_fee"])

    def _add_volume(self, row: Row, venue: Venue) -> None:
        *_, quote = self._terms_of(int(row["instrument_id"]), venue)
        for side in _SIDES:
            self._volumes[int(row[side]), quote, int(row["traded_at"]) // DAY_NS] += int(row["cost"])

    def _add_up(self, venue: Venue) -> None:
        """What the house has is the sum of all fees."""
        has = {int(row["asset"]): int(row["total"]) for row in venue.balances(_FEES)}
        for asset in sorted({*has, *self._fees}):
            if has.get(asset, 0) != self._fees[asset]:
                self.check.find(
                    f"the fees of all trades in asset {asset} are {self._fees[asset]},"
                    f" the house has {has.get(asset, 0)}"
                )

    def _hold_progress(self) -> None:
        """What the store says of itself is what its rows come to."""
        if self._taken != self._end:
            self.check.find(f"the store says it has trades to {self._taken}, its rows end with {self._end}")
        at_once = select(func.max(TRADES.c.trade_id)).where(TRADES.c.at_once != 0)
        posted = max(int(self._tx.execute(at_once).scalar() or 0), self._postings.last)
        if self._posted != posted:
            self.check.find(f"the store says that trades to {self._posted} are settled, its rows to {posted}")

    def _hold_sides(self) -> None:
        """The trades of accounts are those of the rows."""
        c = TRADES.c
        both = select(c.buyer, c.trade_id).union(select(c.seller, c.trade_id)).subquery()
        rows, sides = select(both), select(SIDES.c.account, SIDES.c.trade_id)
        for asked, what in (
            (except_(rows, sides), "is missing among the trades of account"),
            (except_(sides, rows), "is none of account"),
        ):
            for account, trade_id in self._tx.execute(asked):
                self.check.find(f"trade {trade_id} {what} {account}")

    def _hold_volumes(self) -> None:
        """What accounts traded in a day is the sum of their rows."""
        stored = {
            (int(row.account), int(row.asset), int(row.day)): int(row.amount)
            for row in self._tx.execute(select(VOLUMES))
        }
        for key in sorted(self._volumes.keys() | stored.keys()):
            want, found = min(self._volumes[key], _MOST), stored.get(key, 0)
            if found != want:
                account, asset, day = key
                self.check.find(
                    f"account {account} traded {want} of asset {asset} on day {day}, its volume is {found}"
                )


def _posts_of(outcome: Outcome) -> Records:
    """Answers to who posts trades, that these are posted now or were before."""
    found = [
        rows.rows[
            (rows.rows["kind"] == int(LedgerAction.POST_TRADE))
            & (rows.rows["family"] == int(CommandList.LEDGER))
            & np.isin(rows.rows["reject"], [0, int(RejectCode.ALREADY_POSTED)])
        ]
        for rows in outcome.executions
        if rows.kind is EventList.ANSWERS
    ]
    return np.concatenate(found) if found else _NO_ANSWERS


def _rows_of(tx: Transaction) -> Iterator[Row]:
    found = tx.execution_options(yield_per=10_000).execute(select(TRADES).order_by(TRADES.c.trade_id))
    for row in found.mappings():
        yield {str(name): value for name, value in row.items()}
