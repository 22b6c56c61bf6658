"""The audit of a data directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cmatch import InvariantViolation
from cmatch._core import Venue
from exchange.bus.log.interface import EventLog
from exchange.bus.topics import TopicTable
from exchange.errors import StorageError
from exchange.runtime.audit.check import Audit, Check
from exchange.runtime.audit.orders import OrdersAudit
from exchange.runtime.audit.published import PublishedAudit
from exchange.runtime.publisher import EXECUTIONS, TRADES
from exchange.schema.event_rows import EventList
from exchange.storage.directory import DataDirectory
from exchange.storage.executions import starting_fold
from exchange.storage.replay import Progress, Verdict, verify
from exchange.storage.venue_limits import read_limits

HOUSE: Final = 2**64 - 1
"""The account that deposits come from: the ledger's other side of the outside world."""
_EVERYTHING: Final = 1 << 62


def audit(
    root: Path,
    *,
    events: EventLog | None = None,
    topics: TopicTable | None = None,
    paid_in: Mapping[int, int] | None = None,
    stopped: bool = False,
    progress: Progress | None = None,
) -> Audit:
    """Replays the journal of a data directory and holds everything against it.

    The journal is folded twice: as fast as it goes, for its hashes, and event by event. A log is compared
    only where its two topics have something.

    Args:
        root: The data directory; where its exchange runs, what it had when the audit began counts.
        events: Its event log; None: it has none.
        topics: The table of topics of that log.
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
    published = []
    if events is not None and topics is not None:
        published = [PublishedAudit(name, events, topics) for name in (EXECUTIONS, TRADES)]
    orders, trades = _events(root, int(venue.sequence), published)
    checks += [orders, trades, *(each.check for each in published)]
    replayed = verdict.replayed
    return Audit(
        tuple(checks),
        replayed.commands,
        int(venue.status()["trades"][0]),
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


def _events(root: Path, sequence: int, published: list[PublishedAudit]) -> tuple[Check, Check]:
    """Every event of the journal up to a sequence: in = out + resting, two sides a trade, published once."""
    trades = Check("trades")
    fold = starting_fold(DataDirectory(root), read_limits(root) or {}, executions=0, trades=0)
    orders = OrdersAudit(fold.venue)
    number = first = fold.trades
    try:
        while (outcome := fold.advance(sequence)) is not None:
            for rows in outcome.executions:
                if rows.kind is EventList.REPORTS:
                    orders.take(rows.rows)
            orders.end_record()
            number += sum(len(rows.rows) for rows in outcome.trades)
            for audited, made in zip(published, (outcome.executions, outcome.trades), strict=False):
                for rows in made:
                    audited.take(outcome, rows)
    except StorageError as error:
        trades.find(str(error))
    else:
        orders.close(fold.venue)
    for audited in published:
        audited.close()
    counted = int(fold.venue.status()["trades"][0])
    if number != counted:
        trades.find(f"the journal makes {number:,} trades, the venue counted {counted:,}")
    trades.says = f"{number - first:,} trades, two sides each, numbered without a gap"
    return orders.check, trades
