"""State = fold(journal): a venue with its history, brought forward record by record. What queries look at."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmatch._core import Disk, Follower, Venue
from cmatch.enums import Side
from cmatch.errors import SnapshotError
from exchange.errors import StorageError
from exchange.storage.digests import Digest
from exchange.storage.directory import DataDirectory
from exchange.storage.retention import list_segments, starting_point
from exchange.storage.snapshots import restore

Records = npt.NDArray[np.void]

_SLICE = 1 << 20


class Fold:
    """The journal of a directory, folded as far as it was advanced. One thread at a time.

    Args:
        journal: Directory of the journal; it may be in use by its writer.
        venue: Where it is folded into: it begins with the sequence after the venue's.
        disk: Where the journal is; the machine's own where it is None.
        history: Limits of what is remembered: orders_per_account, max_orders, max_accounts, max_instruments.
    """

    def __init__(self, journal: Path, venue: Venue, *, disk: Disk | None = None, **history: int) -> None:
        self.venue = venue
        self._follower = Follower(str(journal), venue, disk=disk, **history)
        self._tenants: dict[int, int] = {}

    def advance(self, most_commands: int) -> int:
        """Applies whole records; how many commands they were. 0: there is nothing yet.

        Raises:
            JournalCorrupt: a record cannot be where it is.
        """
        return int(self._follower.advance(most_commands))

    def advance_to_end(self) -> int:
        """Applies all that there is; how many commands it was.

        Raises:
            JournalCorrupt: a record cannot be where it is, or whole ones lie behind the end.
        """
        total = 0
        while done := self.advance(_SLICE):
            total += done
        self._follower.check_tail()
        return total

    def digest(self, writer: str) -> Digest:
        """Where it is, and the hashes there. O(state)."""
        venue = self.venue
        return Digest(venue.sequence, venue.event_digest, venue.state_hash(), writer)

    def history(self) -> bytes:
        """What is remembered of orders, fills and trades. O(all)."""
        return bytes(self._follower.history_snapshot())

    def remember(self, history: Path) -> None:
        """Takes over what was remembered when the venue was as it is.

        Raises:
            StorageError: it cannot be read, is damaged or of another sequence; nothing has changed.
        """
        try:
            self._follower.restore_history(history.read_bytes())
        except OSError as error:
            raise StorageError(f"{history} cannot be read: {error.strerror}") from error
        except SnapshotError as error:
            raise StorageError(f"{history} cannot be restored: {error}") from error

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        return int(self.venue.sequence)

    @property
    def clock(self) -> int:
        """Journaled time of that command, ns."""
        return int(self.venue.clock)

    @property
    def unposted_trades(self) -> int:
        """Trades that wait for a settlement service."""
        return int(self.venue.unposted_trades)

    @property
    def settled_by_service(self) -> bool:
        """Whether one posts trades; else they are posted as they are made."""
        return bool(self.venue.settled_by_service)

    @property
    def orders_remembered(self) -> int:
        """Orders in the history."""
        return int(self._follower.order_count)

    def tenant_of(self, account: int) -> int | None:
        """The tenant of an account; None where it is not open."""
        if account not in self._tenants:
            rows = self.venue.accounts()
            if len(self._tenants) < rows.size:  # accounts are opened, never closed
                self._tenants = dict(zip(rows["account"].tolist(), rows["tenant"].tolist(), strict=True))
        return self._tenants.get(account)

    def open_orders(self, account: int, instrument_id: int) -> Records:
        """(n,) of VENUE_ORDER by order id; instrument 0 stands for all."""
        return self.venue.open_orders(account, instrument_id)

    def order_history(self, account: int, *, limit: int, **wanted: Any) -> Records:
        """(n,) of HISTORY_ORDER, the newest first."""
        return self._follower.orders(account, limit, **wanted)

    def order_of_history(self, order_id: int) -> Records:
        """(1,) of HISTORY_ORDER, or (0,) where it is not remembered."""
        return self._follower.order(order_id)

    def balances(self, account: int) -> Records:
        """(n,) of BALANCE, by asset."""
        return self.venue.balances(account)

    def holds(self, account: int) -> Records:
        """(n,) of HOLD."""
        return self.venue.holds(account)

    def accounts(self) -> Records:
        """(n,) of ACCOUNT, in order of opening."""
        return self.venue.accounts()

    def assets(self) -> Records:
        """(n,) of ASSET, in order of definition."""
        return self.venue.assets()

    def positions(self, account: int) -> Records:
        """(n,) of POSITION by instrument."""
        return self.venue.positions(account)

    def limits(self, account: int, instrument_id: int) -> Records:
        """(1,) of LIMITS, or (0,) where the account is not open."""
        return self.venue.limits(account, instrument_id)

    def instruments(self) -> Records:
        """(n,) of INSTRUMENT_COMMAND by id."""
        return self.venue.instruments()

    def prices(self, instrument_id: int) -> tuple[int | None, int | None, int | None]:
        """Reference, mark and last price, ticks."""
        return self._follower.prices(instrument_id)

    def book(self, instrument_id: int, depth: int) -> tuple[Records, Records]:
        """Bids and asks, best first: (n,) of LEVEL."""
        bids = self.venue.l2(instrument_id, int(Side.BUY), depth)
        return bids, self.venue.l2(instrument_id, int(Side.SELL), depth)

    def book_orders(self, instrument_id: int, limit: int) -> tuple[Records, Records]:
        """Displayed orders of bids and asks, best first, then by time: (n,) of L3."""
        orders = self.venue.l3(instrument_id)
        most = limit or None
        bids, asks = (orders[orders["side"] == int(side)][:most] for side in (Side.BUY, Side.SELL))
        return bids, asks

    def trades(self, instrument_id: int, *, limit: int, before: int) -> Records:
        """(n,) of HISTORY_TRADE, the newest first."""
        return self._follower.trades(instrument_id, limit, before=before)

    def fills(self, account: int, *, limit: int, before: int, instrument_id: int) -> Records:
        """(n,) of HISTORY_FILL, the newest first."""
        return self._follower.fills(account, limit, instrument_id=instrument_id, before=before)

    def shards(self) -> Records:
        """(n,) of SHARD, by number."""
        return self.venue.shards()

    def state_hash(self) -> int:
        """Of the whole state, as of `sequence`. O(state)."""
        return self.venue.state_hash()

    def venue_status(self) -> np.void:
        """One VENUE_STATUS."""
        row: np.void = self.venue.status()[0]
        return row


def starting_venue(
    directory: DataDirectory,
    limits: Mapping[str, Any],
    history_bytes: int,
    *,
    passed_over: Callable[[StorageError], object] = lambda _: None,
    shard: int = 0,
    huge_pages: bool = False,
) -> Venue:
    """The venue that a fold of a data directory begins with: of a snapshot, or empty.

    Its seed is its own: who chooses client order ids cannot make them collide.

    Args:
        directory: whose.
        limits: of an empty one.
        history_bytes: journal that may lie behind the snapshot; as much of the past can be told of.
        passed_over: told why a snapshot cannot be restored; the next one, or the whole journal, stands in.
        shard: whose engine the venue has, too; see `cmatch._core.Venue`.
        huge_pages: as in `cmatch._core.Venue`: who will use all of its memory has it sooner so.

    Raises:
        StorageError: the beginning of the journal is gone, and no snapshot that joins it can be restored.
    """
    seed = secrets.randbits(64)
    broken: list[StorageError] = []
    for snapshot in starting_point(directory, history_bytes):
        try:
            return restore(
                snapshot, partial(Venue.restore, hash_seed=seed, shard=shard, huge_pages=huge_pages)
            )
        except StorageError as error:
            passed_over(error)
            broken.append(error)
    segments = list_segments(directory.journal)
    if segments and segments[0].first_sequence > 1:
        why = f": {broken[0]}" if broken else ""
        raise StorageError(
            f"{directory.journal} has lost its beginning, and no snapshot stands in for it{why}"
        )
    return Venue(**limits, hash_seed=seed, shard=shard, huge_pages=huge_pages)
