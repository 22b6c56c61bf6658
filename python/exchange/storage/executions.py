"""What came of each record of the journal: reports, answers and trades, with their numbers for all time.

Reports and answers share one gapless numbering, trades have another; both are part of the venue's state. So
whoever folds the journal again, from whatever snapshot, makes the same of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cmatch._core import Disk, JournalReader, JournalRecord, Venue
from exchange.domain.enums import ExecType, Liquidity, ReportFlag
from exchange.errors import StorageError
from exchange.schema.event_rows import ROWS_MAX, TRADE_DTYPE, EventList, Records, Tenants
from exchange.storage.directory import DataDirectory
from exchange.storage.retention import list_segments, verified_snapshots
from exchange.storage.snapshots import restore


@dataclass(frozen=True, slots=True)
class Rows:
    """Events of one kind, one behind the other; no more than a frame holds.

    Args:
        kind: Which.
        first: Number of the first one.
        rows: (n,) of ROW_DTYPES[kind].
        tenants: (n,) of reports and answers, (0,) of trades.
    """

    kind: EventList
    first: int
    rows: Records
    tenants: Tenants


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one record.

    Args:
        sequence: Of its last command.
        epoch: Of who wrote it.
        ts_ns: Its journaled time.
        commands: How many it has.
        executions: Reports and answers, in order.
        trades: In order.
        payload: The record itself, its commands.
    """

    sequence: int
    epoch: int
    ts_ns: int
    commands: int
    executions: tuple[Rows, ...]
    trades: tuple[Rows, ...]
    payload: bytes


_NO_TENANTS: Final[Tenants] = np.zeros(0, np.uint32)


class ExecutionFold:
    """The journal of a directory, folded record by record. One thread at a time.

    Args:
        journal: Directory of the journal; it may be in use by its writer.
        venue: Where it is folded into: it begins with the sequence after the venue's.
        disk: Where the journal is; the machine's own where it is None.
    """

    def __init__(self, journal: Path, venue: Venue, *, disk: Disk | None = None) -> None:
        self.venue = venue
        self._reader = JournalReader(str(journal), venue.sequence + 1, disk=disk)
        self._next: JournalRecord | None = None
        self._tenants = _TenantsOf(venue)
        self._trades = int(venue.status()["trades"][0])

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        return int(self.venue.sequence)

    @property
    def executions(self) -> int:
        """Number of the last report or answer."""
        return int(self.venue.event_sequence)

    @property
    def trades(self) -> int:
        """Number of the last trade."""
        return self._trades

    def advance(self, up_to: int) -> Outcome | None:
        """What comes of the next record; None: there is none yet that ends with that sequence or before.

        Raises:
            JournalCorrupt: The record cannot be where it is.
            JournalGap: It was removed.
            StorageError: Its events are not numbered as they have to be.
        """
        record = self._take(up_to)
        if record is None:
            return None
        before = self.executions
        reports, answers = self.venue.apply_payload(record.payload)
        self._tenants.look()
        outcome = Outcome(
            sequence=record.first_sequence + record.commands - 1,
            epoch=record.epoch,
            ts_ns=record.ts_ns,
            commands=record.commands,
            executions=tuple(self._executions(before, reports, answers)),
            trades=tuple(self._trades_of(reports)),
            payload=record.payload,
        )
        if self.executions != before + len(reports) + len(answers):
            raise StorageError(f"the events of {outcome.sequence} end with {self.executions}, after {before}")
        return outcome

    def _take(self, up_to: int) -> JournalRecord | None:
        while True:
            record, self._next = self._next or self._reader.next(), None
            if record is None:
                return None
            last = record.first_sequence + record.commands - 1
            if last > up_to:
                self._next = record
                return None
            if last > self.sequence:
                return record

    def _executions(self, before: int, reports: Records, answers: Records) -> list[Rows]:
        """Runs of one kind in the order of their numbers."""
        found: list[Rows] = []
        numbers = np.concatenate([reports["event_sequence"], answers["event_sequence"]]).astype(np.int64)
        order = np.argsort(numbers, kind="stable")
        if not np.array_equal(numbers[order], np.arange(before + 1, before + 1 + len(numbers))):
            raise StorageError(f"the events behind {before} are not numbered without a gap")
        is_answer = order >= len(reports)
        starts = [0, *(np.flatnonzero(np.diff(is_answer)) + 1).tolist(), len(order)]
        for start, end in pairwise(starts):
            for at in range(start, end, ROWS_MAX):
                places = order[at : min(at + ROWS_MAX, end)]
                if is_answer[at]:
                    kind, rows = EventList.ANSWERS, answers[places - len(reports)]
                else:
                    kind, rows = EventList.REPORTS, reports[places]
                found.append(Rows(kind, before + 1 + at, rows, self._tenants.of(rows["account"])))
        return found

    def _trades_of(self, reports: Records) -> list[Rows]:
        """The trades: each is two reports, the taker's and then the maker's."""
        sides = reports[reports["exec_type"] == int(ExecType.TRADE)]
        if not len(sides):
            return []
        taker, maker = sides[0::2], sides[1::2]
        count, first = len(maker), self._trades + 1
        if not (
            np.array_equal(taker["trade_id"], maker["trade_id"])
            and np.array_equal(taker["trade_id"], np.arange(first, first + count, dtype=np.uint64))
        ):
            raise StorageError(f"the trades behind {self._trades} are not two sides each, without a gap")
        rows = np.zeros(count, TRADE_DTYPE)
        for name in ("trade_id", "sequence", "timestamp", "instrument_id"):
            rows[name] = taker[name]
        rows["price"], rows["qty"] = taker["last_price"], taker["last_qty"]
        rows["taker_side"] = taker["side"]
        rows["auction"] = taker["liquidity"] == int(Liquidity.AUCTION)
        rows["unposted"] = taker["flags"] & int(ReportFlag.UNPOSTED) != 0
        for name, side in (("taker", taker), ("maker", maker)):
            rows[f"{name}_order_id"], rows[f"{name}_account"] = side["order_id"], side["account"]
            rows[f"{name}_fee"], rows[f"{name}_fee_asset"] = side["fee"], side["fee_asset"]
            rows[f"{name}_leaves_qty"] = side["leaves_qty"]
            rows[f"{name}_tenant"] = self._tenants.of(side["account"])
        rows["correlation_id"] = _joined(taker, "correlation_id")
        self._trades += count
        return [
            Rows(EventList.TRADES, first + at, rows[at : at + ROWS_MAX], _NO_TENANTS)
            for at in range(0, count, ROWS_MAX)
        ]


