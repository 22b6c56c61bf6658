"""Memory that is brought in beside the loop: all of it comes, and what the loop writes there stays."""

from __future__ import annotations

import os
import resource
import time
from functools import partial
from pathlib import Path

from cmatch._core import SharedStats, Stat, Toucher
from cmatch.frames import CommandList
from exchange.services.orders.touching import Touching
from exchange.storage.directory import DataDirectory
from tests.core_loop.bench_table import LIMITS, Bench, order

LARGE = {**LIMITS, "max_client_ids": 200_000, "max_orders": 100_000}


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def trade(bench: Bench, until: int) -> None:
    """Orders of two accounts that rest and trade, up to a sequence."""
    me = bench.connect()
    bench.market(me)
    while bench.venue.sequence < until:
        number = bench.venue.sequence
        bench.send(me, CommandList.ORDERS, order(f"o{number}", account=1 + number % 2, side=1 + number % 2))


def test_orders_beside_the_toucher_end_as_without_it() -> None:
    """The same state, and in the end nothing is left untouched."""
    alone = Bench(limits=dict(LARGE))
    trade(alone, 3_000)
    bench = Bench(limits=dict(LARGE))
    before = resident()
    toucher = Toucher(bench.core, sorted(os.sched_getaffinity(0)))
    whole = toucher.left
    toucher.begin()
    trade(bench, 3_000)
    while toucher.left:
        time.sleep(0.01)
    assert whole > 100 << 20
    assert resident() - before > whole // 2  # the allocator may have had some of it
    assert bench.venue.state_hash() == alone.venue.state_hash()
    bench.venue.check_invariants()
    toucher.stop()


def test_toucher_that_is_stopped_or_dropped_leaves_the_rest() -> None:
    """It ends at once, twice is as good as once, and the core outlives it."""
    bench = Bench(limits={**LARGE, "max_client_ids": 4_194_304})
    toucher = Toucher(bench.core)
    toucher.begin()
    toucher.stop()
    left = toucher.left
    toucher.stop()
    assert toucher.left == left
    del toucher
    Toucher(bench.core).begin()
    trade(bench, 100)
    bench.venue.check_invariants()


def test_core_begins_to_touch_when_all_have_started_or_after_ten_seconds(tmp_path: Path) -> None:
    """Until then all is left, and is told to be; a core that comes back waits for nobody."""
    bench = Bench(limits=dict(LARGE))
    stats = SharedStats(str(tmp_path / "stats"))
    directory, now = DataDirectory(tmp_path), [100.0]
    whole = Toucher(bench.core).left
    told = partial(stats.get, Stat.memory_untouched_bytes)

    def all_comes(touching: Touching) -> bool:
        deadline = time.monotonic() + 120
        while told() and time.monotonic() < deadline:
            touching()
            time.sleep(0.01)
        return told() == 0

    with Touching(Toucher(bench.core), stats, directory, lambda: now[0]) as touching:
        touching()
        now[0] += 9.9
        touching()
        time.sleep(0.1)
        assert told() == whole
        now[0] += 0.2
        assert all_comes(touching)
    directory.run.mkdir()
    directory.announcement.write_bytes(b"{}")
    with Touching(Toucher(bench.core), stats, directory, lambda: now[0]) as touching:
        assert told() == whole
        assert all_comes(touching)
    with Touching(Toucher(bench.core), stats, directory, lambda: now[0]) as touching:
        touching.begin()
        touching()  # which does not begin it twice
        assert all_comes(touching)
