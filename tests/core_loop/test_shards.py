"""A shard and its core over memory: what is lost is sent again, and nothing is taken twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmatch import RejectCode, frames
from cmatch._core import MemoryDisk, Venue
from cmatch.frames import CommandList, ReportList
from exchange.domain.enums import InstrumentAction
from exchange.runtime.core_session import CoreRefusedError
from exchange.services.matching.shard_link import Records, ShardLink
from exchange.services.orders.loop import CoreLoop
from exchange.services.orders.stage import RemoteStage, WatchedStage
from exchange.storage.fold import Fold
from tests.core_loop.bench_table import LIMITS, Bench, Rows, Wire, order, replayed

_MS = 1_000_000
_BEAT, _TIMEOUT = 20 * _MS, 200 * _MS


class Engine(Fold):
    """The fold of a shard on a disk in memory."""

    def __init__(self, disk: MemoryDisk, limits: dict[str, Any]) -> None:
        super().__init__(Path("/j"), Venue(**limits, shard=1), disk=disk)

    def shard_expected(self) -> int:
        """The number of the event that the journal has next."""
        known = self.venue.shards()
        return int(known["expected"][0]) if known.size else 1

    def shard_events(self, first: int, most: int) -> Records:
        """What was made and is not in the journal."""
        return self.venue.shard_events(1, first, most)


class ShardBench(Bench):
    """A core with one shard; `life` is the present one of its process."""

    def __post_init__(self) -> None:
        self.options = {"shards": 1} | self.options
        super().__post_init__()
        away = any(bool(row["away"]) for row in self.venue.shards())
        port = RemoteStage(lambda: self.core.shard_link(1)[0], lambda: self.core.now, _TIMEOUT, away=away)
        stage = WatchedStage(port, self.policies.of("orders", "matching", "shard 1"), away=away)
        self.loop = CoreLoop(self.core, self.loop._stages[0], shards={1: stage})
        self.live()

    def live(self) -> None:
        """A new life of the shard's process: all of the journal once more."""
        self.wire = Wire(self, "shard")
        self.engine = Engine(self.disk, self.limits)
        self.engine.advance_to_end()
        self.link = ShardLink(1, self.engine, self.wire, _BEAT, 5 * _TIMEOUT)

    def go(self, turns: int = 5, later_ns: int = 5 * _MS, *, silent: bool = False) -> None:
        """Turns of the shard and of the core."""
        for _ in range(turns):
            if not silent:
                self.engine.advance(1_000)
                self.link.turn(self.clock.now_ns())
            self.turn(later_ns)

    def market_in_shard(self, me: int) -> None:
        """A market whose instrument the shard matches."""
        self.go()
        self.market(me)
        row = np.zeros(1, frames.INSTRUMENT_COMMAND_DTYPE)
        row["kind"], row["instrument_id"], row["shard"] = InstrumentAction.ASSIGN_SHARD, 1, 1
        self.send(me, CommandList.INSTRUMENTS, row)
        assert self.took(me, ReportList.ANSWERS)["reject"].tolist() == [0]
        self.go()


def traded(rows: Rows) -> list[tuple[int, int]]:
    """Exec type and leaves of each report."""
    return [(int(row["exec_type"]), int(row["leaves_qty"])) for row in rows]


def cross(bench: ShardBench, me: int, count: int = 5) -> None:
    """Pairs of orders that trade."""
    for number in range(count):
        bench.send(me, CommandList.ORDERS, order(f"m{number}", account=1, side=2))
        bench.send(me, CommandList.ORDERS, order(f"t{number}", account=2))


def settled(bench: ShardBench) -> None:
    """All is answered, the replay is the live state, and the shard's books are what the journal says."""
    [row] = bench.venue.shards()
    assert (row["passed"], row["away"], row["queued"]) == (0, 0, 0)
    bench.venue.check_invariants()
    assert replayed(bench.disk).state_hash() == bench.venue.state_hash()
    bench.engine.advance_to_end()
    bench.engine.venue.check_invariants()
    assert bench.engine.venue.state_hash() == bench.venue.state_hash()


