"""What came of records of the journal: reports, answers and trades, with their numbers for all time.

Reports and answers share one gapless numbering, trades have another; both are part of the venue's state. So
whoever folds the journal again, from whatever snapshot, makes the same of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cmatch._core import Disk, JournalReader, JournalRecord, Venue
from exchange.domain.enums import ExecType, Liquidity, ReportFlag
from exchange.errors import StorageError
from exchange.schema.event_rows import (
    ROWS_MAX,
    TRADE_DTYPE,
    EventList,
    Records,
    Tenants,
    joined_rows,
    rows_at,
)
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

    @property
    def last(self) -> int:
        """Number of the last one."""
        return self.first + len(self.rows) - 1

    def part(self, first: int, last: int) -> Rows:
        """Those with these numbers and between."""
        begin, end = first - self.first, last - self.first + 1
        return Rows(self.kind, first, self.rows[begin:end], self.tenants[begin:end])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of records of one epoch that follow each other.

    Args:
        sequence: Of their last command.
        commands: How many they have.
        epoch: Of who wrote them.
        others: Those among them that are not of orders or of shards' events, which nobody administers by.
        executions: Reports and answers, in order.
        trades: In order.
    """

    sequence: int
    commands: int
    epoch: int
    others: tuple[JournalRecord, ...]
    executions: tuple[Rows, ...]
    trades: tuple[Rows, ...]


@dataclass(frozen=True, slots=True)
class _Applied:
    """Records that were applied, after so many executions, and what the engine made of them.

    One, where it is not of orders: then `other` is the record.
    """

    sequence: int
    commands: int
    epoch: int
    before: int
    reports: Records
    answers: Records
    other: JournalRecord | None = None


