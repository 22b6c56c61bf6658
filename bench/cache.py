"""What the cache of instruments saves: questions to the history with it and without.

``python -m bench.cache [--instruments N] [--questions N] [--redis URL]`` runs an exchange that keeps a
history, with so many instruments, once for each way, asks for the orders of one of them by its symbol, one
question after the other, and prints how long an answer took. Without the cache every answer asks the replica.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bench.measure import machine, table
from exchange.client import Client, Reader
from exchange.errors import ExchangeError

SETTINGS = (
    "limits.segment_bytes=16777216",
    "limits.accounts=100",
    "limits.orders=10000",
    "limits.client_order_ids=10000",
    "history.enabled=true",
    "endpoints.metrics=",
)
MARKET, ACCOUNT, TENANT = 1, 11, 1
WAIT_MS = 60_000


@contextmanager
def exchange(directory: Path, *more: str) -> Iterator[str]:
    """A running one; the endpoint of its core."""
    words = [sys.executable, "-m", "exchange.cli", "up", "--data", str(directory)]
    words += [word for pair in (*SETTINGS, *more) for word in ("--set", pair)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        announced = directory / "run" / "exchange.json"
        while not announced.exists():
            if process.poll() is not None:
                raise SystemExit(f"the exchange ended with {process.returncode}")
            time.sleep(0.05)
        yield f"ipc://{directory}/run/orders.sock"
    finally:
        process.terminate()
        process.wait()


def fill(endpoint: str, instruments: int) -> None:
    """Instruments, and a page of orders of the first one."""
    with Client.connect(endpoint, tenant=0, name="bench", user="bench", connect_ms=WAIT_MS) as operator:
        make = operator.make.admin
        operator.admin.define_asset(1, "BTC", 8)
        operator.admin.define_asset(2, "USD", 6)
        for number in range(1, instruments + 1):
            operator.call(
                make.define_instrument(
                    number, f"I{number}-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4
                )
            )
        operator.admin.open_account(ACCOUNT, tenant=TENANT)
        operator.admin.deposit("BTC", "1000", account=ACCOUNT)
    with Client.connect(endpoint, tenant=TENANT, name="trader", user="bench", account=ACCOUNT) as trader:
        orders = trader.make.orders
        reports = trader.batch([orders.limit(MARKET, "sell", 1, 100 + k) for k in range(20)])
        trader.ask(trader.make.query.past_orders(min_seq=reports[-1].sequence), WAIT_MS)


def ask(endpoint: str, questions: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(questions,) milliseconds an answer."""
    took = np.zeros(questions)
    for at in range(questions):
        # A reader that has not heard of the symbol asks by it.
        with Reader(endpoint, tenant=TENANT, name="bench", user="bench") as reader:
            reader.ask(reader.make.query.past_orders(most=1), WAIT_MS)  # connects
            query = reader.make.query.past_orders(instrument=f"I{MARKET + 1}-USD", most=20)
            start = time.perf_counter()
            reader.ask(query, WAIT_MS)
            took[at] = (time.perf_counter() - start) * 1_000
    return took


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instruments", type=int, default=500)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--redis", metavar="URL", help="measures a cache there, too")
    options = parser.parse_args(arguments)
    ways = {"none": "cache.ttl_ms=1", "memory": "cache.ttl_ms=600000"}
    if options.redis:
        ways["Redis"] = f"cache.url={options.redis}"
    rows = []
    for name, setting in ways.items():
        with tempfile.TemporaryDirectory(prefix="bench") as directory:
            limit = f"limits.instruments={options.instruments + 1}"
            with exchange(Path(directory) / "data", setting, limit) as endpoint:
                fill(endpoint, options.instruments)
                ask(endpoint, 3)
                took = ask(endpoint, options.questions)
        rows.append([name, *(f"{np.percentile(took, part):.2f}" for part in (50, 90, 99))])
    print(machine())
    print(table(("cache", "p50 ms", "p90 ms", "p99 ms"), rows))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ExchangeError as error:
        sys.exit(str(error))
