"""A disk that fails at every step, and what clients hear."""

from __future__ import annotations

import pytest

from cmatch import RejectCode
from cmatch._core import CrashKind, DiskOperation, JournalReader, JournalState, MemoryDisk
from cmatch.errors import JournalFailed
from cmatch.frames import CommandList, ReportList
from exchange.domain.enums import ExecType, ReportFlag
from tests.core_loop.bench_table import EIO, ENOSPC, SECOND_NS, Bench, order, replayed

_ORDERS = 6


@pytest.mark.parametrize("error", [ENOSPC, EIO])
@pytest.mark.parametrize("after_bytes", [0, 100])
@pytest.mark.parametrize("nth", range(1, _ORDERS + 1))
def test_write_that_fails_refuses_the_batch_and_changes_nothing(
    nth: int, after_bytes: int, error: int
) -> None:
    """Read-only: the order is refused, unjournaled and unapplied; once there is room its retry is taken."""
    bench = Bench()
    me = bench.connect()
    bench.market(me)
    bench.disk.fail(DiskOperation.write, nth, error=error, after_bytes=after_bytes, times=1)
    refused = []
    for number in range(_ORDERS):
        before = (bench.venue.sequence, bench.venue.state_hash())
        bench.send(me, CommandList.ORDERS, order(f"o{number}"))
        (report,) = bench.took(me, ReportList.REPORTS)
        if report["reject"]:
            assert report["reject"] == RejectCode.READ_ONLY
            assert report["sequence"] == 0
            assert (bench.venue.sequence, bench.venue.state_hash()) == before
            refused.append(number)
            bench.turn(SECOND_NS)  # the house is kept: the journal looks whether there is room
    assert refused, "no write failed"
    for number in refused:
        bench.send(me, CommandList.ORDERS, order(f"o{number}"))
        (report,) = bench.took(me, ReportList.REPORTS)
        assert report["reject"] == 0
    assert bench.venue.status()["live_orders"][0] == _ORDERS
    assert replayed(bench.disk).state_hash() == bench.venue.state_hash()
    bench.venue.check_invariants()


def test_disk_that_stays_full_refuses_every_command_and_resumes_without_a_gap() -> None:
    """Orders are refused while nothing can be journaled; after it they go on with the next sequence."""
    bench = Bench()
    me = bench.connect()
    bench.market(me)
    bench.send(me, CommandList.ORDERS, order("a"))
    bench.took(me, ReportList.REPORTS)
    bench.disk.fail(DiskOperation.write, 1, error=ENOSPC, times=1_000)
    for name in ("b", "c"):
        bench.send(me, CommandList.ORDERS, order(name))
        assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.READ_ONLY]
    closed = bench.core.read_only
    bench.disk.clear_faults()
    bench.turn(SECOND_NS)
    assert [closed, bench.core.read_only] == [True, False]
    before = bench.venue.sequence
    bench.send(me, CommandList.ORDERS, order("b"))
    assert bench.took(me, ReportList.REPORTS)["sequence"].tolist() == [before + 1]
    assert replayed(bench.disk).event_digest == bench.venue.event_digest


@pytest.mark.parametrize("nth", range(1, 5))
def test_sync_that_fails_ends_the_core_before_an_answer(nth: int) -> None:
    """An order whose sync failed is never acknowledged, and the journal takes nothing more."""
    bench = Bench(durability=2)
    me = bench.connect()
    bench.market(me)
    bench.disk.fail(DiskOperation.sync, nth, error=EIO)
    for number in range(nth - 1):
        bench.send(me, CommandList.ORDERS, order(f"o{number}"))
        assert bench.took(me, ReportList.REPORTS).size == 1
    with pytest.raises(JournalFailed):
        bench.send(me, CommandList.ORDERS, order("last"))
    assert bench.transport.take(me) is None
    assert bench.journal.state is JournalState.failed


