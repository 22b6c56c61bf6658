"""Orders with and without the order history beside them, in turns: what they take, and how far behind it is.

``python -m bench.recorded [--rate N ...] [--seconds S] [--runs N]``. Lag is looked at four times a second:
the age of the newest order in the history's store, from when the core took it. The last columns are shares of
a processor. Asked for: it keeps up with 20,000 orders a second, with a lag below 1 s, and beside it 50,000 a
second keep their p99.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import NamedTuple, Self

from bench.measure import Spread, machine, table
from exchange.bench.flow import Load
from exchange.bench.market import Market
from exchange.bench.measure import Measured, measure
from exchange.cli.common import settings_of
from exchange.cli.launch import running
from exchange.observability import StatsReader, stats_path
from exchange.observability.process_metrics import usage_of
from exchange.runtime.processes import rows_of
from exchange.storage.directory import DataDirectory

WARMUP_S, ACCOUNTS, SOCKETS, LOOK_S, NS_A_S = 3.0, 1_000, 16, 0.25, 1e9
RATE_MIN = 1_000  # commands a second; fewer are ticks
SHOWN = ("core", "publisher", "history")
WAYS = {"without": (), "history": ("history.enabled=true",)}


class Run(NamedTuple):
    """One load: what orders took, ages of the newest recorded one, processes' shares of a processor."""

    measured: Measured
    ages_s: list[float]
    shares: dict[str, float]


class Beside:
    """Looks at the exchange while the core takes orders, from the warm-up's end on. A thread that sleeps.

    Holds how old the newest order of the history was, and what the processes took of a processor.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._store = data / "stores" / "history.sqlite"
        self._pids = {row.name: row.pid for row in rows_of(DataDirectory(data)) if row.pid is not None}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.ages_s: list[float] = []
        self.shares: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        began = taken = 0.0
        with StatsReader(stats_path(self._data)) as stats:
            commands = int(stats.read_values()["commands"])
            before: dict[str, float] = {}
            while not self._stop.wait(LOOK_S):
                now, last, commands = time.monotonic(), commands, int(stats.read_values()["commands"])
                if commands - last < RATE_MIN * LOOK_S:
                    continue  # not yet, or not any more
                began = began or now
                if now - began < WARMUP_S:
                    continue
                if not before:
                    before, taken = self._spent(), now
                    continue
                self.shares = {
                    name: (spent - before[name]) / (now - taken) for name, spent in self._spent().items()
                }
                if self._store.exists():
                    self.ages_s.append(time.time() - self._newest_s())

    def _newest_s(self) -> float:
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as connection:
            query = "SELECT entered_at FROM orders ORDER BY entered_sequence DESC LIMIT 1"
            newest: int = connection.execute(query).fetchone()[0]
            return newest / NS_A_S

    def _spent(self) -> dict[str, float]:
        usages = {name: usage_of(pid) for name, pid in self._pids.items()}
        return {name: usage.cpu_s for name, usage in usages.items() if usage is not None}


def runs_of(way: str, rates: list[int], seconds: float, seed: int) -> list[Run]:
    """A load at each rate on a new exchange."""
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
                with Beside(data) as beside:
                    measured = measure(market, load, WARMUP_S)
                market.beat()
                assert (measured.lost, measured.duplicates) == (0, 0)
                found.append(Run(measured, beside.ages_s, beside.shares))
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
