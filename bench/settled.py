"""An exchange whose settlement posts every trade, under load: how far behind it is, and what orders take.

``python -m bench.settled [--rate N ...] [--seconds S] [--runs N]``: one request in five trades, so 50,000
requests a second are 10,000 trades. Lag is looked at four times a second: trades that are not posted yet, by
the trades a second of the run. 20,000 trades a second with a lag below 1 s are asked for, beside 50,000
orders a second.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import SimpleNamespace

from bench.measure import machine, table
from bench.processors import Processors
from exchange.bench.flow import Load
from exchange.bench.market import Market
from exchange.bench.measure import Measured, measure
from exchange.cli.common import settings_of
from exchange.cli.launch import running
from exchange.client import Client
from exchange.observability import StatsReader, stats_path

WARMUP_S, ACCOUNTS, SOCKETS, LOOK_S = 3.0, 1_000, 16, 0.25
WITH = ("settlement.enabled=true", "events.publish=true")


@dataclass
class Watched:
    """What was seen while a load ran.

    Args:
        made: Trades that the core had made, by the time of looking.
        behind: Of these, those that were not posted.
    """

    made: list[tuple[float, int]] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)
    caught_up_s: float = 0.0

    @property
    def rate(self) -> float:
        """Trades a second."""
        (start, first), (end, last) = self.made[0], self.made[-1]
        return (last - first) / (end - start)


def posted(store: Path) -> int:
    """The last trade that is posted."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        (number,) = connection.execute("SELECT posted FROM progress").fetchone()
        return int(number)


def watch(data: Path, stop: threading.Event, seen: Watched) -> None:
    """Looks until told to stop, and then until nothing waits."""
    store, began = data / "stores" / "settlement.sqlite", 0.0
    with StatsReader(stats_path(data)) as stats:
        while True:
            made = int(stats.read_values()["trades"])
            behind = made - posted(store)
            if not stop.is_set():
                seen.made.append((time.monotonic(), made))
                seen.behind.append(behind)
            else:
                began = began or time.monotonic()
                if behind == 0:
                    seen.caught_up_s = time.monotonic() - began
                    return
            time.sleep(LOOK_S)


def one(data: Path, market: Market, load: Load) -> tuple[Measured, Watched, dict[str, float]]:
    """One load, and the share of a processor that each process took."""
    stop, seen = threading.Event(), Watched()
    watcher = threading.Thread(target=watch, args=(data, stop, seen))
    watcher.start()
    try:
        with Processors(data, {}, WARMUP_S, load.seconds - WARMUP_S) as processors:
            measured = measure(market, load, WARMUP_S)
    finally:
        stop.set()
        watcher.join()
    return measured, seen, processors.shares()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Settlement beside a load of orders.")
    parser.add_argument(
        "--rate", type=int, nargs="+", default=[10_000, 25_000, 50_000], help="requests a second"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="measured time of a run")
    parser.add_argument("--runs", type=int, default=1, help="at each rate")
    options = parser.parse_args()
    print(machine(), flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as made:
        data = Path(made) / "data"
        given = SimpleNamespace(data=data, config=None, set=list(WITH))
        settings = settings_of(given)  # type: ignore[arg-type]  # it reads these three
        with (
            running(given, settings),  # type: ignore[arg-type]
            Market(settings.endpoints.orders, SOCKETS) as market,
        ):
            market.define()
            market.fund(ACCOUNTS)
            with Client.connect(settings.endpoints.orders, tenant=0, name="settled", user="bench") as client:
                assert client.admin.set_settlement(True).ok
            runs = [rate for rate in options.rate for _ in range(options.runs)]
            for number, rate in enumerate(runs):
                seconds = WARMUP_S + options.seconds
                load = Load(
                    rate=rate, seconds=seconds, batch=10, accounts=ACCOUNTS, sockets=SOCKETS,
                    seed=1 + number, run=number,
                )  # fmt: skip
                measured, seen, shares = one(data, market, load)
                market.beat()
                assert (measured.lost, measured.duplicates) == (0, 0)
                rows.append(
                    [
                        f"{rate:,}",
                        f"{seen.rate:,.0f}",
                        f"{median(seen.behind) / seen.rate:.2f}",
                        f"{max(seen.behind) / seen.rate:.2f}",
                        f"{seen.caught_up_s:.1f}",
                        f"{measured.percentiles[50.0] / 1e3:,.0f}",
                        f"{measured.percentiles[99.0] / 1e3:,.0f}",
                    ]
                )
                spent = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
                print(*rows[-1], "| processors:", spent, flush=True)
    heads = ["requests/s", "trades/s", "lag, s", "largest", "caught up after, s", "p50 us", "p99 us"]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
