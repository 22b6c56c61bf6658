"""Batches of orders, and what each asks of the system: test_hot_path.py runs it below what counts."""

from __future__ import annotations

import ctypes
import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import numpy as np

import cmatch
from cmatch import CommandKind, EventKind, OrderType, TimeInForce

SIZES: Final = (100, 1_000, 10_000, 50_000)
KINDS: Final = ("memory", "mutex", "files")
ASKED: Final = 64


def flow(rng: np.random.Generator, first: int, count: int) -> Any:
    """Orders around one price: limits and markets, resting, immediate and post-only, cancels and replaces."""
    rows = cmatch.commands(count, instrument_id=1, qty=1, price=1_000)
    rows["order_id"] = np.arange(first, first + count)
    rows["side"] = rng.integers(1, 3, count)
    rows["qty"] = rng.integers(1, 100, count)
    rows["price"] = rng.integers(950, 1_051, count)
    rows["time_in_force"] = rng.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC], count)
    changed = rng.random(count) < 0.25
    rows["kind"][changed] = rng.choice([CommandKind.CANCEL, CommandKind.REPLACE], int(changed.sum()))
    # Of orders that are recent enough to live now and then.
    back = rng.integers(1, 50, int(changed.sum()))
    rows["order_id"][changed] = np.maximum(rows["order_id"][changed] - back, 1)
    rows["account"] = rows["order_id"] % 50 + 1  # whoever changes an order is its owner
    rows["type"][~changed & (rng.random(count) < 0.05)] = OrderType.MARKET
    return rows


def counted(work: Callable[[], object]) -> dict[str, int]:
    """What a piece of work asked for, by kind."""
    library, found = ctypes.CDLL(None), (ctypes.c_uint64 * len(KINDS))()
    library.count_from_now()
    work()
    library.counted_so_far(found)
    return dict(zip(KINDS, found, strict=True))


def asks() -> None:
    """Of each kind so many times, or more."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    mutex = ctypes.create_string_buffer(128)
    for _ in range(ASKED):
        libc.free(libc.malloc(8))
        libc.pthread_mutex_lock(mutex)
        libc.pthread_mutex_unlock(mutex)
        libc.write(-1, b"", 0)


def main() -> None:
    """Prints, as JSON, what is counted of what asks, of each batch, and what came of the largest one."""
    rng = np.random.default_rng(7)
    engine = cmatch.Engine(max_orders=1 << 17, max_order_ids=1 << 20, tape=0)
    engine.define_instrument(1)
    first, batches, events = 1, [], Counter[str]()
    for size in (1_000, *SIZES):  # the first one warms
        rows = flow(rng, first, size)
        made: list[Any] = []
        batches.append(counted(lambda rows=rows, made=made: made.append(engine.submit_batch(rows))))  # type: ignore[misc]
        first += size
        events = Counter(EventKind(kind).name.lower() for kind in made[0]["kind"].tolist())
    json.dump({"asks": counted(asks), "batches": batches[1:], "events": events}, sys.stdout)


if __name__ == "__main__":
    main()
