"""Trades as the core tells them, put into a log, and taken from it by a service's consumer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.interface import Batch
from exchange.bus.topics import TopicTable
from exchange.domain.enums import Side
from exchange.runtime.consumer import Consumer
from exchange.runtime.spec import ServiceSpec
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records, encode_rows
from exchange.storage.sql import Store, open_store

TOPICS = TopicTable("bench")
NAME = TOPICS.full_name("execution.trades")
START_NS = 1_700_000_000_000_000_000
ACCOUNTS = 1_000
_AT_ONCE = 100_000


def trades(first: int, last: int, markets: int, apart_ns: int) -> Records:
    """Trades of these numbers, of 1,000 accounts, in each market in turn, that wait to be posted."""
    number = np.arange(first, last + 1, dtype=np.uint64)
    rows = np.zeros(len(number), ROW_DTYPES[EventList.TRADES])
    rows["trade_id"], rows["sequence"] = number, number + 100
    rows["timestamp"] = START_NS + number.astype(np.int64) * apart_ns
    rows["price"], rows["qty"] = 10_000, 100
    rows["taker_account"], rows["maker_account"] = number % ACCOUNTS + 1, number * 7 % ACCOUNTS + 1
    rows["taker_tenant"] = rows["maker_tenant"] = 1
    rows["taker_fee"] = rows["maker_fee"] = 1_000
    rows["taker_fee_asset"] = rows["maker_fee_asset"] = 2
    rows["instrument_id"] = number % markets + 1
    rows["taker_side"], rows["unposted"] = np.where(number % 2, int(Side.BUY), int(Side.SELL)), 1
    rows["correlation_id"] = np.char.add(b"bench-", number.astype("S12"))
    return rows


def take(
    spec: ServiceSpec,
    directory: Path,
    url: str,
    count: int,
    make: Callable[[int, int], Records],
    size: int,
    *,
    before: Callable[[Store], object],
    check: Callable[[Store], object],
) -> tuple[float, float]:
    """Trades a second that the service took, and microseconds of the processor for each.

    Args:
        spec: The service.
        directory: Of the log.
        url: Of the store, as `open_store` takes it.
        count: Of trades.
        make: Makes those from one number to another.
        size: How many a record of the log has.
        before: Makes the store ready.
        check: Fails where it has not what it should have in the end.
    """
    with EmbeddedLog(directory / "log", directory / "run", TOPICS) as log:
        with log.writer(NAME) as writer:
            for begin in range(1, count + 1, size * max(1, _AT_ONCE // size)):
                rows = make(begin, min(begin + size * max(1, _AT_ONCE // size) - 1, count))
                writer.append([_batch(rows[at : at + size]) for at in range(0, len(rows), size)])
        with open_store(url, spec.name, spec.tables) as store:
            before(store)
            with Consumer(spec, store, log, TOPICS) as consumer:
                start, working = time.perf_counter(), time.process_time()
                while consumer.step():
                    pass
                seconds, busy = time.perf_counter() - start, time.process_time() - working
                assert consumer.counts["taken"] == count
            check(store)
            return count / seconds, busy * 1e6 / count


def _batch(rows: Records) -> Batch:
    first, frame = int(rows["trade_id"][0]), encode_rows(EventList.TRADES, rows, int(rows["sequence"][-1]))
    return Batch(stream=2, epoch=1, first_seq=first, count=len(rows), ts_ns=START_NS, payload=frame)
