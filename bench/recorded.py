"""Orders with and without the order history beside them, in turns: what they take, and how far behind it is.

``python -m bench.recorded [--rate N ...] [--seconds S] [--runs N]``. Lag is looked at four times a second:
the age of the newest order in the history's store, from when the core took it. Asked for: it keeps up with
20,000 orders a second, with a lag below 1 s, and beside it 50,000 a second keep their p99.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Self

from bench.measure import Spread, machine, table
from bench.processors import Processors
from exchange.bench.flow import Load
from exchange.bench.market import Market
from exchange.bench.measure import Measured, measure
from exchange.cli.common import settings_of
from exchange.cli.launch import running

WARMUP_S, ACCOUNTS, SOCKETS, LOOK_S, NS_A_S = 3.0, 1_000, 16, 0.25, 1e9
WAYS = {"without": (), "history": ("history.enabled=true",)}


class Newest:
    """Looks how old the newest order of the history is, in a thread of its own, while a load runs."""

    def __init__(self, data: Path) -> None:
        self._store = data / "stores" / "history.sqlite"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.ages_s: list[float] = []

    def __enter__(self) -> Self:
        if self._store.exists():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._store.exists():
            self._thread.join()

    def _look(self) -> None:
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as connection:
            self._stop.wait(WARMUP_S)
            while not self._stop.wait(LOOK_S):
                newest = connection.execute(
                    "SELECT entered_at FROM orders ORDER BY entered_sequence DESC LIMIT 1"
                ).fetchone()
                assert newest is not None, "no order was recorded"
                self.ages_s.append((time.time_ns() - newest[0]) / NS_A_S)


def runs_of(way: str, rates: list[int], seconds: float, seed: int) -> list[tuple[Measured, list[float], str]]:
    """A load at each rate on a new exchange: what orders took, ages, and what processes took."""
    found = []
    with tempfile.TemporaryDirectory() as made:
        data = Path(made) / "data"
        given = SimpleNamespace(data=data, config=None, set=list(WAYS[way]))
        settings = settings_of(given)  # type: ignore[arg-type]  # it reads these three
        with (
            running(given, settings),  # type: ignore[arg-type]
            Market(settings.endpoints.orders, SOCKETS) as market,
        ):
            market.define()
            market.fund(ACCOUNTS)
            for number, rate in enumerate(rates):
                load = Load(
                    rate=rate, seconds=WARMUP_S + seconds, batch=10, accounts=ACCOUNTS, sockets=SOCKETS,
                    seed=seed + number, run=number,
                )  # fmt: skip
                with Newest(data) as newest, Processors(data, {}, WARMUP_S, seconds) as processors:
                    measured = measure(market, load, WARMUP_S)
                market.beat()
                assert (measured.lost, measured.duplicates) == (0, 0)
                shares = ", ".join(f"{name} {share:.2f}" for name, share in processors.shares().items())
                found.append((measured, newest.ages_s, shares))
    return found


def main() -> None:
    """Measures in turns and prints."""
    parser = argparse.ArgumentParser(description="Orders with and without the order history.")
    parser.add_argument(
        "--rate", type=int, nargs="+", default=[10_000, 20_000, 50_000], help="requests a second"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="measured time of a run")
    parser.add_argument("--runs", type=int, default=3, help="of each way and rate, in turns")
    options = parser.parse_args()
    print(machine(), flush=True)
    found: dict[tuple[int, str], list[tuple[Measured, list[float], str]]] = {}
    for run in range(options.runs):
        for way in WAYS:
            for rate, one in zip(
                options.rate, runs_of(way, options.rate, options.seconds, run * 100), strict=True
            ):
                found.setdefault((rate, way), []).append(one)
                print(f"{rate:,} {way}: {one[2]}", file=sys.stderr, flush=True)
    rows = []
    for (rate, way), runs in sorted(found.items()):
        p50, p99 = (
            Spread.of([each.percentiles[p] / 1e3 for each, _, _ in runs]).show() for p in (50.0, 99.0)
        )
        ages = [age for _, some, _ in runs for age in some]
        lags = [f"{median(ages):.2f}", f"{max(ages):.2f}"] if ages else ["", ""]
        rows.append([f"{rate:,}", way, p50, p99, *lags])
    print(table(["requests/s", "", "p50 us", "p99 us", "lag, s", "largest"], rows))


if __name__ == "__main__":
    main()
