"""The executions of a journal in the event log: all of them, once, in order, whatever happens meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from cmatch._core import JournalReader, JournalRecord, Venue
from cmatch.frames import CommandList, decode_commands
from exchange.bus.log.events import stream_of
from exchange.config.settings import Durability
from exchange.domain.enums import ExecType, OrderStatus, Side
from exchange.domain.events import TradeExecuted, event_id, parse_event_id
from exchange.domain.messages import Answer, ExecutionReport
from exchange.errors import LogFault, LogRefused, StorageError
from exchange.runtime.exits import ExitCode
from exchange.runtime.publisher import EXECUTIONS, TRADES, limit_of
from exchange.schema.event_rows import EventList
from exchange.storage.directory import DataDirectory
from exchange.storage.executions import starting_fold
from exchange.storage.journal import remove_segments_before
from exchange.storage.venue_limits import limits_of
from exchange.topology.handover import settings_as_json
from tests.event_log.backends import batch
from tests.event_log.published import (
    EVERYTHING,
    ROWS,
    Exchange,
    busy,
    load_settings,
)
from tests.exchange.journals import ALICE, BOB, CAROL, MARKET, OTHER_TENANT, TENANT, Writer


def folded(exchange: Exchange) -> tuple[list[tuple[int, Any]], list[tuple[Any, Any]]]:
    """What a venue of its own makes of the journal: (sequence, row) of all events, and trades by side."""
    venue = Venue(**limits_of(load_settings(exchange.root)))
    events: list[tuple[int, Any]] = []
    trades: list[tuple[Any, Any]] = []
    for record in JournalReader(str(exchange.directory.journal), 1):
        reports, answers = venue.apply_payload(record.payload)
        events += [(int(row["event_sequence"]), row) for row in [*reports, *answers]]
        sides = [row for row in reports if row["exec_type"] == int(ExecType.TRADE)]
        trades += zip(sides[0::2], sides[1::2], strict=True)
    return sorted(events, key=lambda each: each[0]), trades


@pytest.mark.req("A024", "E048", "E049", "E056", "E059", "E093")
def test_every_event_of_the_journal_is_published_once_with_its_ten_fields(exchange: Exchange) -> None:
    """As a fold of one's own has it, in its order."""
    busy(exchange.writer)
    exchange.publish()
    expected, trades = folded(exchange)
    events = exchange.events(EXECUTIONS)
    assert [number for number, _ in expected] == list(range(1, len(expected) + 1))
    assert len(events) == len(expected) > 100
    tenants = {ALICE: TENANT, BOB: TENANT, CAROL: OTHER_TENANT}
    kinds = set()
    for event, (number, row) in zip(events, expected, strict=True):
        payload = event.payload
        kinds.add(event.event_type)
        assert payload.event_sequence == number == event.entity.sequence
        assert payload.sequence == row["sequence"]
        assert event.event_id == event_id(int(row["timestamp"]), 1, number)
        assert event.occurred_at == row["timestamp"]
        assert event.tenant_id == str(tenants.get(int(row["account"]), 0))
        assert event.causation_id == f"cmd-{row['sequence']}"
        assert event.correlation_id == (payload.correlation_id or event.causation_id)
        assert event.producer == "orders"
        if isinstance(payload, ExecutionReport):
            assert payload.exec_type == row["exec_type"]
            assert event.entity.entity_type == "Order"
            assert event.entity.entity_id in {str(row["order_id"]), payload.client_order_id}
        else:
            assert isinstance(payload, Answer)
            assert (event.event_type, event.entity.entity_type) == ("CommandAnswered", "Command")
    assert kinds >= {"OrderPlaced", "OrderFilled", "OrderCancelled", "OrderCancelRejected", "CommandAnswered"}
    assert len({event.event_id for event in events}) == len(events)

    executed = exchange.events(TRADES)
    assert len(executed) == len(trades) > 10
    for number, (event, (taker, maker)) in enumerate(zip(executed, trades, strict=True), 1):
        trade = event.payload
        assert isinstance(trade, TradeExecuted)
        assert (event.event_type, event.producer) == ("TradeExecuted", "matching")
        assert parse_event_id(event.event_id)[1:] == (2, number)
        assert (event.entity.entity_type, event.entity.entity_id) == ("Trade", str(number))
        assert event.tenant_id == str(trade.taker_tenant) == str(tenants[trade.taker_account])
        assert trade.maker_tenant == tenants[trade.maker_account]
        assert trade.trade_id == taker["trade_id"] == maker["trade_id"] == number
        assert (trade.price, trade.qty) == (taker["last_price"], taker["last_qty"])
        assert (trade.taker_order_id, trade.maker_order_id) == (taker["order_id"], maker["order_id"])
        assert (trade.taker_fee, trade.maker_fee) == (taker["fee"], maker["fee"])
        assert (trade.taker_leaves_qty, trade.maker_leaves_qty) == (taker["leaves_qty"], maker["leaves_qty"])
        assert trade.correlation_id == event.correlation_id
        assert trade.auction == 0


