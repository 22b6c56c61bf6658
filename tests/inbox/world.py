"""A service that remembers every event it took, a log with orders, and what the service is inclined to do."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from sqlalchemy import text

from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.interface import Batch, TopicWriter
from exchange.bus.topics import TopicTable
from exchange.domain.enums import ExecType
from exchange.domain.events import DeadLetter, Entity, Event, TradeExecuted, caused_by, event_id
from exchange.domain.messages import ExecutionReport
from exchange.errors import InvalidEvent, ServiceUnavailableError
from exchange.resilience import Clock
from exchange.runtime.consumer import Consumer
from exchange.runtime.event_run import EventRun
from exchange.runtime.spec import ServiceSpec
from exchange.schema.event_rows import ROW_DTYPES, EventList, encode_rows
from exchange.schema.events import decode_events, encode_events, event_of
from exchange.storage.sql import Migration, Store, Transaction, open_store
from tests.exchange.fake_clock import FakeClock

TOPICS = TopicTable("test")
ORDERS, TRADES, DEAD = (
    TOPICS.full_name(name) for name in ("orders.lifecycle", "execution.trades", "dlq.matching")
)
START_NS = 1_700_000_000_000_000_000
_APPLIED = """CREATE TABLE applied (
  place {serial}, tenant TEXT NOT NULL, about TEXT NOT NULL, event TEXT NOT NULL, qty BIGINT NOT NULL)"""
_TOTALS = "CREATE TABLE totals (about TEXT NOT NULL PRIMARY KEY, qty BIGINT NOT NULL)"
TABLES = (Migration(1, "what was taken", (_APPLIED, _TOTALS)),)


@dataclass
class Mood:
    """What the handler does at events of an order, one word a try; when there are no more it takes them."""

    words: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    always: dict[str, str] = field(default_factory=dict)
    tries: list[str] = field(default_factory=list)

    def at(self, about: str) -> None:
        """One try."""
        self.tries.append(about)
        word = self.words[about].popleft() if self.words[about] else self.always.get(about, "ok")
        if word == "invalid":
            raise InvalidEvent("no such instrument")
        if word == "broken":
            raise KeyError(about)
        if word == "down":
            raise ServiceUnavailableError("accounts is away")

    def say(self, about: str, *words: str) -> None:
        """Of the next tries."""
        self.words[about].extend(words)


def service(mood: Mood) -> ServiceSpec:
    """Takes orders, keeps what it took and a total of each order, publishes a trade of each."""

    def take(tx: Transaction, events: EventRun) -> Iterator[Event]:
        for event in events:
            report: ExecutionReport = event.payload
            about = event.entity.entity_id
            mood.at(about)
            row = {
                "tenant": event.tenant_id,
                "about": about,
                "event": event.event_id,
                "qty": report.order_qty,
            }
            tx.execute(
                text(
                    "INSERT INTO applied (tenant, about, event, qty) VALUES (:tenant, :about, :event, :qty)"
                ),
                row,
            )
            tx.execute(
                text(
                    "INSERT INTO totals VALUES (:about, :qty)"
                    " ON CONFLICT (about) DO UPDATE SET qty = totals.qty + :qty"
                ),
                row,
            )
            trade = TradeExecuted(trade_id=report.order_id, qty=report.order_qty)
            yield caused_by(event, "matching", "TradeExecuted", about, trade)

    return ServiceSpec(
        name="matching",
        reads=("orders.lifecycle",),
        writes=("execution.trades",),
        handlers={ExecutionReport: take},
    )


def placed(seq: int, about: int, qty: int = 1, tenant: str = "acme", **fields: Any) -> Event:
    """An order was placed; as its publisher numbers it."""
    occurred = START_NS + seq * 1_000_000
    given: dict[str, Any] = {
        "event_id": event_id(occurred, 1, seq),
        "event_type": "OrderPlaced",
        "event_version": 1,
        "occurred_at": occurred,
        "producer": "orders",
        "tenant_id": tenant,
        "correlation_id": f"corr-{seq}",
        "causation_id": f"cmd-{seq}",
        "entity": Entity(entity_type="Order", entity_id=str(about), sequence=seq),
        "payload": ExecutionReport(
            exec_type=ExecType.ACCEPTED, order_id=about, order_qty=qty, timestamp=occurred
        ),
    }
    return Event(**(given | fields))


class World:
    """The log, the store and one life of the service after the other.

    Args:
        store_url: Of the store.
        root: Where the log lies.
    """

    def __init__(self, store_url: str, root: Path) -> None:
        self.store_url = store_url
        self.root = root
        self.clock = FakeClock()
        self.mood = Mood()
        self.now_ns = START_NS
        self.log = EmbeddedLog(root / "log", root / "run", TOPICS)
        self.store: Store = open_store(store_url, "matching", TABLES)
        self.consumer: Consumer | None = None
        self._orders: TopicWriter | None = None
        self.next_seq = 1
        self.same_time = False  # of all rows

    def publish(self, *events: Event) -> None:
        """Appends a batch of envelopes, with the next numbers of the stream."""
        self.append(encode_events(events), len(events), events[0].occurred_at)

    def place(self, *abouts: int, qty: int = 1) -> None:
        """Places orders, a record each."""
        for about in abouts:
            self.publish(placed(self.next_seq, about, qty))

    def place_rows(self, *abouts: int, tenants: Sequence[int] = ()) -> None:
        """Places orders as a batch of a hot stream."""
        rows = np.zeros(len(abouts), ROW_DTYPES[EventList.REPORTS])
        rows["exec_type"], rows["order_id"], rows["order_qty"] = int(ExecType.ACCEPTED), abouts, 1
        rows["sequence"] = np.arange(self.next_seq, self.next_seq + len(abouts))
        rows["timestamp"] = START_NS + rows["sequence"] * (0 if self.same_time else 1_000_000)
        of = np.array(tenants or [7] * len(abouts), np.uint32)
        frame = encode_rows(EventList.REPORTS, rows, 1, of)
        self.append(frame, len(abouts), int(rows["timestamp"][0]))

    def append(self, payload: bytes, count: int, ts_ns: int = START_NS) -> None:
        """Appends a record to the topic of orders."""
        if self._orders is None:
            self._orders = self.log.writer(ORDERS)
        self._orders.append(
            [Batch(stream=1, epoch=1, first_seq=self.next_seq, count=count, ts_ns=ts_ns, payload=payload)]
        )
        self.next_seq += count

    def begin_log_again(self) -> None:
        """All records of orders are gone."""
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        for segment in (self.root / "log" / ORDERS).glob("*.log"):
            segment.unlink()
        self.next_seq = 1

    def live(self, clock: Clock | None = None) -> Consumer:
        """A new life of the service's consumer; on the world's own clock unless another is given."""
        if self.consumer is not None:
            self.consumer.close()
        self.consumer = Consumer(
            service(self.mood),
            self.store,
            self.log,
            TOPICS,
            version="1.2.3",
            clock=clock or self.clock,
            now_ns=self._now,
        )
        return self.consumer

    def settle(self, seconds: float = 0.0, pace: float = 0.25) -> None:
        """Steps until there is nothing to do; then lets time pass, so much at a time."""
        consumer = self.consumer or self.live()
        end = self.clock.time + seconds
        while True:
            for _ in range(10_000):
                if not consumer.step():
                    break
            else:
                raise AssertionError("it never comes to rest")
            if self.clock.time >= end:
                return
            self.clock.time = min(self.clock.time + pace, end)

    def applied(self) -> list[int]:
        """The orders of the events that were taken, in order."""
        with self.store.read() as tx:
            return [
                int(about) for about in tx.execute(text("SELECT about FROM applied ORDER BY place")).scalars()
            ]

    def totals(self) -> dict[int, int]:
        """The total of each order."""
        with self.store.read() as tx:
            return {int(about): int(qty) for about, qty in tx.execute(text("SELECT about, qty FROM totals"))}

    def published(self, topic: str) -> list[Event]:
        """What the log has of a topic."""
        found: list[Event] = []
        with self.log.reader(topic) as reader:
            while records := reader.read():
                for record in records:
                    batch = record.batch
                    found += decode_events(batch.payload, batch.stream, batch.first_seq)
        return found

    def trades(self) -> list[int]:
        """The orders of the trades that were published, in order."""
        return [int(event.entity.entity_id) for event in self.published(TRADES)]

    def letters(self) -> list[tuple[int, str, str]]:
        """Order (0: what is none), reason and status of every dead letter, in order."""
        with self.store.read() as tx:
            rows = tx.execute(text("SELECT entity_id, reason, status FROM dead_letters ORDER BY letter"))
            return [(int(about) if about.isdecimal() else 0, why, status) for about, why, status in rows]

    def dead(self) -> list[DeadLetter]:
        """What was published of dead letters."""
        return [event.payload for event in self.published(DEAD)]

    def count(self, table: str) -> int:
        """Rows of a table."""
        with self.store.read() as tx:
            return int(tx.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608

    def close(self) -> None:
        """Lets everything go."""
        if self.consumer is not None:
            self.consumer.close()
        self.store.close()
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _now(self) -> int:
        self.now_ns += 1_000
        return self.now_ns


def original(letter: DeadLetter) -> Event:
    """The event that is within."""
    return event_of(letter.original)


def memory() -> str | None:
    """A directory that lies in memory, where there is one: files are synced there at once."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (others make their own within)
