"""Nothing leaks: references, results and arrays are given back."""

import gc
import resource
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import cmatch


def resident_kib() -> int:
    """The most memory that this process ever had resident, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def trade_once(engine: cmatch.Engine) -> None:
    """Two orders that trade, and their results."""
    engine.submit(1, "sell", 1, 5, account=300)
    assert engine.submit(1, "buy", 1, 5, account=400).trades[0].maker_account == 300


def refuse_once(engine: cmatch.Engine) -> None:
    """Every way to be refused on the way in."""
    calls: list[Callable[[], Any]] = [
        lambda: engine.submit(1, "bid", 1, 5),
        lambda: engine.submit(1, "buy", 1.0, 5),  # type: ignore[arg-type]
        lambda: engine.submit(1, "buy", 2**70, 5),
        lambda: engine.submit(1, "buy", 1, 5, colour=1),  # type: ignore[call-arg]
        lambda: engine.submit_batch([1]),  # type: ignore[arg-type]
        lambda: engine.best(99),
        lambda: cmatch.Engine.restore(b"abc"),
        lambda: cmatch.Trade(1),  # type: ignore[call-arg]
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError, OverflowError, LookupError)):
            call()


def look_once(engine: cmatch.Engine) -> None:
    """Every view."""
    result = engine.submit(1, "buy", 1, 5)
    engine.order(engine.next_order_id - 1)
    repr(
        (result, engine.book(1), engine, engine.best(1), engine.instrument(1), engine.options, engine.limits)
    )
    engine.l3(1), engine.trades(), engine.snapshot(), engine.instruments
    engine.cancel(1, engine.next_order_id - 1)


def batch_once(engine: cmatch.Engine) -> None:
    """A batch of either dtype, as it stands and converted."""
    rows = cmatch.commands(50, instrument_id=1, side="buy", qty=0)
    engine.submit_batch(rows)
    engine.submit_batch(rows[::2])
    engine.submit_batch(rows.astype(rows.dtype.newbyteorder()))


@pytest.mark.parametrize("work", [trade_once, refuse_once, look_once, batch_once])
def test_calls_in_a_loop_keep_nothing(work: Callable[[cmatch.Engine], None]) -> None:
    """Neither blocks of Python's allocator nor resident memory grow with the number of calls."""
    engine = cmatch.Engine(max_orders=1 << 10, max_order_ids=1 << 16, tape=0)
    engine.define_instrument(1)
    for _ in range(300):
        work(engine)
    gc.collect()
    blocks, resident = sys.getallocatedblocks(), resident_kib()
    for _ in range(1000):
        work(engine)
    gc.collect()
    assert abs(sys.getallocatedblocks() - blocks) < 100
    assert resident_kib() - resident < 4096


def test_arguments_keep_their_reference_counts(engine: cmatch.Engine) -> None:
    """No argument is kept or given up once too often."""
    account, word = 10**15, "GTC".lower()
    rows = cmatch.commands(10, instrument_id=1, side="buy", qty=0)
    objects: list[Any] = [account, word, rows, cmatch.Side.BUY, cmatch.OrderStatus.REJECTED, None, ()]
    before = [sys.getrefcount(each) for each in objects]
    for _ in range(100):
        results = [engine.submit(1, cmatch.Side.BUY, 0, None, account=account, time_in_force=word)]
        assert (results[0].status, results[0].trades) == (cmatch.OrderStatus.REJECTED, ())
        results.clear()
        engine.submit_batch(rows)
    after = [sys.getrefcount(each) for each in objects]
    assert [new - old for new, old in zip(after, before, strict=True)] == pytest.approx(
        [0] * len(objects), abs=3
    )


def test_more_results_than_the_freelist_holds_are_all_right(engine: cmatch.Engine) -> None:
    """A thousand results at a time, each with its own fields, made twice."""
    for _ in range(2):
        first = engine.next_order_id
        results = [engine.submit(1, "buy", 1, 5) for _ in range(1000)]
        assert [result.order_id for result in results] == list(range(first, first + 1000))
        del results
        engine.mass_cancel(instrument_id=1)


def test_engine_is_freed_with_its_last_reference() -> None:
    """Also after it was pickled, viewed and drained."""
    engine = cmatch.Engine(keep_events=True, deltas=True)
    engine.define_instrument(1)
    arrays = [engine.drain_events(), engine.l3(1), engine.drain_l2_deltas()]
    book = engine.book(1)
    gone = weakref.ref(engine)
    del engine
    assert gone() is not None
    del book
    assert gone() is None
    assert [len(array) for array in arrays] == [1, 0, 0]
