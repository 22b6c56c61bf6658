"""The audit of a data directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cmatch import InvariantViolation
from cmatch._core import Venue
from exchange.errors import StorageError
from exchange.runtime.audit.check import Audit, Auditor, Check
from exchange.runtime.audit.orders import OrdersAudit
from exchange.storage.directory import DataDirectory
from exchange.storage.executions import Outcome, starting_fold
from exchange.storage.replay import Progress, Verdict, verify
from exchange.storage.venue_limits import read_limits

HOUSE: Final = 2**64 - 1
"""The account that deposits come from: the ledger's other side of the outside world."""


def audit(
    root: Path,
    *,
    auditors: Sequence[Auditor] = (),
    paid_in: Mapping[int, int] | None = None,
    stopped: bool = False,
    progress: Progress | None = None,
) -> Audit:
    """Replays the journal of a data directory and holds everything against it.

    The journal is folded twice: as fast as it goes, for its hashes, and event by event.

    Args:
        root: The data directory; where its exchange runs, what it had when the audit began counts.
        auditors: Who else looks at every record: of what was published, of what services keep.
        paid_in: What whoever paid in counted, by asset, minor units; None: nobody did.
        stopped: Its exchange was stopped in order: then the hash at the very end was recorded.
        progress: Told how many commands were replayed, now and then.

    Raises:
        StorageError: There is no journal.
        JournalCorrupt: It is damaged.
    """
    verdict = verify(root, progress)
    venue = verdict.replayed.fold.venue
    checks = [_replay(verdict, stopped), _invariants(venue), _money(venue, paid_in)]
    if venue.settled_by_service:
        checks.append(_unposted(venue))
    checks += _events(root, int(venue.sequence), auditors)
    replayed = verdict.replayed
    return Audit(
        tuple(checks),
        replayed.commands,
        _trades(venue),
        replayed.digest.state_hash,
        replayed.seconds,
    )


def _replay(verdict: Verdict, stopped: bool) -> Check:
    check = Check("replay")
    replayed = verdict.replayed
    end = replayed.digest
    compared = [digest for digest in verdict.compared if digest.sequence == end.sequence]
    check.says = (
        f"{replayed.commands:,} commands to sequence {end.sequence:,}, hash {end.state_hash:016x};"
        f" {len(verdict.compared)} recorded live, {'the end among them' if compared else 'none at the end'}"
    )
    if verdict.parting:
        check.find(str(verdict.parting))
    if verdict.lacks:
        check.find(verdict.lacks)
    if stopped and not compared:
        check.find("no hash was recorded at the end")
    return check


def _invariants(venue: Venue) -> Check:
    check = Check("invariants")
    try:
        venue.check_invariants()
        check.says = "ledger, reservations, positions, books"
    except InvariantViolation as error:
        check.find(str(error))
    return check


def _money(venue: Venue, paid_in: Mapping[int, int] | None) -> Check:
    """All accounts together hold what came in less what went out."""
    check = Check("money")
    held: dict[int, int] = defaultdict(int)
    outside: dict[int, int] = defaultdict(int)
    for row in venue.balances():
        side = outside if int(row["account"]) == HOUSE else held
        side[int(row["asset"])] += int(row["total"])
    for asset in sorted(held.keys() | outside.keys()):
        if held[asset] != -outside[asset]:
            check.find(f"asset {asset}: accounts hold {held[asset]:,}, {-outside[asset]:,} was paid in")
    if paid_in is not None:
        for asset in sorted(held.keys() | paid_in.keys()):
            if held[asset] != paid_in.get(asset, 0):
                check.find(f"asset {asset}: accounts hold {held[asset]:,}, {paid_in.get(asset, 0):,} was due")
    check.says = f"balances = deposits - withdrawals in {len(held)} assets"
    return check


def _unposted(venue: Venue) -> Check:
    """Nothing is wrong with a trade that waits; who reads the audit has to know of it."""
    check = Check("unposted")
    check.says = f"{int(venue.unposted_trades):,} trades wait for a settlement service to post them"
    return check


class _TradesAudit:
    """Two sides each, which the fold sees to, and as many as the venue counted."""

    def __init__(self, venue: Venue) -> None:
        self.check = Check("trades")
        self._first = self._number = _trades(venue)

    def take(self, outcome: Outcome, _venue: Venue) -> None:
        """Counts."""
        self._number += sum(len(rows.rows) for rows in outcome.trades)

    def close(self, venue: Venue) -> None:
        """Holds the counts against each other."""
        if self._number != _trades(venue):
            self.check.find(f"the journal makes {self._number:,} trades, the venue has {_trades(venue):,}")
        self.check.says = f"{self._number - self._first:,} trades, two sides each, numbered without a gap"


def _trades(venue: Venue) -> int:
    return int(venue.status()["trades"][0])


def _events(root: Path, sequence: int, auditors: Sequence[Auditor]) -> list[Check]:
    """Shows every record of the journal up to a sequence to all who look at them."""
    fold = starting_fold(DataDirectory(root), read_limits(root) or {}, executions=0, trades=0)
    trades = _TradesAudit(fold.venue)
    looking: list[Auditor] = [OrdersAudit(fold.venue), trades, *auditors]
    try:
        while (outcome := fold.advance(sequence)) is not None:
            for auditor in looking:
                auditor.take(outcome, fold.venue)
    except StorageError as error:
        trades.check.find(str(error))
    for auditor in looking:
        auditor.close(fold.venue)
    return [auditor.check for auditor in looking]
