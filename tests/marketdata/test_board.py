"""What the board shows, on a clock of the test's own; the board of running processes is in `test_process`."""

from __future__ import annotations

import numpy as np

from exchange.domain.queries import BookTopReply, LevelRow
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records
from exchange.services.marketdata.board import LOST_NS, QUEUE_MAX, STALE_NS, Board
from tests.clock import Clock


def trades(*ids: int, instrument_id: int = 7) -> Records:
    """So many, each at a price of its own."""
    rows = np.zeros(len(ids), ROW_DTYPES[EventList.TRADES])
    rows["trade_id"], rows["price"], rows["qty"] = ids, [100 + each for each in ids], 5
    rows["instrument_id"], rows["timestamp"] = instrument_id, [1_000 * each for each in ids]
    return rows


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
        found = [(tick.sequence, tick.last_price, tick.bid_price) for tick in watcher.ticks]
        assert found == [(0, 101, None), (1, 102, None), (2, 103, None), (3, 103, 99)]
        for number in range(5, 3 * QUEUE_MAX):
            board.traded(trades(number))
        assert len(watcher.ticks) <= QUEUE_MAX
        assert watcher.ticks[-1].last_price == 100 + 3 * QUEUE_MAX - 1
    assert board.watched == frozenset()
    board.traded(trades(4 * QUEUE_MAX))
    assert board.tick(7).last_price == 100 + 4 * QUEUE_MAX