_NO_TENANTS: Final[Tenants] = np.zeros(0, np.uint32)
_Places = npt.NDArray[np.intp]


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
        found = self.stretch(up_to, 1)
        return found[0] if found else None

    def stretch(self, up_to: int, most_commands: int) -> list[Outcome]:
        """What comes of the next records, together: until they have so many commands, or there are no more.

        Its events are the same in whatever stretches the journal is taken. One outcome ends where the epoch
        does, and where an account was opened: whoever has none yet belongs to nobody.

        Raises:
            JournalCorrupt, JournalGap, StorageError: As of `advance`.
        """
        found: list[Outcome] = []
        applied: list[_Applied] = []
        done = 0
        while done < most_commands and (some := self._apply(up_to, most_commands - done)) is not None:
            done += some.commands
            if self.executions != some.before + len(some.reports) + len(some.answers):
                raise StorageError(
                    f"the events of {some.sequence} end with {self.executions}, after {some.before}"
                )
            is_new = some.other is not None and self._tenants.are_old
            if is_new or (applied and applied[0].epoch != some.epoch):
                found += self._outcomes(applied)
                applied = []
            if is_new:
                self._tenants.look()
            applied.append(some)
        return found + self._outcomes(applied)

    def _apply(self, up_to: int, most_commands: int) -> _Applied | None:
        """Applies what orders there are, or one record of another kind; None: there is none yet."""
        before, venue = self.executions, self.venue
        if self._next is None:
            done, epoch, self._next, reports, answers = venue.take_orders(self._reader, most_commands, up_to)
            if done:
                return _Applied(self.sequence, done, epoch, before, reports, answers)
        while (record := self._next) is not None:
            last = record.first_sequence + record.commands - 1
            if last > up_to:
                return None
            self._next = None
            if last > self.sequence:
                reports, answers = venue.apply_payload(record.payload)
                return _Applied(last, record.commands, record.epoch, before, reports, answers, record)
            self._next = self._reader.next()
        return None

    def _outcomes(self, applied: Sequence[_Applied]) -> list[Outcome]:
        """One, of records that follow each other, while no account was opened but by the first; or none."""
        if not applied:
            return []
        reports = joined_rows([each.reports for each in applied])
        answers = joined_rows([each.answers for each in applied])
        executions = self._executions(applied[0].before, reports, answers)
        return [
            Outcome(
                sequence=applied[-1].sequence,
                commands=sum(each.commands for each in applied),
                epoch=applied[0].epoch,
                others=tuple(each.other for each in applied if each.other is not None),
                executions=executions,
                trades=self._trades_of(reports),
            )
        ]

    def _executions(self, before: int, reports: Records, answers: Records) -> tuple[Rows, ...]:
        """Runs of one kind in the order of their numbers."""
        numbers = np.concatenate([reports["event_sequence"], answers["event_sequence"]]).astype(np.int64)
        order = np.argsort(numbers, kind="stable")
        if not np.array_equal(numbers[order], np.arange(before + 1, before + 1 + len(numbers))):
            raise StorageError(f"the events behind {before} are not numbered without a gap")
        if not len(order):
            return ()
        is_answer = order >= len(reports)
        rows = {
            EventList.REPORTS: _in_order(reports, order[~is_answer]),
            EventList.ANSWERS: _in_order(answers, order[is_answer] - len(reports)),
        }
        tenants = {kind: self._tenants.of(found["account"]) for kind, found in rows.items()}
        found: list[Rows] = []
        used = dict.fromkeys(rows, 0)
        for start, end in pairwise([0, *(np.flatnonzero(np.diff(is_answer)) + 1).tolist(), len(order)]):
            kind = EventList.ANSWERS if is_answer[start] else EventList.REPORTS
            for at in range(start, end, ROWS_MAX):
                first = used[kind]
                last = used[kind] = first + min(ROWS_MAX, end - at)
                found.append(Rows(kind, before + 1 + at, rows[kind][first:last], tenants[kind][first:last]))
        return tuple(found)

    def _trades_of(self, reports: Records) -> tuple[Rows, ...]:
        """The trades: each is two reports, the taker's and then the maker's."""
        sides = rows_at(reports, _sides(reports))
        if not len(sides):
            return ()
        taker, maker = sides[0::2], sides[1::2]
        count, first = len(maker), self._trades + 1
        if not (
            np.array_equal(taker["trade_id"], maker["trade_id"])
            and np.array_equal(taker["trade_id"], np.arange(first, first + count, dtype=np.uint64))
        ):
            raise StorageError(f"the trades behind {self._trades} are not two sides each, without a gap")
        rows = _seen_of(taker)
        for name, side in (("taker", taker), ("maker", maker)):
            rows[f"{name}_order_id"], rows[f"{name}_account"] = side["order_id"], side["account"]
            rows[f"{name}_fee"], rows[f"{name}_fee_asset"] = side["fee"], side["fee_asset"]
            rows[f"{name}_leaves_qty"] = side["leaves_qty"]
            rows[f"{name}_tenant"] = self._tenants.of(side["account"])
        rows["correlation_id"] = _joined(taker, "correlation_id")
        self._trades += count
        return tuple(
            Rows(EventList.TRADES, first + at, rows[at : at + ROWS_MAX], _NO_TENANTS)
            for at in range(0, count, ROWS_MAX)
        )


def trades_of(reports: Records) -> Records:
    """The trades among reports, with all that everybody may see of them.

    Args:
        reports: (n,) of ROW_DTYPES[EventList.REPORTS], of whole records.

    Returns:
        (n,) of TRADE_DTYPE, zero where it tells of a side.
    """
    return _seen_of(rows_at(reports, _sides(reports)[0::2]))


def _sides(reports: Records) -> _Places:
    """Where the reports of trades are: of each the taker's, and then the maker's."""
    return np.flatnonzero(reports["exec_type"] == int(ExecType.TRADE))


def _seen_of(taker: Records) -> Records:
    rows = np.zeros(len(taker), TRADE_DTYPE)
    for name in ("trade_id", "sequence", "timestamp", "instrument_id"):
        rows[name] = taker[name]
    rows["price"], rows["qty"] = taker["last_price"], taker["last_qty"]
    rows["taker_side"] = taker["side"]
    rows["auction"] = taker["liquidity"] == int(Liquidity.AUCTION)
    rows["unposted"] = taker["flags"] & int(ReportFlag.UNPOSTED) != 0
    return rows


def _in_order(rows: Records, order: _Places) -> Records:
    """A copy only where they are not."""
    return rows if np.array_equal(order, np.arange(len(rows))) else rows_at(rows, order)


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

    @property
    def are_old(self) -> bool:
        """Whether there are more accounts than were looked at."""
        return int(self._venue.status()["accounts"][0]) != len(self._accounts)

    def look(self) -> None:
        """Takes new accounts in."""
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
