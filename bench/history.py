"""What the order history takes: events a second from the log into its store, by how many a record has.

``python -m bench.history [--directory DIR] [--url URL] [--orders N] [--batches N ...]`` makes a flow of
orders (half of them rest, half take one of those: four reports for two orders), puts it into a log, has the
service's consumer take all of it, and prints orders a second. 20,000 are asked for.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.measure import machine, table
from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.interface import Batch
from exchange.bus.topics import TopicTable
from exchange.domain.enums import ExecType, Liquidity, OrderStatus, OrderType, ReportFlag, Side, TimeInForce
from exchange.runtime.consumer import Consumer
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records, encode_rows
from exchange.services.history.service import SPEC
from exchange.storage.sql import open_store

TOPICS = TopicTable("bench")
NAME = TOPICS.full_name("orders.lifecycle")
START_NS = 1_700_000_000_000_000_000
ACCOUNTS = 1_000


def reports(orders: int) -> Records:
    """Pairs of orders: one that rests, and one that takes it: four reports."""
    pairs = orders // 2
    rows = np.zeros((pairs, 4), ROW_DTYPES[EventList.REPORTS])
    maker = np.arange(pairs, dtype=np.uint64) * 2 + 1
    rows["exec_type"][:, :2], rows["exec_type"][:, 2:] = int(ExecType.ACCEPTED), int(ExecType.TRADE)
    rows["order_id"] = np.stack([maker, maker + 1, maker + 1, maker], 1)
    rows["order_status"] = [int(OrderStatus.OPEN)] * 2 + [int(OrderStatus.FILLED)] * 2
    rows["side"] = [int(Side.SELL), int(Side.BUY), int(Side.BUY), int(Side.SELL)]
    rows["account"] = rows["order_id"] % ACCOUNTS + 1
    rows["instrument_id"] = rows["order_id"] // 2 % 16 + 1
    rows["type"], rows["time_in_force"] = int(OrderType.LIMIT), int(TimeInForce.GTC)
    rows["order_qty"], rows["price"], rows["flags"] = 100, 10_000, int(ReportFlag.PRICE)
    rows["leaves_qty"][:, :2], rows["cum_qty"][:, 2:] = 100, 100
    rows["last_qty"][:, 2:], rows["last_price"][:, 2:] = 100, 10_000
    rows["liquidity"][:, 2:] = [int(Liquidity.TAKER), int(Liquidity.MAKER)]
    rows["trade_id"][:, 2:] = (maker + 1)[:, None] // 2
    return _numbered(rows.reshape(-1))


def _numbered(rows: Records) -> Records:
    """With sequences, times and client order ids."""
    rows["sequence"] = np.arange(len(rows)) // 4 * 2 + 2
    rows["event_sequence"] = np.arange(1, len(rows) + 1)
    rows["timestamp"] = START_NS + rows["event_sequence"].astype(np.int64) * 1_000
    rows["client_order_id_head"] = np.char.add(b"client-", rows["order_id"].astype("S9"))
    rows["correlation_id_head"] = rows["client_order_id_head"]
    return rows


def publish(log: EmbeddedLog, rows: Records, size: int) -> None:
    """Appends them in records of so many."""
    with log.writer(NAME) as writer:
        for at in range(0, len(rows), size):
            part = rows[at : at + size]
            frame = encode_rows(EventList.REPORTS, part, at + 1, np.full(len(part), 1, np.uint32))
            writer.append(
                [Batch(stream=1, epoch=1, first_seq=at + 1, count=len(part), ts_ns=START_NS, payload=frame)]
            )


def take(directory: Path, url: str, orders: int, size: int) -> tuple[float, float]:
    """Orders a second that were taken, and seconds of the processor for each million of them."""
    with EmbeddedLog(directory / "log", directory / "run", TOPICS) as log:
        publish(log, reports(orders), size)
        with open_store(url, SPEC.name, SPEC.tables) as store, Consumer(SPEC, store, log, TOPICS) as consumer:
            start, working = time.perf_counter(), time.process_time()
            while consumer.step():
                pass
            seconds, busy = time.perf_counter() - start, time.process_time() - working
            assert consumer.counts["taken"] == 2 * orders
            with store.read() as tx:
                found = tx.exec_driver_sql("SELECT count(*), sum(cum_qty) FROM orders").one()
            assert tuple(found) == (orders, 100 * orders)
            return orders / seconds, busy * 1e6 / orders


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="What the order history takes.")
    parser.add_argument("--directory", type=Path, help="where; a temporary directory otherwise")
    parser.add_argument(
        "--url", help="of a PostgreSQL database that is empty; SQLite otherwise; one batch size"
    )
    parser.add_argument("--orders", type=int, default=60_000, help="how many")
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 16, 64, 1024], help="events a record")
    options = parser.parse_args()
    print(machine())
    rows = []
    for size in options.batches:
        with tempfile.TemporaryDirectory(dir=options.directory) as made:
            directory = Path(made)
            rate, busy = take(directory, options.url or str(directory / "stores"), options.orders, size)
            rows.append([str(size), f"{rate:,.0f}", f"{busy:.1f}"])
    print(table(["events a record", "orders/s", "processor, us an order"], rows))


if __name__ == "__main__":
    main()
