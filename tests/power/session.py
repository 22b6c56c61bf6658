"""A finished session in a small data directory: short segments, snapshots; and what is true of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from cmatch._core import Journal, JournalReader, Venue, remove_segments_before
from exchange.embedded import Exchange
from exchange.storage.digests import Digest, append_digest
from exchange.storage.directory import DataDirectory
from exchange.storage.snapshots import write_snapshot
from tests.power.segments import Record, Segment, is_segment, records_of, segment_of

SEGMENT_BYTES: Final = 1 << 16
WRITE_BYTES: Final = 1 << 13
LIMITS: Final[dict[str, Any]] = {
    "max_accounts": 64,
    "max_assets": 8,
    "max_instruments": 8,
    "max_orders": 1 << 12,
    "max_client_ids": 1 << 12,
    "max_positions": 1 << 8,
}
_ACCOUNTS: Final = 8
_REQUESTS: Final = 1_000
_SNAPSHOTS: Final = 3


@dataclass
class Session:
    """What was written, and what is true of it.

    Args:
        files: Of the data directory, by name below it.
        digests: What the state was after each group of records, by its last sequence; 0 is the beginning.
        start: Sequence of the snapshot that a core begins with; 0: with none.
    """

    files: dict[str, bytes]
    digests: dict[int, Digest]
    start: int = 0

    def __post_init__(self) -> None:
        self.segments: list[Segment] = []
        self.records: dict[str, list[Record]] = {}
        for name in sorted(self.files):
            own = name.removeprefix("journal/")
            if is_segment(own):
                segment = segment_of(own, self.files[name])
                assert segment is not None
                self.segments.append(segment)
                self.records[own] = records_of(own, self.files[name])

    @property
    def last(self) -> int:
        """Its last sequence."""
        return max(self.digests)


def play(seed: int) -> list[tuple[int, int, int, bytes]]:
    """The records of some trading: first sequence, commands, time, payload."""
    chance = Random(seed)
    with tempfile.TemporaryDirectory(prefix="session-") as place:
        with Exchange.embedded(place, **LIMITS) as exchange:
            operator = exchange.client("operator").admin
            operator.define_asset(1, "A", 0)
            operator.define_asset(2, "B", 0)
            operator.define_instrument(
                1, "A-B", base="A", quote="B", price_scale=0, qty_scale=0, max_price=1_000
            )
            bots = []
            for account in range(1, _ACCOUNTS + 1):
                operator.open_account(account, tenant=1)
                operator.deposit("A", 1_000_000, account=account)
                operator.deposit("B", 1_000_000, account=account)
                bots.append(exchange.client(f"bot-{account}", tenant=1, account=account))
            for _ in range(_REQUESTS):
                bot = chance.choice(bots)
                live = bot.orders.live()
                if live and chance.random() < 0.3:
                    bot.cancel(chance.choice(live))
                else:
                    side = chance.choice(["buy", "sell"])
                    bot.limit(1, side, chance.randrange(1, 20), chance.randrange(95, 106))
                if chance.random() < 0.05:
                    exchange.clock.advance(seconds=1)
        return [
            (record.first_sequence, record.commands, record.ts_ns, record.payload)
            for record in JournalReader(place, 0)
        ]


def make(root: Path, seed: int, *, durable: bool, trimmed: bool) -> Session:
    """Writes one.

    Args:
        root: An empty directory.
        seed: Of all choices.
        durable: Each group was synced, as with `disk` durability; else only what a rotation syncs.
        trimmed: The first half of the journal was removed, so that a snapshot has to stand in for it.
    """
    chance = Random(seed)
    directory = DataDirectory(root)
    directory.snapshots.mkdir()
    rows = play(seed)
    groups = []
    while rows:
        size = chance.randrange(1, 5)
        groups.append(rows[:size])
        rows = rows[size:]
    venue = Venue(**LIMITS)
    digests = {0: _digest(venue)}
    at = {len(groups) * n // (_SNAPSHOTS + 1) for n in range(1, _SNAPSHOTS + 1)} if durable else set()
    with Journal(str(directory.journal), segment_bytes=SEGMENT_BYTES, write_bytes=WRITE_BYTES) as journal:
        for number, group in enumerate(groups):
            journal.append_many(group)
            if durable:
                journal.sync()
            for _, _, _, payload in group:
                venue.apply_payload(payload)
            digest = digests[venue.sequence] = _digest(venue)
            if number in at:
                write_snapshot(directory.snapshots, digest, venue.snapshot())
                append_digest(directory.digests, digest)
        if trimmed:
            remove_segments_before(str(directory.journal), venue.sequence // 2)
    names = [path for path in root.rglob("*") if path.is_file() and path.name not in ("lock", "spare.lock")]
    return Session({str(path.relative_to(root)): path.read_bytes() for path in names}, digests)


def _digest(venue: Venue) -> Digest:
    return Digest(venue.sequence, venue.event_digest, venue.state_hash())