@pytest.mark.req("A016")
def test_order_that_was_journaled_and_never_answered_is_entered_once() -> None:
    """The core ends between the two; the next life has the order, and its retry is told so."""
    disk = MemoryDisk()
    bench = Bench(disk, durability=2)
    me = bench.connect()
    bench.market(me)
    before = bench.venue.sequence
    bench.disk.fail(DiskOperation.sync, 1, error=EIO)
    with pytest.raises(JournalFailed):
        bench.send(me, CommandList.ORDERS, order("o"))
    assert bench.took(me, ReportList.REPORTS).size == 0
    disk.clear_faults()
    bench.journal.close()
    again = Bench(disk, durability=2)
    assert (again.venue.sequence, again.venue.find_order(1, "o").size) == (before + 1, 1)
    me = again.connect()
    again.send(me, CommandList.ORDERS, order("o"))
    (report,) = again.took(me, ReportList.REPORTS)
    told_again = report["flags"] & ReportFlag.DUPLICATE
    assert (report["reject"], told_again, report["order_id"]) == (0, ReportFlag.DUPLICATE, before + 1)
    assert again.venue.status()["live_orders"].tolist() == [1]


@pytest.mark.parametrize("life", [1, 2])
def test_epoch_of_a_life_is_never_written_in_again(life: int) -> None:
    """Its first record survives a power cut at any durability, so that the next life takes a higher epoch."""
    disk = MemoryDisk()
    for epoch in range(1, life + 1):
        bench = Bench(disk, options={"epoch": epoch})
        bench.journal.raise_epoch(epoch)
        for number in range(3):
            bench.connect(f"{epoch}-{number}")
        assert bench.venue.sequence == epoch + 2
        disk.crash(CrashKind.lost, epoch)
        bench.journal.close()
    again = Bench(disk, options={"epoch": life + 1})
    assert [record.epoch for record in JournalReader("/j", 1, disk=disk)] == list(range(1, life + 1))
    assert again.journal.epoch == life
    assert again.venue.sequence == life


def test_nearly_full_disk_refuses_new_orders_and_takes_all_else() -> None:
    """DISK_NEARLY_FULL, transient, nothing journaled; cancels, money and sessions go on; and back."""
    bench = Bench()
    me = bench.connect()
    bench.market(me)
    bench.send(me, CommandList.ORDERS, order("rest", qty=5))
    (resting,) = bench.took(me, ReportList.REPORTS)
    bench.core.set_disk_nearly_full(True)
    before = bench.venue.sequence
    target = {"order_id": int(resting["order_id"])}
    for refused in (order("new"), order("less", kind=2, present=2, qty=3, **target)):
        bench.send(me, CommandList.ORDERS, refused)
        assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.DISK_NEARLY_FULL]
    assert RejectCode.DISK_NEARLY_FULL.transient
    assert bench.venue.sequence == before
    bench.send(me, CommandList.ORDERS, order("gone", kind=3, present=0, qty=0, price=0, **target))
    assert bench.took(me, ReportList.REPORTS)[["exec_type", "reject"]].tolist() == [(4, 0)]
    bench.connect("another")
    assert bench.venue.sequence == before + 2
    bench.core.set_disk_nearly_full(False)
    bench.send(me, CommandList.ORDERS, order("new"))
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]


@pytest.mark.req("A016", "B006", "B007")
@pytest.mark.parametrize("seed", range(20))
def test_power_cut_leaves_every_order_that_was_answered(seed: int) -> None:
    """With durability disk what was answered is there after a power cut; the state is that before it."""
    disk = MemoryDisk()
    bench = Bench(disk, durability=2)
    me = bench.connect()
    bench.market(me)
    names = [f"o{number}" for number in range(5 + seed)]
    answered = []
    for number, name in enumerate(names):
        bench.send(me, CommandList.ORDERS, order(name, account=1 + number % 3, side=1 + number % 2))
        reports = bench.took(me, ReportList.REPORTS)
        answered += reports[reports["exec_type"] == ExecType.ACCEPTED]["client_order_id_head"].tolist()
    assert answered == [name.encode() for name in names]
    disk.crash(CrashKind.torn if seed % 2 else CrashKind.lost, seed)
    bench.journal.close()
    again = Bench(disk, durability=2)
    for name in names:
        assert any(again.venue.find_order(account, name).size for account in (1, 2, 3)), name
    assert again.venue.state_hash() == bench.venue.state_hash()
    again.venue.check_invariants()