def _joined(rows: Records, name: str) -> npt.NDArray[np.bytes_]:
    """(n,) of a text whose head and tail are fields of their own."""
    head, tail = rows[f"{name}_head"], rows[f"{name}_tail"]
    # A head that is not full ends the text; one that is has the tail behind it, byte by byte.
    parts = [np.ascontiguousarray(part).view(np.uint8).reshape(len(rows), -1) for part in (head, tail)]
    whole = np.ascontiguousarray(np.concatenate(parts, axis=1))
    return whole.view(f"S{whole.shape[1]}").reshape(len(rows))


class _TenantsOf:
    """The tenants of accounts, which never change: looked at again when there are more accounts."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._accounts = np.zeros(0, np.uint64)
        self._tenants: Tenants = _NO_TENANTS
        self.look()

    def look(self) -> None:
        """Takes new accounts in."""
        if int(self._venue.status()["accounts"][0]) == len(self._accounts):
            return
        rows = self._venue.accounts()
        order = np.argsort(rows["account"], kind="stable")
        self._accounts = rows["account"][order].astype(np.uint64)
        self._tenants = rows["tenant"][order].astype(np.uint32)

    def of(self, accounts: npt.NDArray[np.uint64]) -> Tenants:
        """(n,): the operator's, 0, for accounts that are not open."""
        if not len(self._accounts):
            return np.zeros(len(accounts), np.uint32)
        places = np.minimum(np.searchsorted(self._accounts, accounts), len(self._accounts) - 1)
        return np.where(self._accounts[places] == accounts, self._tenants[places], np.uint32(0))


def starting_fold(
    directory: DataDirectory,
    limits: Mapping[str, Any],
    *,
    executions: int,
    trades: int | None,
    passed_over: Callable[[StorageError], object] = lambda _: None,
) -> ExecutionFold:
    """The fold of a data directory that comes to what follows the numbers that somebody has already.

    It begins with the newest snapshot that is not beyond them, or with the first record. Where nobody has
    anything yet, and the beginning of the journal is gone, it begins with the oldest snapshot.

    Args:
        directory: Whose.
        limits: Of an empty venue.
        executions: Number of the last report or answer that is known; 0: none.
        trades: Of the last trade that is known; 0: none; None: none since it began with a snapshot.
        passed_over: Told why a snapshot cannot be restored.

    Raises:
        StorageError: What follows them is no longer in the journal.
    """
    segments = list_segments(directory.journal)
    whole = not segments or segments[0].first_sequence == 1
    new = executions == 0 and not trades
    oldest: Venue | None = None
    for snapshot in reversed(verified_snapshots(directory)):
        if not whole and snapshot.sequence + 1 < segments[0].first_sequence:
            break
        if whole and new:
            break
        try:
            venue = restore(snapshot, Venue.restore)
        except StorageError as error:
            passed_over(error)
            continue
        met = int(venue.status()["trades"][0])
        if venue.event_sequence <= executions and (trades is None or met <= trades):
            return ExecutionFold(directory.journal, venue)
        oldest = venue
    if whole:
        return ExecutionFold(directory.journal, Venue(**limits))
    if new and oldest is not None:
        return ExecutionFold(directory.journal, oldest)
    raise StorageError(
        f"{directory.journal} no longer has what follows event {executions} and trade {trades or 0}"
    )