def test_orders_are_answered_with_what_the_shard_made_of_them() -> None:
    """Maker and taker hear of the trade as from the core's own engine."""
    bench = ShardBench()
    me = bench.connect()
    bench.market_in_shard(me)
    bench.send(me, CommandList.ORDERS, order("m", account=1, side=2, qty=5))
    assert bench.took(me, ReportList.REPORTS).size == 0
    bench.send(me, CommandList.ORDERS, order("t", account=2, qty=3))
    bench.go()
    assert traded(bench.took(me, ReportList.REPORTS)) == [(1, 5), (1, 3), (3, 0), (3, 2)]
    settled(bench)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_events_that_were_lost_are_sent_again(lost: int) -> None:
    """A gap is refused, then all behind it comes once more, and is taken once."""
    bench = ShardBench()
    me = bench.connect()
    bench.market_in_shard(me)
    events = 0

    def lose(frame: bytes) -> bool:
        nonlocal events
        events += frames.decode_commands(frame)[1] is CommandList.SHARD_EVENTS
        return events == lost

    bench.wire.lose = lose
    for number in range(4):
        bench.send(me, CommandList.ORDERS, order(f"m{number}", account=1, side=2))
        bench.go(1)
    bench.go(150)
    assert traded(bench.took(me, ReportList.REPORTS)) == [(1, 1)] * 4
    settled(bench)


@pytest.mark.parametrize("shown", [0, 1, 2])
def test_shard_that_starts_anew_sends_what_the_journal_lacks(shown: int) -> None:
    """Killed before, between and after its sends: each order is answered once, each trade happens once."""
    bench = ShardBench()
    me = bench.connect()
    bench.market_in_shard(me)
    cross(bench, me)
    if shown:
        bench.engine.advance(1_000)
        bench.link.turn(bench.clock.now_ns())  # its events are on their way
    if shown == 2:
        bench.turn()
    bench.live()
    bench.go(20)
    reports = bench.took(me, ReportList.REPORTS)
    assert traded(reports) == [(1, 1), (1, 1), (3, 0), (3, 0)] * 5
    settled(bench)


def test_core_that_starts_anew_gets_what_its_journal_lacks() -> None:
    """The shard connects again, and sends from what the journal has."""
    bench = ShardBench()
    me = bench.connect()
    bench.market_in_shard(me)
    cross(bench, me)
    bench.journal.close()
    again = ShardBench(bench.disk, clock=bench.clock)
    me = again.connect(last_event=1)
    again.go(20)
    assert traded(again.took(me, ReportList.REPORTS))[-2:] == [(3, 0), (3, 0)]
    assert int(again.venue.status()["trades"][0]) == 5
    settled(again)


def test_silent_shard_is_away_until_it_is_heard_again() -> None:
    """Queued, refused, cancelled from the queue; then the queue at once, in order."""
    bench = ShardBench()
    me = bench.connect()
    bench.market_in_shard(me)
    bench.go(20, 20 * _MS, silent=True)
    assert bench.venue.shards()["away"].tolist() == [1]
    bench.send(me, CommandList.ORDERS, order("queued", account=1, side=2, qty=2))
    bench.send(me, CommandList.ORDERS, order("ioc", account=2, time_in_force=4))
    bench.send(me, CommandList.ORDERS, order("second", account=2, qty=2))
    reports = bench.took(me, ReportList.REPORTS)
    assert reports["order_status"].tolist() == [1, 7, 1]
    assert reports["reject"].tolist() == [0, RejectCode.ENGINE_UNAVAILABLE, 0]
    bench.go(20, 20 * _MS)
    assert bench.venue.shards()["away"].tolist() == [0]
    assert traded(bench.took(me, ReportList.REPORTS)) == [(1, 2), (1, 2), (3, 0), (3, 0)]
    settled(bench)