def test_events_are_the_same_in_whatever_stretches_the_journal_is_taken(exchange: Exchange) -> None:
    """Also those of an account that is opened between two records of a stretch: before it is nobody's."""
    dave, late = 14, exchange.writer.make
    busy(exchange.writer)
    exchange.writer.write(late.orders.limit(MARKET, "buy", 10, 10_000, account=dave))
    exchange.writer.write(late.admin.open_account(dave, tenant=OTHER_TENANT))
    exchange.writer.write(late.orders.limit(MARKET, "buy", 10, 10_000, account=dave), tenant=OTHER_TENANT)
    exchange.writer.trade(20)

    def folded_in(size: int) -> tuple[list[JournalRecord], list[Any]]:
        limits = limits_of(load_settings(exchange.root))
        fold = starting_fold(exchange.directory, limits, executions=0, trades=0)
        records, last = list[JournalRecord](), 0
        events: list[tuple[Any, ...]] = []
        while stretch := fold.stretch(EVERYTHING, size):
            assert sum(outcome.commands for outcome in stretch) >= size or not fold.stretch(EVERYTHING, 1)
            for outcome in stretch:
                assert {record.epoch for record in outcome.others} <= {outcome.epoch}
                last += outcome.commands
                assert outcome.sequence == last
                records += outcome.others
                for rows in (*outcome.executions, *outcome.trades):
                    assert rows.last == rows.first + len(rows.rows) - 1
                    for number in range(rows.first, rows.last + 1):
                        one = rows.part(number, number)
                        events.append((rows.kind, number, one.rows.tobytes(), one.tenants.tolist()))
        return records, sorted(events, key=lambda event: (event[0] is EventList.TRADES, event[1]))

    single = folded_in(1)
    assert [0] in [tenants for kind, *_, tenants in single[1] if kind is EventList.REPORTS]  # Dave's first
    kinds = {decode_commands(record.payload)[1] for record in single[0]}
    assert kinds == {CommandList.LEDGER, CommandList.INSTRUMENTS, CommandList.ADMINISTRATION}
    for size in (2, 3, 7, EVERYTHING):
        assert folded_in(size) == single


def test_trade_tells_both_sides_in_full(exchange: Exchange) -> None:
    """A table of one trade."""
    exchange.writer.trade(1)
    exchange.publish()
    (event,) = exchange.events(TRADES)
    (placed, *_) = (each for each in exchange.events(EXECUTIONS) if each.event_type == "OrderPlaced")
    trade = event.payload
    assert placed.payload.order_status is OrderStatus.OPEN
    assert trade == TradeExecuted(
        trade_id=1,
        sequence=exchange.writer.sequence,
        timestamp=exchange.writer.now,
        price=10_000,
        qty=100,
        taker_order_id=trade.taker_order_id,
        maker_order_id=placed.payload.order_id,
        taker_account=BOB,
        maker_account=ALICE,
        taker_fee=1_000,
        maker_fee=0,
        instrument_id=MARKET,
        taker_tenant=TENANT,
        maker_tenant=TENANT,
        taker_fee_asset=1,
        maker_fee_asset=2,
        taker_side=Side.BUY,
        correlation_id=trade.correlation_id,
        maker_leaves_qty=100,
    )


@pytest.mark.req("B006", "E049")
def test_publisher_that_starts_again_anywhere_makes_the_same_log(exchange: Exchange, memory: Path) -> None:
    """After each record, from the start and from whatever snapshot; no event twice, none missing.

    However many records of the journal a batch had before, and has now: a part of one may be there.
    """
    busy(exchange.writer, count=20)
    exchange.publish()
    whole = exchange.rows()
    last = exchange.writer.sequence
    for every, snapshots, begins in ((1, (), {0}), (7, (9, 14, 25), {0, 14, 25}), (3, (last,), {0})):
        root = memory / f"every-{every}"
        root.mkdir()
        (root / "journal").symlink_to(exchange.directory.journal)
        (root / "snapshots").mkdir()
        other = Exchange(root, exchange.writer)
        for sequence in snapshots:
            other.snapshot(sequence)
        starts = [
            other.publish(up_to, most)
            for up_to, most in zip(range(every, last + every, every), cycle((EVERYTHING, 7, 1)), strict=False)
        ]
        assert other.rows() == whole
        assert set(starts) == begins


