"""Memory that is brought in beside the loop: all of it comes, and what the loop writes there stays."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

from cmatch._core import Toucher
from cmatch.frames import CommandList
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
    toucher.stop()
    left = toucher.left
    toucher.stop()
    assert toucher.left == left
    del toucher
    Toucher(bench.core)
    trade(bench, 100)
    bench.venue.check_invariants()