def test_core_that_starts_while_the_shard_is_away_does_not_take_it_for_back() -> None:
    """It was away, and is until it is heard; one that was there has its time to come back."""
    bench = ShardBench()
    me = bench.connect()
    bench.market_in_shard(me)
    bench.journal.close()
    there = ShardBench(bench.disk, clock=bench.clock)
    there.go(8, 20 * _MS, silent=True)
    assert there.venue.shards()["away"].tolist() == [0]
    there.go(20, 20 * _MS, silent=True)
    assert there.venue.shards()["away"].tolist() == [1]
    there.journal.close()
    again = ShardBench(bench.disk, clock=bench.clock)
    again.go(20, 20 * _MS, silent=True)
    assert again.venue.shards()["away"].tolist() == [1]
    again.go(20, 20 * _MS)
    assert again.venue.shards()["away"].tolist() == [0]


def test_order_that_waits_too_long_is_expired() -> None:
    """By a tick: nothing else comes while nobody sends anything."""
    bench = ShardBench(limits=LIMITS | {"queue_ttl": 1_000 * _MS})
    me = bench.connect()
    bench.market_in_shard(me)
    bench.go(20, 20 * _MS, silent=True)
    bench.send(me, CommandList.ORDERS, order("queued", account=1, side=2))
    bench.go(60, 20 * _MS, silent=True)
    assert bench.took(me, ReportList.REPORTS)["order_status"].tolist() == [1, 6]
    bench.go(20, 20 * _MS)
    settled_after = bench.venue.shards()
    assert (settled_after["passed"].tolist(), settled_after["queued"].tolist()) == ([0], [0])


def test_events_come_from_a_shard_alone() -> None:
    """A session without that right is refused, and nothing is journaled."""
    bench = ShardBench(options={"trusts_peers": False})
    bench.core.permit("me", 0, True, True)
    connection = bench.transport.open("me")
    row = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    row["kind"], row["name"], row["schema_version"] = 1, b"me", frames.SCHEMA_VERSION
    bench.send(connection, CommandList.SESSIONS, row)
    before = bench.venue.sequence
    event = np.zeros(1, frames.SHARD_EVENT_DTYPE)
    event["kind"], event["shard"], event["number"] = 1, 1, 1
    bench.send(connection, CommandList.SHARD_EVENTS, event)
    answers = bench.took(connection, ReportList.ANSWERS)
    assert answers[["family", "reject"]].tolist() == [(CommandList.SHARD_EVENTS, RejectCode.NOT_PERMITTED)]
    assert bench.venue.sequence == before


def test_instrument_goes_to_no_shard_that_has_no_process() -> None:
    """The core knows how many there are."""
    bench = ShardBench()
    me = bench.connect()
    bench.market_in_shard(me)
    row = np.zeros(1, frames.INSTRUMENT_COMMAND_DTYPE)
    row["kind"], row["instrument_id"], row["shard"] = InstrumentAction.ASSIGN_SHARD, 1, 2
    bench.send(me, CommandList.INSTRUMENTS, row)
    assert bench.took(me, ReportList.ANSWERS)["reject"].tolist() == [RejectCode.UNKNOWN_SHARD]


def test_shard_whose_events_do_not_follow_stops() -> None:
    """What the core refuses for good is an accident: it says so and ends."""
    bench = ShardBench()
    me = bench.connect()
    bench.market_in_shard(me)
    good = bench.engine.shard_events
    bench.engine.shard_events = lambda first, most: _spoiled(good(first, most))  # type: ignore[method-assign]
    bench.send(me, CommandList.ORDERS, order("m", account=1, side=2))
    with pytest.raises(CoreRefusedError, match="event 2 does not follow"):
        bench.go(20)
    bench.live()
    bench.go(20)
    assert traded(bench.took(me, ReportList.REPORTS)) == [(1, 1)]
    settled(bench)


def _spoiled(rows: Rows) -> Rows:
    rows["qty"] += 1
    return rows


def test_second_process_of_a_shard_ends_the_first() -> None:
    """Two must not speak for one shard."""
    bench = ShardBench()
    me = bench.connect()
    bench.market_in_shard(me)
    first = bench.link
    bench.live()
    bench.go(5)
    with pytest.raises(CoreRefusedError, match="Another connection"):
        first.turn(bench.clock.now_ns())
