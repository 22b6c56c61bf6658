"""What the board is told of trades when a fold of the journal begins, wherever the store is then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from exchange.domain.events import TradeExecuted
from exchange.runtime.event_run import EventRun
from exchange.schema.event_rows import TRADE_DTYPE, EventList, EventRows, Records
from exchange.schema.events import EventBatch
from exchange.services.marketdata.board import Board
from exchange.services.marketdata.feed import TradeFeed, last_of_each
from exchange.services.marketdata.service import SPEC
from exchange.services.marketdata.store import take_trades
from exchange.storage.sql import Store, open_store

WAIT_S = 60


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Empty."""
    with open_store(str(tmp_path), SPEC.name, SPEC.tables) as opened:
        yield opened


def trades(*of: tuple[int, int]) -> Records:
    """Numbers and instruments; each at a price of its own."""
    rows = np.zeros(len(of), TRADE_DTYPE)
    rows["trade_id"], rows["instrument_id"] = zip(*of, strict=True)
    rows["price"], rows["qty"] = 100 + rows["trade_id"], 5
    rows["timestamp"] = 1_000 * rows["trade_id"]
    return rows


def take(store: Store, rows: Records) -> None:
    """The store has them from then on."""
    first = int(rows["trade_id"][0])
    found = EventRows(EventList.TRADES, rows, 1, np.zeros(0, np.uint32))
    batch = EventBatch(EventList.TRADES, 2, first, found, (), b"")
    with store.begin() as tx:
        take_trades(tx, EventRun([(batch, 0, len(rows))], TradeExecuted))


async def until(wanted: Callable[[], bool]) -> None:
    """Waits."""
    deadline = time.monotonic() + WAIT_S
    while not wanted():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_last_trades_are_those_of_the_store_and_then_those_of_the_fold(store: Store) -> None:
    """Nothing is shown while the store lacks what was before the fold, and nothing that came is lost."""
    take(store, trades((1, 7), (2, 8)))
    board = Board(str, time.monotonic_ns)
    feed = TradeFeed(store, board)

    async def follow() -> None:
        running = asyncio.create_task(feed.run())
        feed.begin(4, trades((5, 9)))
        feed.traded(trades((6, 9), (7, 7)))
        await asyncio.sleep(0.5)
        assert (board.last_trade, board.last_price(9), board.last_price(8)) == (0, None, None)
        take(store, trades((3, 8), (4, 7), (5, 9)))
        await until(lambda: board.last_trade == 7)
        assert [board.last_price(each) for each in (7, 8, 9)] == [107, 103, 106]
        feed.traded(trades((8, 8)))
        assert board.last_price(8) == 108
        with board.watching([7]) as watcher:
            watcher.take()
            feed.begin(6, trades((7, 7), (9, 7)))  # anew, from a snapshot before what is shown
            await until(lambda: board.last_trade == 9)
            run = watcher.take()
            assert run is not None
            assert (run.last.last_price, run.before) == (109, b"")
        running.cancel()

    asyncio.run(follow())


def test_fold_from_the_first_record_needs_no_store(tmp_path: Path) -> None:
    """All that was ever traded comes with it, also while the store cannot be read."""
    board = Board(str, time.monotonic_ns)
    with open_store(str(tmp_path), SPEC.name, SPEC.tables) as store:
        feed = TradeFeed(store, board)

    async def follow() -> None:
        running = asyncio.create_task(feed.run())
        feed.traded(trades((1, 7)))
        feed.begin(0, trades((1, 7), (2, 8)))
        await until(lambda: board.last_trade == 2)
        running.cancel()

    asyncio.run(follow())
    assert [board.last_price(each) for each in (7, 8)] == [101, 102]


def test_last_of_each_are_in_their_order() -> None:
    """One of each instrument, none where there are none."""
    rows = trades((1, 7), (2, 8), (3, 7), (4, 9), (5, 8))
    assert last_of_each(rows)["trade_id"].tolist() == [3, 4, 5]
    assert len(last_of_each(rows[:0])) == 0
