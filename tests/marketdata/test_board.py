"""What the board shows, on a clock of the test's own; the board of running processes is in `test_process`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain.contracts.marketdata import MarketTick, TickRun
from exchange.domain.queries import BookTopReply, LevelRow
from exchange.errors import WireError
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records
from exchange.schema.tick_rows import RUN_MAX, TICK_DTYPE, ticks_of
from exchange.services.marketdata.board import HELD_BYTES_MAX, LOST_NS, RUNS_MAX, STALE_NS, Board, Watcher
from tests.clock import Clock


def trades(*ids: int, instrument_id: int = 7) -> Records:
    """So many, each at a price of its own."""
    rows = np.zeros(len(ids), ROW_DTYPES[EventList.TRADES])
    rows["trade_id"], rows["price"], rows["qty"] = ids, [100 + each for each in ids], 5
    rows["instrument_id"], rows["timestamp"] = instrument_id, [1_000 * each for each in ids]
    return rows


def taken(watcher: Watcher) -> list[TickRun]:
    """All that waits."""
    return [TickRun(last=run.last, before=run.before) for run in iter(watcher.take, None)]


def ticks(watcher: Watcher) -> list[MarketTick]:
    """Likewise, one by one."""
    return [tick for run in taken(watcher) for tick in ticks_of(run)]


def test_board_is_as_old_as_the_last_moment_at_which_no_trade_was_missing() -> None:
    """A trade that the venue has and the log does not bring makes all stale from when it was first seen."""
    clock = Clock(0)
    board = Board(str, clock)
    board.traded(trades(1, 2))
    for _ in range(5):
        clock.now += STALE_NS
        board.heard(2, clock.now)
    assert (board.age_ns, board.tick(7).stale) == (0, False)
    seen = clock.now
    board.heard(4, seen)
    clock.now += STALE_NS
    board.heard(5, clock.now)
    assert board.age_ns == 0  # as long it may be silent
    clock.now += 1
    assert (board.age_ns, board.tick(7).age_ns) == (STALE_NS + 1, STALE_NS + 1)
    clock.now = seen + LOST_NS + 1
    assert board.age_ns > LOST_NS
    board.traded(trades(3, 4))
    board.heard(5, clock.now)
    assert board.age_ns == LOST_NS + 1  # trade 4 was due then; 5 is missing since now
    board.traded(trades(5))
    board.heard(5, clock.now)
    assert board.age_ns == 0


def test_watcher_has_every_tick_in_order_and_a_slow_one_the_newest() -> None:
    """Numbers without a gap where none was left out; memory is bounded; nobody else's ticks come."""
    board = Board(str, Clock(0))
    board.traded(trades(1))
    with board.watching([7]) as watcher:
        board.traded(trades(2, 3))
        board.traded(trades(4, instrument_id=8))
        board.quoted({7: BookTopReply(bid=LevelRow(price=99, qty=3), ts_ns=9_000)})
        board.quoted({7: BookTopReply(bid=LevelRow(price=99, qty=3), ts_ns=9_500)})  # says nothing new
        found = [(tick.sequence, tick.last_price, tick.bid_price) for tick in ticks(watcher)]
        assert found == [(0, 101, None), (1, 102, None), (2, 103, None), (3, 103, 99)]
        for number in range(5, 3 * RUNS_MAX):
            board.traded(trades(number))
        assert len(watcher) <= RUNS_MAX
        assert ticks(watcher)[-1].last_price == 100 + 3 * RUNS_MAX - 1
    assert board.watched == frozenset()
    board.traded(trades(4 * RUNS_MAX))
    assert board.tick(7).last_price == 100 + 4 * RUNS_MAX


def test_watcher_that_reads_nothing_holds_few_bytes_however_many_trades_come_together() -> None:
    """Runs are bounded by their trades, too; what is let go of is never the newest of an instrument."""
    board = Board(str, Clock(0))
    with board.watching([7, 8]) as watcher:
        for first in range(1, 40 * RUN_MAX, 2 * RUN_MAX):
            instrument_id = 7 + first // RUN_MAX % 4 // 2
            board.traded(trades(*range(first, first + 2 * RUN_MAX), instrument_id=instrument_id))
        runs = taken(watcher)
        assert sum(len(run.before) for run in runs) <= HELD_BYTES_MAX + RUN_MAX * TICK_DTYPE.itemsize
        found = [list(ticks_of(run)) for run in runs]
        assert max(map(len, found)) == RUN_MAX
        newest = {of[-1].instrument_id: of[-1] for of in found}
        assert newest == {each: board.tick(each) for each in (7, 8)}
    assert watcher.take() is None
    assert not watcher.ready.is_set()


@given(
    st.lists(st.lists(st.tuples(st.sampled_from((7, 8, 9)), st.integers(0, 9_000)), max_size=30), max_size=6)
)
def test_runs_are_the_ticks_that_trades_one_by_one_make(parts: list[list[tuple[int, int]]]) -> None:
    """In whatever parts they come, with quotes between them, of which one is of a later time than trades."""
    together, single = Board(str, Clock(0)), Board(str, Clock(0))
    number = 0
    found: dict[str, dict[int, list[MarketTick]]] = {"together": {}, "single": {}}
    with together.watching([7, 8]) as runs, single.watching([7, 8]) as ones:
        for place, part in enumerate(parts):
            rows = trades(*range(number + 1, number + 1 + len(part)))
            if part:
                rows["instrument_id"], rows["timestamp"] = zip(*part, strict=True)
            number += len(part)
            quote = {7: BookTopReply(bid=LevelRow(price=99, qty=place), ts_ns=1_500 * place)}
            for board in (together, single):
                board.quoted(quote)
            together.traded(rows)
            for at in range(len(rows)):
                single.traded(rows[at : at + 1])
        for name, watcher in (("together", runs), ("single", ones)):
            for tick in ticks(watcher):
                found[name].setdefault(tick.instrument_id, []).append(tick)
    assert found["together"] == found["single"]
    assert {each: together.tick(each) for each in (7, 8, 9)} == {
        each: single.tick(each) for each in (7, 8, 9)
    }


def test_run_that_says_what_cannot_be_is_refused() -> None:
    """Half a row, too many, more than there are numbers, no last tick."""
    row = np.zeros(1, TICK_DTYPE).tobytes()
    last = MarketTick(symbol="A", sequence=1)
    assert [tick.sequence for tick in ticks_of(TickRun(last=last, before=row))] == [0, 1]
    for wrong in (
        TickRun(last=last, before=row[:-1]),
        TickRun(last=last, before=row * 2),
        TickRun(last=MarketTick(sequence=RUN_MAX), before=row * RUN_MAX),
        TickRun(before=row),
    ):
        with pytest.raises(WireError):
            list(ticks_of(wrong))
