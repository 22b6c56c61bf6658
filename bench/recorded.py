"""Orders with and without the order history beside them, in turns: what they take, and how far behind it is.

``python -m bench.recorded [--rate N ...] [--seconds S] [--runs N]``. Lag is looked at four times a second:
the age of the newest order in the history's store, from when the core took it. The last columns are shares of
a processor. Asked for: it keeps up with 20,000 orders a second, with a lag below 1 s, and beside it 50,000 a
second keep their p99.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.loaded import Beside, loaded_exchange, nothing
from bench.measure import Spread, machine, table
from exchange.bench.measure import Measured

NS_A_S = 1e9
SHOWN = ("core", "load", "replica", "publisher", "history")
WAYS = {"without": (), "history": ("history.enabled=true",)}


class Run(NamedTuple):
    """One load: what orders took, ages of the newest recorded one, processes' shares of a processor."""

    measured: Measured
    ages_s: list[float]
    shares: dict[str, float]


def add_age(store: Path, ages: list[float]) -> None:
    """Of the newest order that is recorded, s."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        query = "SELECT entered_at FROM orders ORDER BY entered_sequence DESC LIMIT 1"
        newest: int = connection.execute(query).fetchone()[0]
        ages.append(time.time() - newest / NS_A_S)


def runs_of(way: str, rates: list[int], seconds: float, seed: int) -> list[Run]:
    """A load at each rate on a new exchange."""
    found = []
    with loaded_exchange(WAYS[way]) as exchange:
        store = exchange.data / "stores" / "history.sqlite"
        for number, rate in enumerate(rates, seed):
            ages: list[float] = []
            look = partial(add_age, store, ages) if WAYS[way] else nothing
            beside = Beside(exchange.data, rate, look)
            measured = exchange.measured(exchange.load(number, rate, seconds), beside)
            found.append(Run(measured, ages, beside.shares()))
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
    found: dict[tuple[int, str], list[Run]] = {}
    for run in range(options.runs):
        for way in WAYS:
            for rate, one in zip(
                options.rate, runs_of(way, options.rate, options.seconds, run * 100), strict=True
            ):
                found.setdefault((rate, way), []).append(one)
    rows = []
    for (rate, way), runs in sorted(found.items()):
        p50, p99 = (
            Spread.of([each.measured.percentiles[p] / 1e3 for each in runs]).show() for p in (50.0, 99.0)
        )
        ages = [age for each in runs for age in each.ages_s]
        lags = [f"{median(ages):.2f}", f"{max(ages):.2f}"] if ages else ["", ""]
        took = [f"{median(each.shares.get(name, 0.0) for each in runs):.2f}" for name in SHOWN]
        rows.append(
            [f"{rate:,}", way, f"{median(each.measured.rate for each in runs):,.0f}", p50, p99, *lags, *took]
        )
    heads = ["requests/s", "", "answered", "p50 us", "p99 us", "lag, s", "largest", *SHOWN]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
