"""A data directory with a journal and the event log beside it, published as the product does it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmatch._core import Venue
from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.events import events_of
from exchange.bus.log.interface import Batch
from exchange.bus.topics import TopicTable
from exchange.config import Settings, load
from exchange.domain.events import Event
from exchange.runtime.changes import CHANGES, ChangePublisher
from exchange.runtime.publisher import EXECUTIONS, TRADES, ExecutionPublisher, known_of
from exchange.schema.events import decode_events
from exchange.storage.digests import append_digest
from exchange.storage.directory import DataDirectory
from exchange.storage.executions import starting_fold
from exchange.storage.fold import Fold
from exchange.storage.snapshots import write_snapshot
from exchange.storage.venue_limits import limits_of
from tests.event_log.conformance import batches_of, read_all
from tests.exchange.journals import ALICE, BOB, CAROL, MARKET, OTHER_TENANT, TENANT, Writer

EVERYTHING = 1 << 62
SEGMENT_BYTES = 64 << 10
TABLE = TopicTable("dev")
NAMES = {topic: TABLE.full_name(topic) for topic in (EXECUTIONS, TRADES, CHANGES)}
ROWS = {topic: TABLE.find(name) for topic, name in NAMES.items()}


def load_settings(root: Path, **values: Any) -> Settings:
    """Small."""
    return load(
        environment={},
        data_directory=root,
        limits={"accounts": 100, "orders": 10_000, "client_order_ids": 10_000, "segment_bytes": 8 << 20},
        endpoints={"metrics": ""},
        events={"segment_bytes": SEGMENT_BYTES},
        **values,
    )


@dataclass
class Exchange:
    """A data directory with a journal, and the log beside it."""

    root: Path
    writer: Writer

    @property
    def directory(self) -> DataDirectory:
        """Of it."""
        return DataDirectory(self.root)

    def open_log(self) -> EmbeddedLog:
        """The log."""
        return EmbeddedLog(self.directory.log, self.directory.run, TABLE, segment_bytes=SEGMENT_BYTES)

    def publish(self, up_to: int = EVERYTHING, most: int = 7) -> int:
        """One life of a publisher, up to a sequence, so many commands at once; from where it began."""
        with self.open_log() as log, ExitStack() as opened:
            writers = {topic: opened.enter_context(log.writer(name)) for topic, name in NAMES.items()}
            executions, trades = known_of(log, ROWS, dict(writers))
            limits = limits_of(load_settings(self.root))
            fold = starting_fold(self.directory, limits, executions=executions, trades=trades)
            start = fold.sequence
            changes = ChangePublisher(ROWS[CHANGES], writers[CHANGES], log)
            publisher = ExecutionPublisher(fold, ROWS, dict(writers), changes, lambda: up_to)
            while publisher.advance(most):
                pass
            if up_to == EVERYTHING:
                publisher.check_past(executions, trades)
            return start

    def batches(self) -> dict[str, list[Batch]]:
        """What the log holds, by topic."""
        with self.open_log() as log:
            return {topic: batches_of(log, name) for topic, name in NAMES.items()}

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """What the log holds, whatever batches it has: epoch, number, time and bytes of each event."""
        return {
            topic: [row for each in batches for row in _rows_of(each)]
            for topic, batches in self.batches().items()
        }

    def events(self, topic: str) -> list[Event]:
        """Likewise as events."""
        with self.open_log() as log:
            return [event for record in read_all(log, NAMES[topic]) for event in events_of(record)]

    def snapshot(self, sequence: int) -> None:
        """A verified snapshot of the state after that command."""
        venue = Venue(**limits_of(load_settings(self.root)))
        fold = Fold(self.directory.journal, venue)
        while fold.sequence < sequence:
            assert fold.advance(sequence - fold.sequence)
        digest = fold.digest("test")
        write_snapshot(self.directory.snapshots, digest, venue.snapshot())
        append_digest(self.directory.digests, digest)


def _rows_of(batch: Batch) -> Iterator[tuple[Any, ...]]:
    events = decode_events(batch.payload, batch.stream, batch.first_seq)
    if events.rows is None:
        yield batch.epoch, batch.first_seq, batch.ts_ns, batch.payload
        return
    found = events.rows
    for at, row in enumerate(found.rows):
        tenants = found.tenants[at : at + 1].tolist()
        yield batch.epoch, batch.first_seq + at, int(row["timestamp"]), found.kind, row.tobytes(), tenants


def busy(writer: Writer, seed: int = 1, count: int = 60) -> None:
    """Orders that rest, trade, are refused and cancelled; and what makes reports and an answer at once."""
    numbers = random.Random(seed)
    orders, admin = writer.make.orders, writer.make.admin
    for _ in range(count):
        account = numbers.choice([ALICE, BOB, CAROL])
        side = numbers.choice(["buy", "sell"])
        price = 10_000 + numbers.randrange(-3, 4)
        tenant = OTHER_TENANT if account == CAROL else TENANT
        writer.write(
            orders.limit(MARKET, side, numbers.randrange(1, 400), price, account=account), tenant=tenant
        )
        if numbers.random() < 0.1:
            writer.write(orders.cancel(10**6, account=account), tenant=tenant)
    writer.write(admin.kill("account", account=ALICE))
    writer.write(admin.kill("account", on=False, account=ALICE))
