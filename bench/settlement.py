"""What settlement takes: trades a second from the log into rows with their fees, by how many a record has.

``python -m bench.settlement [--directory DIR] [--url URL] [--trades N] [--batches N ...]`` makes trades of
1,000 accounts in 16 instruments, puts them into a log, has the service's consumer take all of them, and
prints trades a second. Nothing is posted: that is the core's. 100,000 are asked for.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from sqlalchemy import insert

from bench.measure import machine, table
from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.interface import Batch
from exchange.bus.topics import TopicTable
from exchange.domain.enums import FeeMode, Side
from exchange.runtime.consumer import Consumer
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records, encode_rows
from exchange.services.settlement.service import SPEC
from exchange.services.settlement.tables import ASSETS, INSTRUMENTS, TIERS
from exchange.storage.sql import Store, open_store

TOPICS = TopicTable("bench")
NAME = TOPICS.full_name("execution.trades")
START_NS = 1_700_000_000_000_000_000
ACCOUNTS, MARKETS = 1_000, 16


def trades(count: int) -> Records:
    """Trades that wait to be posted, ten microseconds apart."""
    rows = np.zeros(count, ROW_DTYPES[EventList.TRADES])
    number = np.arange(1, count + 1, dtype=np.uint64)
    rows["trade_id"], rows["sequence"] = number, number + 100
    rows["timestamp"] = START_NS + number.astype(np.int64) * 10_000
    rows["price"], rows["qty"] = 10_000, 100
    rows["taker_account"], rows["maker_account"] = number % ACCOUNTS + 1, number * 7 % ACCOUNTS + 1
    rows["taker_tenant"] = rows["maker_tenant"] = 1
    rows["taker_fee"] = rows["maker_fee"] = 1_000
    rows["taker_fee_asset"] = rows["maker_fee_asset"] = 2
    rows["instrument_id"] = number % MARKETS + 1
    rows["taker_side"], rows["unposted"] = np.where(number % 2, int(Side.BUY), int(Side.SELL)), 1
    rows["correlation_id"] = np.char.add(b"bench-", number.astype("S12"))
    return rows


def define(store: Store) -> None:
    """The instruments, and a schedule of three tiers."""
    with store.begin() as tx:
        tx.execute(insert(ASSETS), [{"asset": 1, "scale": 8}, {"asset": 2, "scale": 6}])
        for number in range(1, MARKETS + 1):
            tx.execute(
                insert(INSTRUMENTS).values(
                    instrument_id=number, sequence=number, symbol=f"M-{number}", base=1, quote=2,
                    price_scale=2, qty_scale=4, fee_mode=int(FeeMode.QUOTE), maker_rate=100_000,
                    taker_rate=200_000,
                )
            )  # fmt: skip
        for least in (0, 10**9, 10**12):
            tx.execute(
                insert(TIERS).values(
                    schedule_id="default", volume_min=least, maker_rate=50_000, taker_rate=150_000
                )
            )


def take(directory: Path, url: str, count: int, size: int) -> tuple[float, float]:
    """Trades a second that were taken, and microseconds of the processor for each."""
    with EmbeddedLog(directory / "log", directory / "run", TOPICS) as log:
        rows = trades(count)
        with log.writer(NAME) as writer:
            for at in range(0, count, size):
                part = rows[at : at + size]
                frame = encode_rows(EventList.TRADES, part, at + 1, np.zeros(0, np.uint32))
                writer.append(
                    [
                        Batch(
                            stream=2,
                            epoch=1,
                            first_seq=at + 1,
                            count=len(part),
                            ts_ns=START_NS,
                            payload=frame,
                        )
                    ]
                )
        with open_store(url, SPEC.name, SPEC.tables) as store:
            define(store)
            with Consumer(SPEC, store, log, TOPICS) as consumer:
                start, working = time.perf_counter(), time.process_time()
                while consumer.step():
                    pass
                seconds, busy = time.perf_counter() - start, time.process_time() - working
                assert consumer.counts["taken"] == count
            with store.read() as tx:
                found = tx.exec_driver_sql("SELECT count(*), min(buyer_fee + seller_fee) FROM trades").one()
            assert tuple(found) == (count, 200)
            return count / seconds, busy * 1e6 / count


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="What settlement takes.")
    parser.add_argument("--directory", type=Path, help="where; a temporary directory otherwise")
    parser.add_argument(
        "--url", help="of a PostgreSQL database that is empty; SQLite otherwise; one batch size"
    )
    parser.add_argument("--trades", type=int, default=200_000, help="how many")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 256, 4096], help="trades a record")
    options = parser.parse_args()
    print(machine())
    rows = []
    for size in options.batches:
        with tempfile.TemporaryDirectory(dir=options.directory) as made:
            directory = Path(made)
            rate, busy = take(directory, options.url or str(directory / "stores"), options.trades, size)
            rows.append([str(size), f"{rate:,.0f}", f"{busy:.1f}"])
    print(table(["trades a record", "trades/s", "processor, us a trade"], rows))


if __name__ == "__main__":
    main()
