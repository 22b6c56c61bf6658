"""From the match to a subscriber: how old ticks are when a program has read them, while many trade.

``python -m bench.told [--trades N ...] [--interval MS ...] [--seconds S] [--runs N]``: an exchange runs with
market data, a load of which each fifth request trades, and beside it a client that is told the ticks of the
instrument, raw and at most one in 10 ms. A tick's age is from its trade's journaled time, before the
match, to its having been read, by the same clock. At 20,000 trades a second p99 below 5 ms is asked for. If
market data falls so far behind that it says UNAVAILABLE, the ages are those of before. What each process took
of the processors is from its time by the kernel.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

from bench.measure import machine, table
from bench.processors import Processors
from exchange.bench.flow import Load
from exchange.bench.market import Market
from exchange.bench.measure import measure
from exchange.cli.common import settings_of
from exchange.cli.launch import running
from exchange.client import Client
from exchange.errors import DeadlineExceeded, ServiceUnavailableError

WARMUP_S, ACCOUNTS, SOCKETS, LISTEN_S, PATIENCE_S = 3.0, 1_000, 16, 2.0, 120.0
REQUESTS_A_TRADE = 5
WITH = ("market_data.enabled=true", "market_data.query_process=true", "market_data.events_ms=0")
INSTRUMENT = 1


def listen(endpoints: tuple[str, str, str], interval_ms: int, seconds: float, say: Connection) -> None:
    """Reads ticks for so long after the warm-up; says how many, how many were left out, and their ages."""
    orders, queries, market_data = endpoints
    ages: list[int] = []
    first = last = 0
    with (
        Client.connect(
            orders,
            tenant=1,
            name=f"told-{interval_ms}",
            user="bench",
            queries=queries,
            marketdata=market_data,
        ) as client,
    ):
        client.load_instruments()
        with client.market_data.ticks(INSTRUMENT, interval_ms=interval_ms) as ticks:
            begin = time.monotonic() + WARMUP_S
            say.send("there")
            with suppress(ServiceUnavailableError):
                for tick in ticks:
                    now = time.monotonic()
                    if now >= begin + seconds:
                        break
                    if now >= begin and tick.last_qty and tick.sequence > last:
                        ages.append(time.time_ns() - tick.ts_ns)
                        first = first or tick.sequence
                    last = tick.sequence
    ages.sort()
    shares = [ages[len(ages) * part // 1_000] / 1e6 if ages else 0.0 for part in (500, 990, 999)]
    say.send((len(ages) / seconds, 1 - len(ages) / max(1, last - first + 1), shares))


def caught_up(endpoints: tuple[str, str, str]) -> None:
    """Waits until who answers has what the load before made."""
    orders, queries, market_data = endpoints
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with (
                Client.connect(
                    orders, tenant=1, name="caught-up", user="bench", queries=queries, marketdata=market_data
                ) as client,
            ):
                client.load_instruments()
                made = client.query.status().trades
                with client.market_data.ticks(INSTRUMENT) as ticks:
                    while next(ticks).stale:
                        pass
                if client.market_data.trades(most=1)[0].trade_id >= made:
                    return
        except (ServiceUnavailableError, DeadlineExceeded):
            if time.monotonic() > until:
                raise
        time.sleep(LISTEN_S)


def one(
    data: Path, endpoints: tuple[str, str, str], market: Market, load: Load, interval_ms: int
) -> tuple[list[str], dict[str, float]]:
    """One load, with a subscriber beside it: a row, and the share of a processor that each process took."""
    here, there = multiprocessing.Pipe()
    seconds = load.seconds - WARMUP_S
    process = multiprocessing.Process(target=listen, args=(endpoints, interval_ms, seconds, there))
    process.start()
    there.close()  # so that its end is heard
    here.recv()
    assert process.pid is not None
    with Processors(data, {"client": process.pid}, WARMUP_S, seconds) as processors:
        measured = measure(market, load, WARMUP_S)
    ticks, left_out, (p50, p99, p999) = here.recv()
    process.join()
    assert (measured.lost, measured.duplicates) == (0, 0)
    row = [
        f"{load.rate // REQUESTS_A_TRADE:,}", str(interval_ms), f"{ticks:,.0f}", f"{left_out:.0%}",
        f"{p50:.1f}", f"{p99:.1f}", f"{p999:.1f}", f"{measured.percentiles[99.0] / 1e6:.1f}",
    ]  # fmt: skip
    return row, processors.shares()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Ages of ticks beside a load of orders.")
    parser.add_argument("--trades", type=int, nargs="+", default=[200, 2_000, 20_000], help="trades a second")
    parser.add_argument("--interval", type=int, nargs="+", default=[0, 10], help="ms between ticks (0 10)")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured time of a run")
    parser.add_argument("--runs", type=int, default=1, help="at each rate")
    options = parser.parse_args()
    print(machine(), flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as made:
        given = SimpleNamespace(data=Path(made) / "data", config=None, set=list(WITH))
        settings = settings_of(given)  # type: ignore[arg-type]  # it reads these three
        endpoints = settings.endpoints
        places = (endpoints.orders, endpoints.queries, endpoints.marketdata)
        with (
            running(given, settings),  # type: ignore[arg-type]
            Market(endpoints.orders, SOCKETS) as market,
        ):
            market.define()
            market.fund(ACCOUNTS)
            runs = [
                (rate, interval)
                for rate in options.trades
                for interval in options.interval
                for _ in range(options.runs)
            ]
            for number, (rate, interval_ms) in enumerate(runs):
                load = Load(
                    rate=rate * REQUESTS_A_TRADE, seconds=WARMUP_S + options.seconds, batch=10,
                    accounts=ACCOUNTS, sockets=SOCKETS, seed=1 + number, run=number,
                )  # fmt: skip
                row, shares = one(given.data, places, market, load, interval_ms)
                rows.append(row)
                spent = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
                print(*row, "| processors:", spent, flush=True)
                market.beat()
                caught_up(places)
    heads = [
        "trades/s", "one in ms", "ticks/s", "left out", "age p50 ms", "p99", "p99.9", "orders' p99 ms",
    ]  # fmt: skip
    print(table(heads, rows))


if __name__ == "__main__":
    main()
