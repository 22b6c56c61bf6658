"""An exchange whose settlement posts every trade, under load: how far behind it is, and what orders take.

``python -m bench.settled [--rate N ...] [--batch N ...] [--seconds S] [--runs N]``: two requests in five
trade, so 50,000 a second are 20,000 trades; so many are sent in one message. Lag is looked at four times a
second: trades that are not posted yet, by the trades a second of the run. 20,000 trades a second with a lag
below 1 s are asked for, beside 50,000 orders a second whose p99 stays below 500 us.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.loaded import LOOK_S, Beside, Loaded, loaded_exchange, trading
from bench.measure import machine, table
from exchange.bench.flow import Load
from exchange.bench.measure import Measured
from exchange.client import Client
from exchange.observability import StatsReader, stats_path

WITH = ("settlement.enabled=true", "events.publish=true")


def posted(store: Path) -> int:
    """The last trade that is posted."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        (number,) = connection.execute("SELECT posted FROM progress").fetchone()
        return int(number)


@dataclass
class Watched:
    """What was seen while a load ran.

    Args:
        data: The data directory of the exchange.
        made: Trades that the core had made, by the time of looking.
        behind: Of these, those that were not posted.
    """

    data: Path
    made: list[tuple[float, int]] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Trades a second."""
        (start, first), (end, last) = self.made[0], self.made[-1]
        return (last - first) / (end - start)

    def look(self) -> None:
        """Once more."""
        made, behind = self._now()
        self.made.append((time.monotonic(), made))
        self.behind.append(behind)

    def caught_up_s(self) -> float:
        """Waits until nothing is behind; how long that was."""
        began = time.monotonic()
        while self._now()[1]:
            time.sleep(LOOK_S)
        return time.monotonic() - began

    def _now(self) -> tuple[int, int]:
        with StatsReader(stats_path(self.data)) as stats:
            made = int(stats.read_values()["trades"])
        return made, made - posted(self.data / "stores" / "settlement.sqlite")


def one(exchange: Loaded, load: Load) -> tuple[Measured, Watched, float, dict[str, float]]:
    """One load, how long settlement takes to catch up, and shares of a processor."""
    seen = Watched(exchange.data)
    beside = Beside(exchange.data, load.rate, seen.look)
    measured = exchange.measured(load, beside)
    return measured, seen, seen.caught_up_s(), beside.shares()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Settlement beside a load of orders.")
    parser.add_argument(
        "--rate", type=int, nargs="+", default=[10_000, 25_000, 50_000], help="requests a second"
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[10], help="requests in a message (10)")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured time of a run")
    parser.add_argument("--runs", type=int, default=1, help="at each rate")
    options = parser.parse_args()
    print(machine(), flush=True)
    rows = []
    with loaded_exchange(WITH) as exchange:
        orders = exchange.settings.endpoints.orders
        with Client.connect(orders, tenant=0, name="settled", user="bench") as client:
            assert client.admin.set_settlement(True).ok
        runs = [
            (rate, batch) for rate in options.rate for batch in options.batch for _ in range(options.runs)
        ]
        for number, (rate, batch) in enumerate(runs):
            load = trading(exchange.load(number, rate, options.seconds, batch))
            measured, seen, caught_up_s, shares = one(exchange, load)
            rows.append(
                [
                    f"{rate:,}",
                    str(batch),
                    f"{seen.rate:,.0f}",
                    f"{median(seen.behind) / seen.rate:.2f}",
                    f"{max(seen.behind) / seen.rate:.2f}",
                    f"{caught_up_s:.1f}",
                    f"{measured.percentiles[50.0] / 1e3:,.0f}",
                    f"{measured.percentiles[99.0] / 1e3:,.0f}",
                ]
            )
            spent = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
            print(*rows[-1], "| processors:", spent, flush=True)
    heads = [
        "requests/s",
        "in a message",
        "trades/s",
        "lag, s",
        "largest",
        "caught up after, s",
        "p50 us",
        "p99 us",
    ]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