def test_publisher_of_a_shortened_journal_begins_with_a_snapshot_or_stops(memory: Path) -> None:
    """Where the log has what is gone it goes on; a new log begins late; one in between stops loudly."""
    exchange = Exchange(memory, Writer(memory / "journal", segment_bytes=(1 << 20) + (64 << 10)))
    exchange.directory.snapshots.mkdir()
    exchange.writer.open_market()
    while len(list(exchange.directory.journal.glob("0*.journal"))) < 3:
        exchange.writer.trade(500)
    covered = exchange.writer.sequence - 100
    exchange.publish(50)
    exchange.snapshot(covered)
    assert remove_segments_before(exchange.directory.journal, covered) > 0
    with pytest.raises(StorageError, match="no longer has what follows"):
        exchange.publish()
    for path in sorted(exchange.directory.log.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert exchange.publish(covered + 50) == covered
    assert exchange.publish() == covered
    events = exchange.events(EXECUTIONS)
    numbers = [event.entity.sequence for event in events]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert events[0].causation_id == f"cmd-{covered + 1}"
    assert events[-1].causation_id == f"cmd-{exchange.writer.sequence}"
    exchange.writer.close()


def test_nothing_is_published_that_may_be_undone(tmp_path: Path) -> None:
    """What an answer stands for: on the disk, with the standby; nothing while nobody says."""
    values: dict[str, int] = {}

    class Statistics:
        def values(self) -> dict[str, int]:
            return values

    def limit(durability: Durability, **more: Any) -> int:
        return limit_of(load_settings(tmp_path, durability=durability, **more), Statistics())()  # type: ignore[arg-type]

    assert (limit(Durability.PROCESS), limit(Durability.DISK), limit(Durability.REPLICA)) == (
        EVERYTHING,
        0,
        0,
    )
    values |= {"journal_sequence_durable": 9, "journal_sequence_replicated": 7, "solo": 0}
    assert (limit(Durability.DISK), limit(Durability.REPLICA)) == (9, 7)
    values["journal_sequence_replicated"] = 11
    assert limit(Durability.REPLICA) == 9
    values |= {"solo": 1, "journal_sequence_replicated": 2}
    assert limit(Durability.REPLICA) == 9


def test_log_of_another_past_stops_the_publisher(exchange: Exchange, memory: Path) -> None:
    """A journal that lost its tail, and went on in another life, is not what was published."""
    busy(exchange.writer, count=10)
    exchange.publish()
    root = memory / "other"
    root.mkdir()
    DataDirectory(root).snapshots.mkdir()
    other = Exchange(root, Writer(root / "journal"))
    other.writer.open_market()
    (root / "log").symlink_to(exchange.directory.log)
    with pytest.raises(StorageError, match="two pasts"):
        other.publish()
    other.writer.journal.raise_epoch(2)
    busy(other.writer, count=30)
    with pytest.raises(LogRefused) as caught:
        other.publish()
    assert caught.value.fault is LogFault.DIVERGED
    other.writer.close()


@pytest.mark.req("B006", "B007")
def test_killed_publisher_repeats_nothing_and_leaves_nothing_out(exchange: Exchange, memory: Path) -> None:
    """The real process, killed again and again while the journal grows."""
    settings = load_settings(exchange.root)
    command = [sys.executable, "-m", "exchange.cli", "run", "publisher", "--shard", "0"]
    command += ["--settings", settings_as_json(settings)]
    (exchange.root / "run").mkdir(mode=0o700, exist_ok=True)
    numbers = random.Random(5)
    said = (memory / "said").open("wb")
    for life in range(6):
        process = subprocess.Popen(command, stderr=said)
        until = time.monotonic() + 1.0 + numbers.random()
        while time.monotonic() < until:
            busy(exchange.writer, seed=life, count=20)
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    process = subprocess.Popen(command, stderr=said)
    try:
        busy(
            exchange.writer, seed=6, count=20
        )  # nobody else can have published this: it runs when it is there
        wanted = folded(exchange)[0][-1][0]
        until = time.monotonic() + 120
        while (exchange.batches()[EXECUTIONS] or [batch(1)])[-1].last_seq < wanted:
            assert time.monotonic() < until, "it does not publish"
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == ExitCode.STOPPED
    finally:
        process.kill()
        process.wait()
        said.close()
    found = exchange.rows()
    root = memory / "anew"
    root.mkdir()
    (root / "journal").symlink_to(exchange.directory.journal)
    DataDirectory(root).snapshots.mkdir()
    other = Exchange(root, exchange.writer)
    other.publish()
    assert other.rows() == found
    assert stream_of(ROWS[TRADES], "matching") == 2
