"""From the match to a subscriber: how old ticks are when a program has read them, while many trade.

``python -m bench.told [--trades N ...] [--interval MS ...] [--seconds S] [--runs N]``: an exchange runs with
market data, a load of which two requests in five trade, and beside it a client that is told the ticks of the
instrument, raw and at most one in 10 ms. A tick's age is from its trade's journaled time, before the
match, to its having been read, by the same clock. At 20,000 trades a second p99 below 5 ms is asked for. If
market data falls so far behind that it says UNAVAILABLE, the ages are those of before. What each process took
of the processors is from its time by the kernel.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from bench.loaded import WARMUP_S, Beside, Loaded, loaded_exchange, trading
from bench.measure import machine, table
from exchange.bench.flow import Load
from exchange.client import Client
from exchange.errors import DeadlineExceeded, ServiceUnavailableError
from exchange.runtime.priority import LOAD_PRIORITY, as_allowed, in_realtime

LISTEN_S, PATIENCE_S = 2.0, 120.0
REQUESTS_A_TRADE = 2.5
WITH = (
    "market_data.enabled=true", "market_data.query_process=true", "market_data.events_ms=0",
    "market_data.realtime_priority=4",
)  # fmt: skip
INSTRUMENT = 1


def listen(endpoints: tuple[str, str, str], interval_ms: int, seconds: float, say: Connection) -> None:
    """Reads ticks for so long after the warm-up; says how many, how many were left out, and their ages."""
    orders, queries, market_data = endpoints
    ages: list[int] = []
    first = last = 0
    with (
        in_realtime(as_allowed(LOAD_PRIORITY)),  # it stands for a program on another machine
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


def one(exchange: Loaded, load: Load, interval_ms: int) -> tuple[list[str], dict[str, float]]:
    """One load, with a subscriber beside it: a row, and the share of a processor that each process took."""
    here, there = multiprocessing.Pipe()
    seconds = load.seconds - WARMUP_S
    process = multiprocessing.Process(target=listen, args=(places_of(exchange), interval_ms, seconds, there))
    process.start()
    there.close()  # so that its end is heard
    here.recv()
    assert process.pid is not None
    beside = Beside(exchange.data, load.rate, others={"client": process.pid})
    measured = exchange.measured(load, beside)
    ticks, left_out, (p50, p99, p999) = here.recv()
    process.join()
    row = [
        f"{load.rate / REQUESTS_A_TRADE:,.0f}", str(interval_ms), f"{ticks:,.0f}", f"{left_out:.0%}",
        f"{p50:.1f}", f"{p99:.1f}", f"{p999:.1f}", f"{measured.percentiles[99.0] / 1e6:.1f}",
    ]  # fmt: skip
    return row, beside.shares()


def places_of(exchange: Loaded) -> tuple[str, str, str]:
    """Where orders, queries and market data are."""
    endpoints = exchange.settings.endpoints
    return endpoints.orders, endpoints.queries, endpoints.marketdata


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Ages of ticks beside a load of orders.")
    parser.add_argument("--trades", type=int, nargs="+", default=[200, 2_000, 20_000], help="trades a second")
    parser.add_argument("--interval", type=int, nargs="+", default=[0, 10], help="ms between ticks (0 10)")
    parser.add_argument("--batch", type=int, default=10, help="requests in a message (10)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="TABLE.NAME=VALUE", help="a setting of the exchange"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="measured time of a run")
    parser.add_argument("--runs", type=int, default=1, help="at each rate")
    options = parser.parse_args()
    print(machine(), flush=True)
    rows = []
    with loaded_exchange([*WITH, *options.set]) as exchange:
        runs = [
            (rate, interval)
            for rate in options.trades
            for interval in options.interval
            for _ in range(options.runs)
        ]
        for number, (rate, interval_ms) in enumerate(runs):
            load = trading(
                exchange.load(number, int(rate * REQUESTS_A_TRADE), options.seconds, options.batch)
            )
            row, shares = one(exchange, load, interval_ms)
            rows.append(row)
            spent = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
            print(*row, "| processors:", spent, flush=True)
            caught_up(places_of(exchange))
    heads = [
        "trades/s", "one in ms", "ticks/s", "left out", "age p50 ms", "p99", "p99.9", "orders' p99 ms",
    ]  # fmt: skip
    print(table(heads, rows))


if __name__ == "__main__":
    main()
